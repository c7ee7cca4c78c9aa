"""The shared door: pixels in, calibrated emotions out. Every page and command goes through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from core.cards import DEFAULT_MODEL, ModelCard, model_folder, read_card, read_weights
from core.errors import InputProblem
from core.faces import FramedFace, detector_named, frame_faces, frame_whole
from core.lite import LiteModel

MOST_AT_ONCE = 32  # faces in one call of the network: larger batches are no faster and take memory for good


@dataclass(frozen=True, slots=True)
class FaceReading:
    """What one face in a picture looks like.

    box_px          (left, top, width, height) in the picture as given, in pixels; may reach beyond the picture's edge
    labels          emotion names, in the network's order
    probabilities   one per label, calibrated; they add up to 1
    prediction_set  labels that cannot be ruled out at the card's coverage (90 % by default), likeliest first
    score           the detector's confidence that this is a face, in [0, 1]
    yaw_deg         head turned to the picture's right is positive; NaN where no landmarks were found
    pitch_deg       head tilted up is positive
    roll_deg        head leaning clockwise (as seen in the picture) is positive
    sharpness       standard deviation of the Laplacian of the crop, in grey levels; low is blurred
    brightness      mean grey level of the crop, 0 to 255
    contrast        standard deviation of the grey levels of the crop
    problem         why this reading should not be trusted, as a sentence for the reader; "" when nothing speaks against it
    crop            uint8 [side, side], grey: what the network saw (read-only)
    """

    box_px: tuple[float, float, float, float]
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    prediction_set: tuple[str, ...]
    score: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    sharpness: float
    brightness: float
    contrast: float
    problem: str
    crop: NDArray[np.uint8] = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.probabilities) != len(self.labels) or abs(sum(self.probabilities) - 1) > 1e-3:
            raise ValueError(f"one probability per label, adding up to 1, got {self.probabilities}")

    @property
    def label(self) -> str:
        """The likeliest emotion."""
        return self.labels[int(np.argmax(self.probabilities))]

    @property
    def confidence(self) -> float:
        """The probability of the likeliest emotion."""
        return max(self.probabilities)

    @property
    def runner_up(self) -> str:
        """The second likeliest emotion."""
        return self.labels[int(np.argsort(self.probabilities)[-2])]

    @property
    def usable(self) -> bool:
        """Whether nothing speaks against this reading."""
        return not self.problem


class EmotionAnalyzer:
    """Pixels in, calibrated emotions out. Read-only once loaded; any number of threads may call it at once.

    Attributes: `labels` (emotion names in the network's order), `card`, `detector` (its name).
    """

    def __init__(self, card: ModelCard, weights: bytes, detector: str) -> None:
        self.card = card
        self.labels = card.labels
        self.detector = detector
        self._find = detector_named(detector)
        self._network = LiteModel(weights)
        side = card.framing.side_px
        shapes = (self._network.input_shape, tuple(self._network.outputs[0]["shape"][1:]))
        if shapes != ((side, side, 1), (len(card.labels),)):
            raise InputProblem(
                f"The weights of the model “{card.name}” do not match its card: "
                f"the card names {side}×{side} pixels and {len(card.labels)} labels, "
                f"the file has {'×'.join(map(str, shapes[0]))} and {shapes[1][0]}.",
                "Copy the model's folder again; its card and its weights belong together.",
            )

    @classmethod
    def load(cls, model: str = DEFAULT_MODEL, detector: str = "blazeface") -> EmotionAnalyzer:
        """Load a model by name, with a face detector by name (core.faces.DETECTORS).

        Raises
        ------
        InputProblem
            when there is no such model or detector, or the model's card does not match its weights.
        """
        folder = model_folder(model)
        card = read_card(folder)
        return cls(card, read_weights(folder, card), detector)

    def analyze(self, image_bgr: NDArray[np.uint8]) -> list[FaceReading]:
        """Find the faces of a picture and read their expressions.

        Parameters
        ----------
        image_bgr : uint8 [h, w, 3]

        Returns
        -------
        list[FaceReading]
            largest face first; empty when no face was found.
        """
        return self.read(self.observe(image_bgr))

    def observe(self, image_bgr: NDArray[np.uint8]) -> list[FramedFace]:
        """Find the faces of a picture (uint8 [h, w, 3]) and cut them out as in training, largest first; the network is not asked yet."""
        if image_bgr.dtype != np.uint8 or image_bgr.ndim != 3 or image_bgr.shape[2] != 3:
            raise ValueError(f"a picture is uint8 [h, w, 3], got {image_bgr.dtype} {list(image_bgr.shape)}")
        if self.detector == "whole":
            return [frame_whole(image_bgr, self.card.framing)]
        return frame_faces(image_bgr, self._find(image_bgr), self.card.framing)

    def read(self, framed: Sequence[FramedFace]) -> list[FaceReading]:
        """Read faces that were framed before (with the framing of this model's card), all in one call of the network."""
        if not framed:
            return []
        readings = []
        for face, row in zip(framed, self.classify(np.stack([face.crop for face in framed])), strict=True):
            probabilities = tuple(float(p) for p in row)
            readings.append(
                FaceReading(
                    labels=self.labels,
                    probabilities=probabilities,
                    prediction_set=self.card.calibration.prediction_set(probabilities, self.labels),
                    **{item.name: getattr(face, item.name) for item in fields(face)},
                )
            )
        return readings

    def classify(self, faces_gray: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated probabilities of faces that are framed as in training.

        Parameters
        ----------
        faces_gray : uint8 [n, h, w]; resized where they are not as large as the training pictures

        Returns
        -------
        float32 [n, labels]
            rows add up to 1.
        """
        return self.card.calibration.probabilities(self.logits(faces_gray))

    def logits(self, faces_gray: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the network says of faces [n, h, w] before calibration: float32 [n, labels], with the mirror image if the card says so."""
        if len(faces_gray) == 0:
            return np.zeros((0, len(self.labels)), np.float32)
        prepared = self.card.prepare(faces_gray)
        chunks = []
        for start in range(0, len(prepared), MOST_AT_ONCE):
            part = prepared[start : start + MOST_AT_ONCE]
            batch = np.concatenate([part, part[:, :, ::-1]]) if self.card.mirror_average else part
            (out,) = self._network.run(batch)
            chunks.append((out[: len(part)] + out[len(part) :]) / 2 if self.card.mirror_average else out)
        return np.concatenate(chunks)
