"""Video files as a stream of upright pictures with their true times, and pictures back into a video that browsers play."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import BinaryIO, NamedTuple, Self, cast
from uuid import uuid4

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from core.errors import InputProblem

FORMATS = ("mov", "matroska", "avi", "asf", "flv", "mpeg", "mpegts", "ogg", "dv")
"""The containers that are read (mov includes MP4 and 3GP; matroska WebM). None leads to other files or addresses, as playlists do."""

MAX_SIDE_PX = 8192
"""Larger pictures are refused before they are decoded: one of 8K video takes 100 MB as it is."""

ENCODERS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "libx264": {"crf": "23", "preset": "veryfast"},
        "libopenh264": {"b": "4M"},
        "libvpx-vp9": {"crf": "32", "b": "0", "deadline": "realtime", "cpu-used": "6"},
    }
)
"""What browsers play in an MP4, best first, with settings for a good picture in reasonable time; the first that is installed is used."""

_THREADS = min(4, os.cpu_count() or 1)  # the network needs the processor too
_EARLY_S = 1e-3  # Matroska rounds times to milliseconds
_LATE_S = 1.0  # a file announces up to a frame or two more than it holds; only beyond this is something missing
_ESTIMATED = ("mpeg", "mpegts")  # these announce no duration; FFmpeg estimates one from what is there
_CLOCK_HZ = 90_000
_BT601 = 6  # the matrix that turns BGR into YUV when a video is written; without saying so, browsers take BT.709 for large pictures

_AGAIN = "Copy it again from the camera, phone or computer it comes from."
_CONVERT = "Convert it to MP4 (H.264), for instance with HandBrake or VLC, and use the result."


class Truncated(InputProblem):
    """A video ended early or lost pictures on the way; raised after the last readable picture, so all that can be used has been given."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video says about itself.

    duration_s    length in seconds; NaN when the file does not say
    width_px      of the upright picture, as it is shown
    height_px     of the upright picture, as it is shown
    rate_hz       pictures per second on average; NaN when unknown
    has_audio     whether there is sound, which nothing here listens to
    """

    duration_s: float
    width_px: int
    height_px: int
    rate_hz: float
    has_audio: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a video.

    time_s       when it is shown, in seconds from the start of the video
    image_bgr    uint8 [height, width, 3], upright, with square pixels
    """

    time_s: float
    image_bgr: NDArray[np.uint8] = field(repr=False, compare=False)


def probe(source: Path | BinaryIO, name: str) -> VideoInfo:
    """What the video `source` is like; its first picture is decoded, so that a video that cannot be is refused here.

    `name` is what messages call the file. `source` is read from its beginning; it must be seekable and have no other reader meanwhile.

    Raises InputProblem when it is no video, has no picture, or one larger than MAX_SIDE_PX.
    """
    with _opened(source, name) as (container, stream):
        height, width = _upright(next(_decoded(container, stream, name)), stream, name).shape[:2]
        return VideoInfo(_duration_s(container, stream), width, height, _rate_hz(stream), bool(container.streams.audio))


def frames(source: Path | BinaryIO, name: str, every_s: float = 0.0) -> Iterator[Frame]:
    """The pictures of a video in order, one at a time: memory does not grow with the length.

    With `every_s` above 0, the first picture at or after 0, every_s, 2 · every_s …; the others are not even converted. Times are those
    in the file (a variable rate stays variable), counted from the start of the picture track; a picture without a time, or with one that
    jumps back, follows its predecessor by one average frame. Damaged pictures are left out. The size may change on the way, if it did
    in the camera.

    Raises InputProblem as `probe` does, and Truncated after the last picture when the file breaks off or some pictures were damaged. (A
    format that announces no length, such as MPEG-TS, and was cut just between two pictures cannot be told from a whole one.)
    """
    if not 0 <= every_s < math.inf:
        raise ValueError(f"every_s must be 0 or a number of seconds, got {every_s}")
    with _opened(source, name) as (container, stream):
        due_s = -math.inf
        for moment in _decoded(container, stream, name):
            if moment.time_s + _EARLY_S < due_s:
                continue
            if every_s > 0:
                due_s = (math.floor((moment.time_s + _EARLY_S) / every_s) + 1) * every_s
            yield Frame(moment.time_s, _upright(moment, stream, name))


