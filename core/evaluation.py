"""How good a model is, and how far its probabilities can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.metrics import f1_score

from core.cards import Calibration, Metric

if TYPE_CHECKING:
    from core.inference import EmotionAnalyzer

Indices = NDArray[np.intp]
Floats = NDArray[np.float32]
SCENE_PX = (640, 480)


def accuracy(truth: Indices, probabilities: Floats) -> float:
    """Share of pictures [n] whose likeliest label (of probabilities [n, labels]) is the true one; a row of zeros is no answer and wrong."""
    answered = probabilities.any(axis=1)
    return float(np.mean((probabilities.argmax(axis=1) == truth) & answered))


def macro_f1(truth: Indices, probabilities: Floats) -> float:
    """Mean of the F1 of every label that occurs in `truth`, each counted alike."""
    return float(f1_score(truth, probabilities.argmax(axis=1), labels=np.unique(truth), average="macro", zero_division=0.0))


def calibration_error(truth: Indices, probabilities: Floats, bins: int = 15) -> float:
    """Expected calibration error: mean distance between confidence and accuracy over bins of equal width, weighted by pictures.

    Source
    ------
    Guo et al. 2017, "On calibration of modern neural networks".
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(float(right[place == i].mean()) - float(confidence[place == i].mean())) * np.mean(place == i) for i in np.unique(place)]
    return float(sum(gaps))


def log_loss(truth: Indices, probabilities: Floats) -> float:
    """Mean of −ln of the probability given to the true label."""
    return float(-np.mean(np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-12))))


def bootstrapped(measure: Callable[[Indices, Floats], float], truth: Indices, probabilities: Floats, draws: int = 1000) -> Metric:
    """A figure with its 95 % percentile interval over pictures drawn with replacement; seeded, so it is the same every time."""
    rng = np.random.default_rng(0)
    values = []
    for _ in range(draws):
        chosen = rng.integers(0, len(truth), len(truth))
        values.append(measure(truth[chosen], probabilities[chosen]))
    low, high = np.percentile(values, [2.5, 97.5])
    return Metric(value=measure(truth, probabilities), low=float(low), high=float(high), n=len(truth))


def fit_calibration(logits: Floats, truth: Indices, coverage: float = 0.9) -> Calibration:
    """Temperature with the lowest log loss, and the probability from which labels belong to the prediction set.

    Parameters
    ----------
    logits : float32 [n, labels], of pictures that are used for nothing else
    truth : [n] index of the true label
    coverage : share of new pictures whose true label the set should hold

    Source
    ------
    Guo et al. 2017 (temperature); Sadinle, Lei and Wasserman 2019 (sets of least mean size), with the finite-sample rank of
    split conformal prediction.
    """

    def loss(log_temperature: float) -> float:
        return log_loss(truth, Calibration(float(np.exp(log_temperature)), coverage, 0.0).probabilities(logits))

    temperature = float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded").x))
    given = np.sort(Calibration(temperature, coverage, 0.0).probabilities(logits)[np.arange(len(truth)), truth])
    allowed = int(np.floor((len(truth) + 1) * (1 - coverage))) - 1  # so many true labels may fall below
    return Calibration(temperature, coverage, float(given[allowed]) if allowed >= 0 else 0.0)


def sets_of(probabilities: Floats, calibration: Calibration) -> NDArray[np.bool_]:
    """Prediction sets as a mask [n, labels], as Calibration.prediction_set makes them."""
    held = probabilities >= calibration.least
    held[np.arange(len(held)), probabilities.argmax(axis=1)] = True
    return held


def cross_fitted(logits: Floats, truth: Indices, folds: int = 10) -> tuple[Floats, NDArray[np.bool_]]:
    """What pictures get from a calibration that was fitted without them: probabilities [n, labels] and prediction sets (a mask).

    Each tenth of the pictures is judged by what was fitted on the others, so every picture serves for measuring and none
    for measuring itself.
    """
    fold = np.random.default_rng(0).permutation(len(truth)) % folds
    probabilities = np.zeros(logits.shape, np.float32)
    held = np.zeros(logits.shape, np.bool_)
    for number in range(folds):
        here = fold == number
        calibration = fit_calibration(logits[~here], truth[~here])
        probabilities[here] = calibration.probabilities(logits[here])
        held[here] = sets_of(probabilities[here], calibration)
    return probabilities, held


def in_scene(face: NDArray[np.uint8], side_px: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], tuple[int, int, int, int]]:
    """The face (uint8 [h, w], grey) enlarged to `side_px` and placed anywhere in a 640×480 background of soft colours and noise.

    Returns the scene, uint8 [480, 640, 3], and where the face's picture lies in it (left, top, width, height).
    """
    width, height = SCENE_PX
    soft = cv2.resize(rng.integers(40, 200, (4, 5, 3), dtype=np.uint8), SCENE_PX, interpolation=cv2.INTER_LINEAR)
    scene = np.asarray(soft, np.uint8) + rng.integers(0, 16, soft.shape, dtype=np.uint8)
    top, left = int(rng.integers(0, height - side_px + 1)), int(rng.integers(0, width - side_px + 1))
    enlarged = cv2.resize(face, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    scene[top : top + side_px, left : left + side_px] = enlarged[..., None]
    return scene, (left, top, side_px, side_px)


def scenes_of(faces: NDArray[np.uint8], seed: int = 0) -> Iterator[tuple[NDArray[np.uint8], tuple[int, int, int, int]]]:
    """Each of the faces [n, h, w] in a scene of its own, 100 to 300 px large, as `in_scene` gives it. Shows whether finding works."""
    rng = np.random.default_rng(seed)
    for face in faces:
        yield in_scene(face, int(rng.integers(100, 301)), rng)


def read_in_scenes(analyzer: EmotionAnalyzer, faces: NDArray[np.uint8], seed: int = 0) -> Floats:
    """Probabilities [n, labels] of faces [n, h, w] found in scenes by the whole path; zeros where none was found."""
    rows = np.zeros((len(faces), len(analyzer.labels)), np.float32)
    for row, (scene, _) in zip(rows, scenes_of(faces, seed), strict=True):
        readings = analyzer.analyze(scene)
        if readings:
            row[:] = readings[0].probabilities
    return rows
