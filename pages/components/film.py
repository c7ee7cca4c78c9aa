"""A video file in place of a camera, for whoever presents without one."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import cv2
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame
from numpy.typing import NDArray

from core.errors import InputProblem
from core.video import frames, probe

MOST_PX = 960  # of the longer side; a camera sends 640
BETWEEN_ROUNDS_S = 0.04
LATE_S = 0.2  # later than this, the clock is put back rather than the pictures hurried

_CLOCK_HZ = 90_000


class Film(NamedTuple):
    """A video file as it came."""

    name: str
    content: bytes

    def check(self) -> Film:
        """The same. Raises InputProblem when it cannot be played."""
        probe(io.BytesIO(self.content), self.name)
        return self


class FilmTrack(MediaStreamTrack):
    """Pictures of a film at their own times, upright, and from the beginning again when it ends. Without sound.

    aiortc's own player neither turns a telephone's video upright nor plays one without keeping its sound in memory.
    """

    kind = "video"

    def __init__(self, film: Film) -> None:
        super().__init__()
        self._pictures = _over_and_over(film)
        self._began_s: float | None = None

    async def recv(self) -> VideoFrame:
        """The next picture, once it is due."""
        if self.readyState != "live":
            raise MediaStreamError
        try:
            time_s, image_bgr = await asyncio.to_thread(next, self._pictures)
        except InputProblem as problem:
            self.stop()
            raise MediaStreamError from problem
        now_s = asyncio.get_running_loop().time()
        if self._began_s is None or now_s - self._began_s - time_s > LATE_S:
            self._began_s = now_s - time_s
        await asyncio.sleep(max(0.0, self._began_s + time_s - now_s))
        frame = VideoFrame.from_ndarray(image_bgr, format="bgr24")
        frame.pts, frame.time_base = round(time_s * _CLOCK_HZ), Fraction(1, _CLOCK_HZ)
        return frame


class Player(NamedTuple):
    """What streamlit-webrtc wants of a player."""

    video: FilmTrack
    audio: None = None


def player(film: Film) -> Player:
    return Player(FilmTrack(film))


def _over_and_over(film: Film) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """(time, picture) without end. Raises InputProblem when there is not one picture."""
    begins_s = 0.0
    while True:
        last_s = None
        try:
            for frame in frames(io.BytesIO(film.content), film.name):
                last_s = frame.time_s
                yield begins_s + last_s, _sized(frame.image_bgr)
        except InputProblem:
            if last_s is None:  # a film that breaks off begins again like any other
                raise
        if last_s is None:
            raise InputProblem(f"“{film.name}” has no picture.", "Choose another video.")
        begins_s += last_s + BETWEEN_ROUNDS_S


def _sized(image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Not larger than is sensible, and with even sides, as the encoder wants them."""
    height, width = image_bgr.shape[:2]
    scale = min(1.0, MOST_PX / max(height, width))
    size = max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2)
    return image_bgr if size == (width, height) else cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