def thumbnail(source: Path | BinaryIO, name: str, time_s: float) -> NDArray[np.uint8]:
    """The picture on screen at `time_s`, upright, uint8 [height, width, 3]; before the start the first, after the end the last.

    Only what lies between the key picture before that moment and the moment itself is decoded. Raises InputProblem as `probe` does.
    """
    time_s = min(max(time_s, 0.0), 1e9)  # FFmpeg counts in 64 bits
    with _opened(source, name) as (container, stream):
        shown = None
        if stream.start_time is not None and stream.time_base is not None:
            with suppress(av.FFmpegError, InputProblem):  # no index to seek with, or nothing behind it
                container.seek(stream.start_time + round(time_s / stream.time_base), stream=stream)
                shown = _shown_at(container, stream, name, time_s)
    if shown is None or shown.time_s > time_s + _EARLY_S:  # some formats land behind the moment
        with _opened(source, name) as (container, stream):
            shown = _shown_at(container, stream, name, time_s)
    return _upright(shown, stream, name)


class Mp4Writer:
    """Writes pictures into an MP4 that browsers play: H.264 (where installed), yuv420p, the index in front, each picture at its own time.

    To be used in a `with` block. The file appears at `path` when the block ends well; when it ends with an exception, or nothing was
    written, whatever was at `path` before is still there and nothing else is left behind.

    path            where the video goes; its folder must exist
    width, height   of the video in pixels; an odd side grows by one. Pictures of another size are scaled to it
    rate_hz         about how many pictures a second will come (it guides the compression); 25 when NaN or 0
    """

    def __init__(self, path: Path, width: int, height: int, rate_hz: float) -> None:
        if width < 1 or height < 1:
            raise ValueError(f"a video needs at least one pixel a side, got {width} × {height}")
        self._path = path
        self._part = path.with_name(f".{uuid4().hex}.mp4")
        self._size = (width, height)
        self._rate_hz = rate_hz if 0 < rate_hz < math.inf else 25.0
        self._pts = -1

    def __enter__(self) -> Self:
        encoder = next(name for name in ENCODERS if name in av.codecs_available)
        rate = Fraction(self._rate_hz).limit_denominator(1001) or Fraction(1, 1001)
        self._container = av.open(str(self._part.absolute()), "w", format="mp4", container_options={"movflags": "+faststart"})
        self._stream = cast(VideoStream, self._container.add_stream(encoder, rate=rate, options=dict(ENCODERS[encoder])))
        self._stream.width, self._stream.height = (side + side % 2 for side in self._size)
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, _CLOCK_HZ)
        self._stream.codec_context.gop_size = max(1, round(2 * self._rate_hz))  # a place to jump to every two seconds
        self._stream.codec_context.thread_count = _THREADS
        self._stream.codec_context.colorspace = _BT601
        return self

    def write(self, image_bgr: NDArray[np.uint8], time_s: float) -> None:
        """Append a picture, uint8 [height, width, 3], shown from `time_s` on (seconds). One whose time goes back follows at once."""
        width, height = self._size
        if image_bgr.shape[:2] != (height, width):
            image_bgr = cv2.resize(image_bgr, self._size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        if width % 2 or height % 2:
            image_bgr = np.pad(image_bgr, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(image_bgr), format="bgr24")
        picture.pts = self._pts = max(round(time_s * _CLOCK_HZ), self._pts + 1)
        picture.time_base = Fraction(1, _CLOCK_HZ)
        self._container.mux(self._stream.encode(picture))

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None and self._pts >= 0:
                self._container.mux(self._stream.encode())
                self._container.close()
                self._part.replace(self._path)
        finally:
            with suppress(av.FFmpegError):  # closing what broke may fail again; the first problem is the one to tell
                self._container.close()
            self._part.unlink(missing_ok=True)


class _Moment(NamedTuple):
    """A decoded picture, not yet converted; `turned` is the file's display matrix, if it has one."""

    time_s: float
    picture: VideoFrame
    turned: NDArray[np.int32] | None


@contextmanager
def _opened(source: Path | BinaryIO, name: str) -> Iterator[tuple[InputContainer, VideoStream]]:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
        except OSError as problem:
            raise InputProblem(
                f"“{name}” could not be opened ({problem.strerror}).", "Check that it is still there and that you may read it."
            ) from None
        file.seek(0)
        head = file.read(8)
        if not head:
            raise InputProblem(f"“{name}” is empty.", _AGAIN)
        file.seek(0)
        try:
            container = stack.enter_context(
                av.open(
                    file,  # as an open file, never by its name, which FFmpeg would read as an address
                    mode="r",
                    options={"max_pixels": str(MAX_SIDE_PX**2)},
                    container_options={"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "none"},
                )
            )
        except av.FFmpegError:
            raise _unreadable(name, head) from None
        stream = next((stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic), None)
        if stream is None:
            content = "sound but no moving picture" if container.streams.audio else "no moving picture"
            raise InputProblem(f"“{name}” holds {content}.", "Choose a video that shows a face.")
        if stream.codec_context is None:
            raise InputProblem(f"“{name}” is compressed in a way that cannot be read here.", _CONVERT)
        _refuse_huge(stream.codec_context.width, stream.codec_context.height, name)
        stream.codec_context.options = {"max_pixels": str(MAX_SIDE_PX**2)}
        stream.codec_context.thread_count = _THREADS
        stream.thread_type = "SLICE"  # with a thread for each frame, whether a picture is damaged is a race in FFmpeg
        yield container, stream


def _unreadable(name: str, head: bytes) -> InputProblem:
    if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free", b"skip", b"moov"):
        return InputProblem(
            f"“{name}” was cut off or damaged: the index, which an MP4 needs to be read and which most devices write last, is missing.",
            f"{_AGAIN} If it is not whole there either, a program such as untrunc can rebuild the index from another video of that device.",
        )
    if head.startswith((b"\x1aE\xdf\xa3", b"FLV", b"OggS", b"0&\xb2u")):  # Matroska and WebM, Flash, Ogg, Windows Media
        return InputProblem(f"“{name}” was cut off or damaged so early that nothing of it can be read.", _AGAIN)
    return InputProblem(
        f"“{name}” is not a video of a kind that can be read here. It may be a text, playlist or picture whose name ends like a video’s.",
        f"If a player shows it as a video: {_CONVERT[0].lower()}{_CONVERT[1:]}",
    )


def _refuse_huge(width_px: int, height_px: int, name: str) -> None:
    if max(width_px, height_px) > MAX_SIDE_PX:
        raise InputProblem(
            f"“{name}” has pictures of {width_px:,} × {height_px:,} pixels; more than {MAX_SIDE_PX:,} a side are not read.",
            "Convert it to a smaller size, for instance 1920 × 1080 pixels with HandBrake or VLC.",
        )


def _decoded(container: InputContainer, stream: VideoStream, name: str) -> Iterator[_Moment]:
    """Every undamaged picture with its time, from where the container stands."""
    zero_s = None if stream.start_time is None or stream.time_base is None else float(stream.start_time * stream.time_base)
    rate_hz = _rate_hz(stream)
    step_s = 1 / rate_hz if rate_hz > 0 else 0.04
    last_s, reached_s = -math.inf, 0.0
    damaged, turned = 0, None
    cut = half = False  # the file ends where more was announced; its last picture is not whole
    for packet in _packets(container):
        if packet is not None and packet.pts is not None:
            reached_s = max(reached_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet is not None and packet.stream.index != stream.index:  # an empty last packet knows only its stream
            continue
        cut = packet is None or packet.is_corrupt or (cut and not packet.size)  # the last packet is empty: it only empties the decoder
        try:
            pictures = stream.decode(cast("Packet[VideoStream] | None", packet))
        except av.FFmpegError:
            damaged += last_s >= 0  # before the first key picture nothing can be decoded, which is no damage
            continue
        for picture in pictures:
            half = picture.is_corrupt
            if half:
                damaged += 1
                continue
            if last_s < 0:
                turned = _turned(picture)
            if zero_s is None:
                zero_s = picture.time or 0.0
            time_s = -math.inf if picture.time is None else picture.time - zero_s
            last_s = time_s if time_s >= max(last_s, 0.0) else max(last_s + step_s, 0.0)
            yield _Moment(last_s, picture, turned)
    if last_s < 0:
        raise InputProblem(
            f"“{name}” has no picture that can be read: it is empty, damaged, protected or of an impossible size.",
            f"{_AGAIN} Or: {_CONVERT}",
        )
    announced_s = container.duration / av.time_base if container.duration and container.format.name not in _ESTIMATED else 0.0
    if cut or half or announced_s - reached_s > _LATE_S:
        length = f" of {announced_s:.1f}" if announced_s > last_s else ""
        raise Truncated(
            f"“{name}” breaks off after {last_s:.1f}{length} seconds.",
            f"What came before is used. For the rest: {_AGAIN[0].lower()}{_AGAIN[1:]}",
        )
    if damaged:
        raise Truncated(
            f"{damaged} damaged {'picture' if damaged == 1 else 'pictures'} of “{name}” had to be left out.",
            f"The others are used. For all of them: {_AGAIN[0].lower()}{_AGAIN[1:]}",
        )


def _packets(container: InputContainer) -> Iterator[Packet[Stream] | None]:
    """What the file holds, sound unheard, and None where it cannot be read on."""
    try:
        yield from container.demux()
    except av.FFmpegError:
        yield None


def _shown_at(container: InputContainer, stream: VideoStream, name: str, time_s: float) -> _Moment:
    """The last picture that begins at or before `time_s`, or the first there is."""
    moments = _decoded(container, stream, name)
    shown = next(moments)
    with suppress(Truncated):
        for moment in moments:
            if moment.time_s > time_s + _EARLY_S:
                break
            shown = moment
    return shown


def _turned(picture: VideoFrame) -> NDArray[np.int32] | None:
    """The display matrix, to be asked for once a file: a picture whose side data was looked at waits for the garbage collector."""
    matrix = cast("Mapping[str, bytes]", picture.side_data).get("DISPLAYMATRIX")
    return None if matrix is None else np.frombuffer(bytes(matrix), np.int32)


def _upright(moment: _Moment, stream: VideoStream, name: str) -> NDArray[np.uint8]:
    """BGR as it is meant to be shown: with square pixels, turned and mirrored as the file says."""
    picture = moment.picture
    width, height = max(1, round(picture.width * (stream.sample_aspect_ratio or 1))), picture.height
    _refuse_huge(max(width, picture.width), height, name)
    image = cast(NDArray[np.uint8], picture.to_ndarray(format="bgr24", width=width, height=height, threads=1))
    if moment.turned is None:
        return image
    across, down_from_x, _, across_from_y, down = moment.turned[:5].tolist()  # where x and y go, as in FFmpeg's libavutil/display.h
    if abs(across) < abs(down_from_x):
        image, across, down = image.transpose(1, 0, 2), across_from_y, down_from_x
    return np.ascontiguousarray(image[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])


def _duration_s(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else math.nan


def _rate_hz(stream: VideoStream) -> float:
    return float(stream.average_rate or stream.guessed_rate or math.nan)
