"""Model cards: what a model is, how pixels must meet it, how far to trust it. Read and checked here, nowhere else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import InputProblem
from core.places import model_folders

CARD_FILE = "card.json"
DEFAULT_MODEL = "ferplus"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Scaling:
    """How grey values (0 to 255) meet the network: (grey − mean) / std."""

    mean: float
    std: float

    def apply(self, grey: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 of any shape → float32 of the same shape."""
        table = ((np.arange(256, dtype=np.float32) - self.mean) / self.std).astype(np.float32)
        return table[grey]


@dataclass(frozen=True, slots=True)
class Framing:
    """Where a face lies in a training picture.

    side_px     side of the square picture
    points      name of a point of the face (core.faces.POINTS) → its mean place in training pictures, (x, y) as shares of the side
    """

    side_px: int
    points: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns the network's output into probabilities and sets that mean what they say.

    temperature     logits are divided by it before the softmax (Guo et al. 2017)
    coverage        share of pictures whose true label the prediction set should hold
    least           a label is in the set when its probability reaches this (split conformal; Sadinle et al. 2019)
    """

    temperature: float
    coverage: float
    least: float

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits [n, labels] → probabilities [n, labels]; rows add up to 1."""
        scaled = logits.astype(np.float64) / self.temperature
        powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)

    def prediction_set(self, probabilities: Sequence[float], labels: Sequence[str]) -> tuple[str, ...]:
        """The labels that cannot be ruled out, likeliest first; never empty."""
        order = np.argsort(probabilities)[::-1]
        return tuple(labels[i] for rank, i in enumerate(order) if rank == 0 or probabilities[i] >= self.least)


@dataclass(frozen=True, slots=True)
class Metric:
    """A measured figure with its 95 % interval (bootstrap over pictures) and on how many pictures it was measured."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class ModelCard:
    """All that is to be known of a model. `card.json` beside the weights holds the same fields.

    name, version       the folder's name, and which training of it
    title               one line for people
    labels              emotion names, in the network's order
    scaling, framing    how pixels must meet the network
    mirror_average      whether the outputs for the picture and its mirror image are averaged
    calibration         how outputs become probabilities and prediction sets
    metrics             name → Metric, measured on `measured_on`
    measured_on         which pictures, in words
    data, licence       what it was trained on, and the terms of the weights
    intended_uses, forbidden_uses, limits   sentences for the reader
    training            recipe, seed, commit, what was tried, and whatever else explains how the weights came about
    weights             file, sha256 and bytes of the served weights
    """

    name: str
    version: str
    title: str
    labels: tuple[str, ...]
    scaling: Scaling
    framing: Framing
    mirror_average: bool
    calibration: Calibration
    metrics: Mapping[str, Metric]
    measured_on: str
    data: str
    licence: str
    intended_uses: tuple[str, ...]
    forbidden_uses: tuple[str, ...]
    limits: tuple[str, ...]
    training: Mapping[str, Any]
    weights: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """Of the served weights, in hexadecimal."""
        return str(self.weights["sha256"])

    def prepare(self, faces_gray: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 [n, h, w], framed as in training → float32 [n, side, side, 1] as the network wants it. The one way in for pixels."""
        side = self.framing.side_px
        if faces_gray.shape[1:] != (side, side):
            faces_gray = np.stack([cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA) for face in faces_gray])
        return self.scaling.apply(faces_gray)[..., None]

    def write(self, folder: Path) -> None:
        """Write `card.json` into `folder`."""
        content = {"format": FORMAT, **asdict(self)}
        (folder / CARD_FILE).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_card(folder: Path) -> ModelCard:
    """Read the card in `folder`.

    Raises
    ------
    InputProblem
        when there is none, it is damaged, or it was written by another version of the product.
    """
    path = folder / CARD_FILE
    remedy = "Copy the model's folder again, or export the model anew."
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputProblem(f"The folder “{folder.name}” holds no {CARD_FILE}, so it is no model.", remedy) from None
    except (OSError, ValueError) as problem:
        raise InputProblem(f"The card of the model “{folder.name}” cannot be read ({problem}).", remedy) from problem
    try:
        if content.pop("format") != FORMAT:
            raise InputProblem(f"The card of the model “{folder.name}” was written by another version of Emotion Lab.", remedy)
        framing, calibration = content.pop("framing"), Calibration(**content.pop("calibration"))
        card = ModelCard(
            labels=tuple(content.pop("labels")),
            scaling=Scaling(**content.pop("scaling")),
            framing=Framing(framing["side_px"], {name: (float(x), float(y)) for name, (x, y) in framing["points"].items()}),
            calibration=calibration,
            metrics={name: Metric(**values) for name, values in content.pop("metrics").items()},
            intended_uses=tuple(content.pop("intended_uses")),
            forbidden_uses=tuple(content.pop("forbidden_uses")),
            limits=tuple(content.pop("limits")),
            **content,
        )
        if not card.sha256 or not card.weights["file"]:
            raise ValueError("the weights are not named")
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise InputProblem(f"The card of the model “{folder.name}” is incomplete ({problem}).", remedy) from problem
    return card


def read_weights(folder: Path, card: ModelCard) -> bytes:
    """The served weights of the model in `folder`.

    Raises
    ------
    InputProblem
        when the file is missing or is not the one the card describes.
    """
    remedy = "Copy the model's folder again; its card and its weights belong together."
    path = folder / Path(str(card.weights["file"])).name
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise InputProblem(f"The weights of the model “{card.name}” ({path.name}) cannot be read.", remedy) from problem
    found = hashlib.sha256(content).hexdigest()
    if found != card.sha256:
        raise InputProblem(
            f"The weights of the model “{card.name}” do not match its card: the card names {card.sha256[:12]}…, the file is {found[:12]}….",
            remedy,
        )
    return content


def model_folder(name: str) -> Path:
    """The folder of the model called `name`, the user's own before a shipped one. Raises InputProblem when there is none."""
    installed = _installed_folders()
    if name not in installed:
        raise InputProblem(f"There is no model called “{name}”.", f"Choose one of: {', '.join(installed) or 'none is installed'}.")
    return installed[name]


def installed_models() -> list[ModelCard]:
    """The cards of all models that can be read, the default first; a damaged one is left out here and refused by `read_card`."""
    cards: list[ModelCard] = []
    for folder in _installed_folders().values():
        try:
            cards.append(read_card(folder))
        except InputProblem:
            continue
    return sorted(cards, key=lambda card: card.name != DEFAULT_MODEL)


def _installed_folders() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for place in model_folders():
        for path in sorted(place.glob(f"*/{CARD_FILE}")):
            found.setdefault(path.parent.name, path.parent)
    return found
