"""Faces over time: who is who from one moment to the next, smoothed probabilities, and time spent per emotion."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from core.faces import overlaps

RESTART_HALF_LIVES = 4.0
"""After a gap of more half-lives than this, smoothing starts anew: the past would count for less than a sixteenth."""

MAX_STEPS = 2.0
"""A moment stands for at most this many usual steps of time; beyond, the face was not there."""

_REACH = 0.75  # how far from where it is expected a face may be found again, in face widths …
_REACH_PER_S = 1.5  # … and how much farther for every second it was not looked at,
_REACH_FOR_S = 1.0  # … of which no more than this counts
_RESIZE = 2.0  # a face that has more than doubled or less than halved is another one
_SETTLE_S = 0.2  # half-life of the estimate of a face's motion: long enough for a detector's jitter to cancel
_NEVER = 1e6  # cost of a pair that must not be


@dataclass(slots=True)
class _Track:
    number: int
    box_px: NDArray[np.float64]
    velocity: NDArray[np.float64]  # of the box's centre, in pixels per second
    seen_s: float


class Follower:
    """Gives each face a stable number, counted from 1, from the boxes alone; live camera and video share it.

    Every known face is expected where it would be if it kept moving as it did. Faces and boxes are paired so that the sum of
    (1 − overlap) + (distance between centres ÷ size) + |log₂ of the change in size| is as small as possible. A box too far from every
    face it could be, or of a very different size, is a new face. Numbers are never given twice.

    memory_s    a face that was lost for less than this many seconds keeps its number; one seen at the last moment keeps it however long
                ago that was, so a video looked at every few seconds can be followed as well

    Source: the scheme of SORT (Bewley et al. 2016, doi:10.1109/ICIP.2016.7533003), with distance and size beside overlap because a face
    that moves by its own width between two moments does not overlap with itself.
    """

    def __init__(self, memory_s: float = 1.0) -> None:
        if not memory_s >= 0:
            raise ValueError(f"memory_s must not be negative, got {memory_s}")
        self._memory_s = memory_s
        self._tracks: list[_Track] = []
        self._now_s = -math.inf
        self._given = 0

    def update(self, time_s: float, boxes_px: Sequence[Sequence[float]]) -> list[int]:
        """One number for each box (left, top, width, height), in their order; the same whatever that order is.

        To be called at every moment, without boxes when there is no face. Time may stand still; time that goes back does the same.
        """
        before_s, self._now_s = self._now_s, max(time_s, self._now_s)
        self._tracks = [track for track in self._tracks if track.seen_s == before_s or self._now_s - track.seen_s < self._memory_s]
        boxes = np.asarray(boxes_px, dtype=np.float64).reshape(-1, 4)
        order = sorted(range(len(boxes)), key=lambda index: (-boxes[index, 2] * boxes[index, 3], *boxes[index]))  # new faces: largest first
        pairs = self._pairs(boxes[order])
        numbers = [0] * len(boxes)
        for place, index in enumerate(order):
            if place in pairs:
                self._move(pairs[place], boxes[index])
            numbers[index] = pairs[place].number if place in pairs else self._begin(boxes[index])
        return numbers

    def _pairs(self, boxes: NDArray[np.float64]) -> dict[int, _Track]:
        """Which box (by its place) continues which track."""
        if not len(boxes) or not self._tracks:
            return {}
        last = np.array([track.box_px for track in self._tracks])
        away_s = np.array([self._now_s - track.seen_s for track in self._tracks])
        expected = last.copy()
        expected[:, :2] += np.array([track.velocity for track in self._tracks]) * away_s[:, None]

        size = np.sqrt(np.maximum(boxes[:, 2] * boxes[:, 3], 1.0))
        growth = np.abs(np.log2(size[None, :] / np.sqrt(np.maximum(last[:, 2] * last[:, 3], 1.0))[:, None]))
        off = _distance(expected, boxes) / size
        near = np.minimum(off, _distance(last, boxes) / size)  # it may have stopped meanwhile
        reach = _REACH + _REACH_PER_S * np.minimum(away_s, _REACH_FOR_S)
        cost = 1 - overlaps(expected, boxes) + off + growth
        cost[(near > reach[:, None]) | (growth > math.log2(_RESIZE))] = _NEVER
        return {int(place): self._tracks[row] for row, place in zip(*linear_sum_assignment(cost), strict=True) if cost[row, place] < _NEVER}

    def _begin(self, box_px: NDArray[np.float64]) -> int:
        self._given += 1
        self._tracks.append(_Track(self._given, box_px, np.zeros(2), self._now_s))
        return self._given

    def _move(self, track: _Track, box_px: NDArray[np.float64]) -> None:
        passed_s = self._now_s - track.seen_s
        if passed_s > 0:
            moved = _centres(box_px) - _centres(track.box_px)
            track.velocity += _weight(passed_s, _SETTLE_S) * (moved / passed_s - track.velocity)
        track.box_px, track.seen_s = box_px, self._now_s


class Smoother:
    """Probabilities smoothed over time, for each face by itself: new = old + w · (reading − old), w = 1 − 2^(−Δt ÷ half_life_s).

    After `half_life_s` seconds an old reading counts half as much as it did, however many pictures came in between, so the result hardly
    depends on the frame rate. The first reading of a face, and the first after a gap of more than RESTART_HALF_LIVES half-lives, stands as
    it is. A second reading at the same moment (or at an earlier one) changes nothing. Rows that add up to 1 keep adding up to 1.

    half_life_s    0 turns smoothing off
    """

    def __init__(self, half_life_s: float) -> None:
        if not half_life_s >= 0:
            raise ValueError(f"half_life_s must not be negative, got {half_life_s}")
        self._half_life_s = half_life_s
        self._past: dict[Hashable, tuple[float, NDArray[np.float64]]] = {}

    def update(self, time_s: float, face: Hashable, probabilities: ArrayLike) -> NDArray[np.float64]:
        """The smoothed probabilities [labels] of `face` at `time_s`. A reading with missing values (NaN) comes back as it is."""
        reading = np.array(probabilities, dtype=np.float64)
        if self._half_life_s == 0 or np.isnan(reading).any():
            return reading
        past = self._past.get(face)
        if past is not None:
            passed_s = max(time_s - past[0], 0.0)
            if passed_s <= RESTART_HALF_LIVES * self._half_life_s:
                reading = past[1] + _weight(passed_s, self._half_life_s) * (reading - past[1])
            time_s = past[0] + passed_s
        self._past[face] = (time_s, reading)
        return reading.copy()


def smooth(times_s: ArrayLike, faces: ArrayLike, probabilities: ArrayLike, half_life_s: float) -> NDArray[np.float64]:
    """The same as `Smoother`, over a finished table.

    times_s          [n], in seconds, in any order; rows of the same time keep theirs
    faces            [n], each face's number
    probabilities    [n, labels]

    Returns [n, labels], in the order given.
    """
    times, numbers = np.asarray(times_s, dtype=np.float64), np.asarray(faces)
    rows = np.array(probabilities, dtype=np.float64)
    smoother = Smoother(half_life_s)
    for index in np.argsort(times, kind="stable"):
        rows[index] = smoother.update(float(times[index]), numbers[index].item(), rows[index])
    return rows


def seconds_per_label(times_s: ArrayLike, faces: ArrayLike, labels: Sequence[str | None], every_s: float = 0.0) -> pd.DataFrame:
    """How long each face showed each label: seconds, which an uneven frame rate does not distort as it does counts.

    times_s    [n], in seconds, in any order
    faces      [n], each face's number; rows without one are left out
    labels     [n]; a moment whose label is missing (None, NaN or "") takes up its time but is not reported
    every_s    the step that was asked for when the video was read; 0 when every picture was

    A moment lasts until the next one of the same face, but no longer than MAX_STEPS usual steps (so the time a face was away is nobody's),
    and the last one lasts one step. The usual step is `every_s` or the median distance between the moments of the table, whichever is
    larger. A face's seconds therefore never exceed the time from its first to its last moment plus one step.

    Returns one row per face and label: face, label, seconds, share (of the face's labelled seconds; they add up to 1), ordered by face
    and falling seconds. Where no length of time is known, as for a single picture, seconds are 0 and shares are those of the moments.
    """
    table = pd.DataFrame(
        {"time_s": np.asarray(times_s, dtype=np.float64), "face": np.asarray(faces), "label": pd.Series(list(labels), dtype=object)}
    )
    table = table.dropna(subset=["face"]).sort_values("time_s", kind="stable")
    apart = np.diff(np.unique(table["time_s"]))
    step_s = max(float(np.median(apart)) if apart.size else 0.0, every_s)
    lasts = -table.groupby("face")["time_s"].diff(-1)
    table["seconds"] = lasts.clip(upper=MAX_STEPS * step_s).fillna(step_s)
    table["moments"] = 1.0
    table = table[table["label"].notna() & (table["label"] != "")]
    sums = table.groupby(["face", "label"], as_index=False)[["seconds", "moments"]].sum()
    whole = sums.groupby("face")[["seconds", "moments"]].transform("sum")
    sums["share"] = (sums["seconds"] / whole["seconds"]).fillna(sums["moments"] / whole["moments"])
    ordered = sums.sort_values(["face", "seconds", "label"], ascending=[True, False, True], ignore_index=True)
    return ordered[["face", "label", "seconds", "share"]]


def per_second(times_s: ArrayLike, faces: ArrayLike, probabilities: ArrayLike, labels: Sequence[str]) -> pd.DataFrame:
    """The mean probability of each label, for each face and second in which it was seen, in long form for charts.

    times_s          [n], in seconds
    faces            [n], each face's number; rows without one are left out
    probabilities    [n, labels]; missing values (NaN) are left out of the mean
    labels           their names

    Returns one row per face, second (0 is the first: 0 ≤ time < 1) and label, in this order: face, second, label, probability.
    """
    rows = np.asarray(probabilities, dtype=np.float64).reshape(-1, len(labels))
    seconds = np.floor(np.asarray(times_s, dtype=np.float64)).astype(np.int64)
    table = pd.DataFrame(rows, columns=list(labels)).assign(face=np.asarray(faces), second=seconds)
    means = table.groupby(["face", "second"])[list(labels)].mean()
    means.columns = pd.Index(labels, name="label")
    return cast("pd.Series[float]", means.stack(future_stack=True)).reset_index(name="probability")


def _weight(passed_s: float, half_life_s: float) -> float:
    return 1 - 2 ** (-passed_s / half_life_s)


def _centres(boxes_px: NDArray[np.float64]) -> NDArray[np.float64]:
    return boxes_px[..., :2] + boxes_px[..., 2:] / 2


def _distance(some_px: NDArray[np.float64], others_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """[some, others], between the centres."""
    across, down = np.moveaxis(_centres(some_px)[:, None] - _centres(others_px)[None], 2, 0)
    return cast(NDArray[np.float64], np.hypot(across, down))
