"""Videos in as a stream of upright pictures with true times, out as an MP4 that browsers play."""

from __future__ import annotations

import gc
import io
import math
import os
import re
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import av
import numpy as np
import pytest

from core import video
from core.errors import InputProblem
from core.video import MAX_SIDE_PX, Mp4Writer, Truncated, frames, probe, thumbnail

RATE_HZ = 30
RED, GREEN, BLUE, WHITE = (0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 255)  # BGR
STATM = Path("/proc/self/statm")
REAL_VIDEO = Path(__file__).parents[3] / "shared" / "data" / "faces" / "single_face.mp4"


def numbered(count: int, width: int = 96, height: int = 64) -> list[np.ndarray]:
    """Pictures that tell their own number, up to 12: ever lighter greys."""
    return [np.full((height, width, 3), 10 + 20 * number, np.uint8) for number in range(count)]


def number_of(picture: np.ndarray) -> int:
    return round((float(picture.mean()) - 10) / 20)


def corners(width: int = 96, height: int = 64) -> np.ndarray:
    """Red top left, green top right, blue bottom left, white bottom right."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2], picture[: height // 2, width // 2 :] = RED, GREEN
    picture[height // 2 :, : width // 2], picture[height // 2 :, width // 2 :] = BLUE, WHITE
    return picture


def colours_at_the_corners(picture: np.ndarray) -> list[tuple[int, ...]]:
    """Each corner's colour, clockwise from the top left, every channel either 0 or 255."""
    return [
        tuple(255 if value > 127 else 0 for value in picture[row, column].tolist()) for row, column in ((4, 4), (4, -4), (-4, -4), (-4, 4))
    ]


def noise(count: int, seed: int = 1) -> list[np.ndarray]:
    """Pictures that compress badly, so that a part of the file is a part of the video."""
    return list(np.random.default_rng(seed).integers(0, 255, (count, 64, 96, 3), np.uint8))


def encoded(
    pictures: Sequence[np.ndarray],
    kind: str = "mp4",
    codec: str = "libx264",
    times_s: Sequence[float] = (),
    turned_deg: float | None = None,
    mirrored: bool = False,
    upside_down: bool = False,
    stretch: Fraction | None = None,
    options: dict[str, str] | None = None,
    sound_s: float = 0.0,
) -> bytes:
    """A video file of these pictures, as other programs and phones write them."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "video"
        with av.open(path, "w", format=kind, options=options or {}) as container:
            stream = None
            if pictures:
                stream = container.add_stream(codec, rate=RATE_HZ)
                stream.height, stream.width = pictures[0].shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.gop_size = 10
                if times_s:
                    stream.codec_context.time_base = Fraction(1, 1000)
                if turned_deg is not None:
                    stream.set_display_rotation(turned_deg, mirrored, upside_down)
                if stretch is not None:
                    stream.codec_context.sample_aspect_ratio = stretch
            sound = container.add_stream("aac", rate=8000, layout="mono") if sound_s else None
            for number, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
                frame.pts, frame.time_base = (
                    (round(1000 * times_s[number]), Fraction(1, 1000)) if times_s else (number, Fraction(1, RATE_HZ))
                )
                container.mux(stream.encode(frame))
            if sound:
                silence = av.AudioFrame.from_ndarray(np.zeros((1, round(8000 * sound_s)), np.float32), format="fltp", layout="mono")
                silence.rate = 8000
                container.mux(sound.encode(silence))
            for each in filter(None, (stream, sound)):
                container.mux(each.encode())
        return path.read_bytes()


def read(content: bytes, every_s: float = 0.0, name: str = "visit.mp4") -> list[video.Frame]:
    return list(frames(io.BytesIO(content), name, every_s))


def read_what_can_be(content: bytes, name: str = "visit.mp4") -> tuple[list[video.Frame], Truncated | None]:
    given: list[video.Frame] = []
    try:
        for frame in frames(io.BytesIO(content), name):
            given.append(frame)  # noqa: PERF402 - what came before the problem is the point
    except Truncated as problem:
        return given, problem
    return given, None


def resident_bytes() -> int:
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def numbers(given: Sequence[video.Frame]) -> list[int]:
    return [number_of(frame.image_bgr) for frame in given]


# --- reading


@pytest.mark.parametrize(
    ("kind", "codec"),
    [
        ("mp4", "libx264"),
        ("matroska", "libx264"),
        ("mpegts", "libx264"),
        ("flv", "libx264"),
        ("webm", "libvpx"),
        ("avi", "mpeg4"),
        ("asf", "wmv2"),
        ("mpeg", "mpeg2video"),
        ("ogg", "libvpx"),
    ],
)
def test_every_usual_format_gives_its_pictures_in_order_with_their_times(kind, codec):
    content = encoded(numbered(12), kind, codec)
    given = read(content)

    assert numbers(given) == list(range(12))
    assert [frame.time_s for frame in given] == pytest.approx([number / RATE_HZ for number in range(12)], abs=2e-3)
    assert number_of(thumbnail(io.BytesIO(content), "visit", 7.5 / RATE_HZ)) == 7


def test_a_path_is_read_like_an_open_file_even_when_its_name_looks_like_an_address(tmp_path, monkeypatch):
    content = encoded(numbered(3))
    monkeypatch.chdir(tmp_path)
    path = Path("concat:other.mp4|☺ <b>.mp4")
    path.write_bytes(content)

    assert numbers(list(frames(path, path.name))) == numbers(read(content)) == [0, 1, 2]


def test_an_open_file_is_read_from_its_beginning_and_left_open():
    file = io.BytesIO(encoded(numbered(3)))
    file.seek(100)

    assert numbers(list(frames(file, "visit.mp4"))) == [0, 1, 2]
    assert numbers(list(frames(file, "visit.mp4"))) == [0, 1, 2]


def test_times_of_a_variable_frame_rate_are_the_true_ones():
    times_s = [0.0, 0.04, 0.5, 0.51, 0.9, 2.0, 2.033]

    for kind in ("mp4", "matroska", "webm"):
        given = read(encoded(numbered(7), kind, "libvpx" if kind == "webm" else "libx264", times_s=times_s))
        assert [frame.time_s for frame in given] == pytest.approx(times_s, abs=1e-3)
        assert numbers(given) == [0, 1, 2, 3, 4, 5, 6]


def test_times_count_from_the_start_of_the_pictures():
    content = encoded(numbered(4), "mpegts", times_s=[100.0, 100.1, 100.2, 100.3])

    assert [frame.time_s for frame in read(content)] == pytest.approx([0.0, 0.1, 0.2, 0.3], abs=1e-3)
    assert number_of(thumbnail(io.BytesIO(content), "visit.ts", 0.25)) == 2


def test_a_recording_whose_clock_was_set_back_still_goes_forward():
    content = encoded(numbered(6), "mpegts") + encoded(numbered(6), "mpegts")  # two takes in one file
    times_s = [frame.time_s for frame in read_what_can_be(content)[0]]

    assert len(times_s) == 12
    assert times_s == sorted(times_s)
    assert times_s[-1] == pytest.approx(11 / RATE_HZ, abs=2 / RATE_HZ)


def test_a_chosen_rate_gives_the_first_picture_at_or_after_each_step():
    content = encoded(noise(1) * 61)

    assert [frame.time_s for frame in read(content, every_s=0.5)] == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0], abs=1e-3)
    assert [frame.time_s for frame in read(content, every_s=0.05)][:4] == pytest.approx([0.0, 2 / 30, 0.1, 5 / 30], abs=1e-3)
    assert len(read(content, every_s=100.0)) == 1
    assert len(read(content, every_s=0.001)) == 61


def test_pictures_that_are_not_wanted_are_not_converted(monkeypatch):
    converted = []
    upright = video._upright
    monkeypatch.setattr(video, "_upright", lambda *about: converted.append(1) or upright(*about))

    assert len(read(encoded(numbered(12)), every_s=0.2)) == 2
    assert len(converted) == 2


@pytest.mark.parametrize("every_s", [-1.0, math.nan, math.inf])
def test_a_step_that_is_no_length_of_time_is_our_mistake(every_s):
    with pytest.raises(ValueError, match="every_s must be 0 or a number of seconds"):
        read(b"", every_s=every_s)


@pytest.mark.parametrize(
    ("turned", "clockwise_from_top_left", "shape"),
    [
        ({"turned_deg": 0}, [RED, GREEN, WHITE, BLUE], (64, 96, 3)),
        ({"turned_deg": -90}, [BLUE, RED, GREEN, WHITE], (96, 64, 3)),
        ({"turned_deg": 90}, [GREEN, WHITE, BLUE, RED], (96, 64, 3)),
        ({"turned_deg": 180}, [WHITE, BLUE, RED, GREEN], (64, 96, 3)),
        ({"turned_deg": 0, "mirrored": True}, [GREEN, RED, BLUE, WHITE], (64, 96, 3)),
        ({"turned_deg": 0, "upside_down": True}, [BLUE, WHITE, GREEN, RED], (64, 96, 3)),
        ({"turned_deg": -90, "mirrored": True}, None, (96, 64, 3)),
    ],
)
def test_a_video_taken_with_a_turned_or_mirrored_phone_is_upright(turned, clockwise_from_top_left, shape):
    content = encoded([corners()] * 3, **turned)
    picture = read(content)[0].image_bgr

    assert picture.shape == shape
    assert picture.flags.c_contiguous
    if clockwise_from_top_left:
        assert colours_at_the_corners(picture) == clockwise_from_top_left
    else:  # turned and mirrored: the colours run the other way round
        colours = colours_at_the_corners(picture)
        first = colours.index(RED)
        assert colours[first:] + colours[:first] == [RED, BLUE, WHITE, GREEN]
    information = probe(io.BytesIO(content), "phone.mp4")
    assert (information.height_px, information.width_px) == shape[:2]
    assert colours_at_the_corners(thumbnail(io.BytesIO(content), "phone.mp4", 0.05)) == colours_at_the_corners(picture)


def test_pixels_that_are_not_square_are_made_so():
    content = encoded([corners(64, 64)] * 2, stretch=Fraction(3, 2))

    assert read(content)[0].image_bgr.shape == (64, 96, 3)
    assert probe(io.BytesIO(content), "dv.mp4").width_px == 96


@pytest.mark.skipif(not STATM.exists(), reason="this system does not tell how much memory a program holds")
@pytest.mark.parametrize("turned_deg", [0, 90])
def test_memory_does_not_grow_with_the_length(turned_deg):
    content = encoded(numbered(1, 640, 360) * 300, turned_deg=turned_deg)
    gc.collect()
    gc.disable()  # pictures must not wait for the garbage collector either
    try:
        held = [resident_bytes() for _ in frames(io.BytesIO(content), "long.mp4")]
    finally:
        gc.enable()

    assert len(held) == 300
    assert max(held[50:]) - held[49] < 50 * 640 * 360  # no more than some 30 of the 250 that came after


def test_reading_can_be_given_up_at_any_moment(tmp_path):
    path = tmp_path / "visit.mp4"
    path.write_bytes(encoded(numbered(10)))
    given = frames(path, path.name)
    next(given)
    given.close()
    path.unlink()  # Windows refuses this while the file is open

    assert list(given) == []


def test_probe_tells_length_size_rate_and_sound():
    with_sound = probe(io.BytesIO(encoded(noise(30), sound_s=1.0)), "visit.mp4")
    silent = probe(io.BytesIO(encoded(noise(30), "matroska")), "visit.mkv")

    assert (with_sound.width_px, with_sound.height_px, with_sound.has_audio, silent.has_audio) == (96, 64, True, False)
    assert (with_sound.duration_s, silent.duration_s) == pytest.approx((1.0, 1.0), abs=0.05)
    assert (with_sound.rate_hz, silent.rate_hz) == pytest.approx((RATE_HZ, RATE_HZ), abs=0.5)


def test_a_length_that_the_file_does_not_tell_is_not_invented():
    content = encoded(noise(30), "webm", "libvpx", options={"live": "1"})  # as browsers record

    assert math.isnan(probe(io.BytesIO(content), "visit.webm").duration_s)
    assert len(read(content)) == 30


def test_sound_is_never_decoded(monkeypatch):
    content = encoded(numbered(3), sound_s=2.0)
    damaged = bytearray(content)
    with av.open(io.BytesIO(content)) as container:
        for packet in container.demux(container.streams.audio[0]):
            if packet.size:
                damaged[packet.pos : packet.pos + packet.size] = bytes(packet.size)

    assert numbers(read(bytes(damaged))) == [0, 1, 2]


def test_thumbnails_are_the_pictures_on_screen_at_that_moment():
    content = encoded(numbered(12), times_s=[number * 0.1 for number in range(12)])

    for time_s, number in ((-5.0, 0), (0.0, 0), (0.09, 0), (0.1, 1), (0.53, 5), (1.1, 11), (99.0, 11), (1e300, 11)):
        assert number_of(thumbnail(io.BytesIO(content), "visit.mp4", time_s)) == number


# --- input that is damaged, foreign or hostile


def problem_of(content: bytes, name: str = "visit.mp4") -> InputProblem:
    """The same for all who read."""
    problems = []
    for reader in (
        lambda: read(content, name=name),
        lambda: probe(io.BytesIO(content), name),
        lambda: thumbnail(io.BytesIO(content), name, 1.0),
    ):
        with pytest.raises(InputProblem) as caught:
            reader()
        problems.append(caught.value)
    assert len({str(problem) for problem in problems}) == 1
    return problems[0]


def test_an_empty_file_is_named_so():
    assert str(problem_of(b"")) == "“visit.mp4” is empty. Copy it again from the camera, phone or computer it comes from."


def test_a_file_that_is_gone_is_named_so(tmp_path):
    with pytest.raises(InputProblem, match=r"“gone.mp4” could not be opened \(No such file or directory\). Check that it is still there"):
        probe(tmp_path / "gone.mp4", "gone.mp4")


@pytest.mark.parametrize(
    "content",
    [b"Participant 12 did not agree.\n" * 500, b"\0" * 5000, np.random.default_rng(3).bytes(20_000), b"x", b"GIF89a" + b"\1" * 800],
    ids=["text", "zeros", "noise", "one byte", "picture"],
)
def test_what_is_no_video_is_named_so(content):
    problem = problem_of(content)

    assert problem.happened == (
        "“visit.mp4” is not a video of a kind that can be read here. It may be a text, playlist or picture whose name ends like a video’s."
    )
    assert (
        problem.remedy
        == "If a player shows it as a video: convert it to MP4 (H.264), for instance with HandBrake or VLC, and use the result."
    )


@pytest.mark.parametrize("kind", ["hls", "concat", "sdp", "dash", "url"])
def test_playlists_lead_nowhere(tmp_path, kind):
    secret = tmp_path / "secret.ts"
    secret.write_bytes(encoded(numbered(9), "mpegts"))
    content = {
        "hls": f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:3\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{secret}'\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "dash": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><BaseURL>{secret}</BaseURL></Period></MPD>',
        "url": "http://127.0.0.1:9/visit.mp4\n",
    }[kind].encode()
    playlist = tmp_path / "visit.m3u8"
    playlist.write_bytes(content)

    assert "playlist" in problem_of(content).happened
    with pytest.raises(InputProblem, match="is not a video of a kind that can be read here"):
        probe(playlist, playlist.name)


def test_a_video_cannot_lead_to_another_file(tmp_path):
    """A QuickTime movie may say that its pictures lie elsewhere; they are not fetched."""
    target = tmp_path / "secret.mov"
    target.write_bytes(encoded(numbered(5), "mov"))
    content = bytearray(encoded(numbered(5), "mov"))
    place = content.index(b"dref") - 4
    size = struct.unpack(">I", content[place : place + 4])[0]
    entry = content[place + 16 : place + size]
    assert entry[4:8] in (b"url ", b"alis")
    entry[8:12] = bytes(4)  # no longer “in this very file”
    content[place + 16 : place + size] = entry
    given, _ = read_what_can_be(bytes(content))

    assert numbers(given) == [0, 1, 2, 3, 4]  # its own, from where they really are


def test_sound_alone_is_named_so():
    problem = problem_of(encoded([], "mp4", sound_s=1.0), "interview.m4a")

    assert str(problem) == "“interview.m4a” holds sound but no moving picture. Choose a video that shows a face."


def test_a_cover_picture_does_not_make_a_song_a_video():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 96, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        sound = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.VideoFrame.from_ndarray(corners(), format="bgr24")
        container.mux(cover.encode(frame))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        silence.rate = 8000
        for stream, last in ((sound, silence), (sound, None), (cover, None)):
            container.mux(stream.encode(last))

    assert "holds sound but no moving picture" in problem_of(file.getvalue()).happened


def test_a_video_without_a_picture_is_named_so():
    content = encoded(noise(20), options={"movflags": "+faststart"})
    problem = problem_of(content[: content.index(b"mdat") + 4])

    assert problem.happened == "“visit.mp4” has no picture that can be read: it is empty, damaged, protected or of an impossible size."
    assert problem.remedy.startswith("Copy it again from the camera, phone or computer it comes from. Or: Convert it to MP4")


@pytest.mark.parametrize(("kind", "codec"), [("matroska", "libx264"), ("flv", "libx264"), ("ogg", "libvpx"), ("asf", "wmv2")])
def test_a_video_cut_off_within_its_header_is_named_so(kind, codec):
    problem = problem_of(encoded(noise(20), kind, codec)[:20])

    assert str(problem) == (
        "“visit.mp4” was cut off or damaged so early that nothing of it can be read. "
        "Copy it again from the camera, phone or computer it comes from."
    )


def test_an_mp4_whose_recording_was_cut_off_has_no_index_and_gets_a_remedy():
    content = encoded(noise(60))
    problem = problem_of(content[: len(content) // 2])

    assert problem.happened == (
        "“visit.mp4” was cut off or damaged: the index, which an MP4 needs to be read and which most devices write last, is missing."
    )
    assert problem.remedy == (
        "Copy it again from the camera, phone or computer it comes from. "
        "If it is not whole there either, a program such as untrunc can rebuild the index from another video of that device."
    )


@pytest.mark.parametrize(
    ("kind", "codec", "options", "length"),
    [
        ("mp4", "libx264", {"movflags": "+faststart"}, " of 3.0"),
        ("matroska", "libx264", {}, " of 3.0"),
        ("webm", "libvpx", {}, " of 3.0"),
        ("flv", "libx264", {}, " of 3.1"),
        ("mpegts", "libx264", {}, ""),
    ],
)
def test_of_a_video_cut_off_in_the_middle_what_can_be_read_is_kept(kind, codec, options, length):
    content = encoded(noise(90), kind, codec, options=options)
    whole, no_problem = read_what_can_be(content)
    given, problem = read_what_can_be(content[: int(len(content) * 0.6)])

    assert no_problem is None
    assert len(whole) == 90
    assert 40 <= len(given) <= 56
    assert all(np.array_equal(early.image_bgr, same.image_bgr) for early, same in zip(given, whole, strict=False))
    assert problem is not None
    assert problem.happened == f"“visit.mp4” breaks off after {given[-1].time_s:.1f}{length} seconds."
    assert problem.remedy == "What came before is used. For the rest: copy it again from the camera, phone or computer it comes from."


def test_a_video_cut_off_shortly_before_its_end_is_noticed_too():
    content = encoded(noise(90), options={"movflags": "+faststart"})
    given, problem = read_what_can_be(content[: int(len(content) * 0.97)])

    assert 80 <= len(given) < 90
    assert problem is not None
    assert problem.happened == f"“visit.mp4” breaks off after {given[-1].time_s:.1f} of 3.0 seconds."


def test_sound_that_ends_later_than_the_pictures_is_no_damage():
    for kind in ("mp4", "matroska"):
        assert len(read(encoded(numbered(10), kind, sound_s=4.0))) == 10


def test_damaged_pictures_in_the_middle_are_left_out_and_counted():
    content = bytearray(encoded(noise(60)))
    with av.open(io.BytesIO(content)) as container:
        spoilt = [packet for packet in container.demux(video=0) if packet.size][30]
    content[spoilt.pos : spoilt.pos + spoilt.size] = b"\xff" * spoilt.size
    given, problem = read_what_can_be(bytes(content))

    assert 45 <= len(given) < 60
    assert given[-1].time_s > 1.8
    assert problem is not None
    assert re.fullmatch(r"\d+ damaged pictures? of “visit.mp4” had to be left out\.", problem.happened)
    assert problem.remedy == "The others are used. For all of them: copy it again from the camera, phone or computer it comes from."


def test_pictures_larger_than_the_limit_are_refused_before_they_are_decoded(monkeypatch):
    content = encoded([np.zeros((16, MAX_SIDE_PX + 16, 3), np.uint8)])
    monkeypatch.setattr(video, "_decoded", lambda *_: pytest.fail("decoded"))

    assert str(problem_of(content)) == (
        "“visit.mp4” has pictures of 8,208 × 16 pixels; more than 8,192 a side are not read. "
        "Convert it to a smaller size, for instance 1920 × 1080 pixels with HandBrake or VLC."
    )


def test_a_file_that_claims_a_huge_size_is_refused():
    content = encoded(numbered(2), "avi", "ffv1")  # a codec that takes the file's word for the size
    claimed = content.replace(struct.pack("<II", 96, 64), struct.pack("<II", 50_000, 50_000))

    assert claimed != content
    assert problem_of(claimed).happened.endswith(
        "has no picture that can be read: it is empty, damaged, protected or of an impossible size."
    )


def test_pictures_stretched_beyond_the_limit_are_refused():
    problem = problem_of(encoded([np.zeros((16, 1600, 3), np.uint8)], stretch=Fraction(8, 1)))

    assert problem.happened == "“visit.mp4” has pictures of 12,800 × 16 pixels; more than 8,192 a side are not read."


def test_a_size_that_changes_on_the_way_is_given_as_it_is():
    content = encoded(numbered(3), "mpegts") + encoded([corners(128, 96)] * 3, "mpegts")
    given, _ = read_what_can_be(content)

    assert {frame.image_bgr.shape for frame in given} == {(64, 96, 3), (96, 128, 3)}


def test_nothing_is_written_to_the_terminal(capfd):
    content = encoded(noise(40), "matroska")
    for damaged in (
        content[: len(content) // 2],
        content[:3000] + b"\xff" * 3000 + content[6000:],
        b"junk" * 1000,
        encoded(noise(9))[:2000],
    ):
        try:
            read(damaged)
        except InputProblem:
            continue

    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not REAL_VIDEO.exists(), reason="the video of a face is not beside the repository")
def test_a_real_video_is_read():
    information = probe(REAL_VIDEO, REAL_VIDEO.name)
    given = list(frames(REAL_VIDEO, REAL_VIDEO.name, every_s=0.5))

    assert given[0].image_bgr.shape == (information.height_px, information.width_px, 3)
    assert len(given) == pytest.approx(information.duration_s / 0.5, abs=1)
    assert np.array_equal(thumbnail(REAL_VIDEO, REAL_VIDEO.name, given[-1].time_s), given[-1].image_bgr)


# --- writing


def written(path: Path, pictures: Sequence[np.ndarray], times_s: Sequence[float], rate_hz: float = RATE_HZ) -> list[video.Frame]:
    height, width = pictures[0].shape[:2]
    with Mp4Writer(path, width, height, rate_hz) as writer:
        for picture, time_s in zip(pictures, times_s, strict=True):
            writer.write(picture, time_s)
    return list(frames(path, path.name))


def test_what_is_written_is_read_back_at_its_times(tmp_path):
    times_s = [0.0, 0.04, 0.5, 0.51, 0.9, 2.0, 2.033]
    given = written(tmp_path / "out.mp4", numbered(7), times_s)

    assert [frame.time_s for frame in given] == pytest.approx(times_s, abs=1e-4)
    assert numbers(given) == [0, 1, 2, 3, 4, 5, 6]


def test_the_file_is_what_browsers_play(tmp_path):
    path = tmp_path / "out.mp4"
    written(path, noise(5), [number / RATE_HZ for number in range(5)])

    with av.open(path) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.codec_context.colorspace) == ("h264", "yuv420p", 6)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # plays before it is wholly loaded


def test_colours_come_back_as_they_were(tmp_path):
    for width, height in ((96, 64), (1280, 720)):
        picture = written(tmp_path / "out.mp4", [corners(width, height)] * 2, [0.0, 0.1])[0].image_bgr
        for row, column, colour in ((5, 5, RED), (5, -5, GREEN), (-5, 5, BLUE), (-5, -5, WHITE)):
            assert picture[row, column].tolist() == pytest.approx(colour, abs=8)


def test_odd_sizes_grow_by_one_and_keep_every_pixel(tmp_path):
    for width, height in ((95, 63), (96, 63), (1, 1)):
        picture = np.full((height, width, 3), 200, np.uint8)
        picture_read = written(tmp_path / "out.mp4", [picture], [0.0])[0].image_bgr
        assert picture_read.shape == (height + height % 2, width + width % 2, 3)
        assert np.abs(picture_read.astype(int) - 200).max() <= 4


def test_a_picture_of_another_size_is_scaled_to_the_video(tmp_path):
    with Mp4Writer(tmp_path / "out.mp4", 96, 64, RATE_HZ) as writer:
        writer.write(corners(), 0.0)
        writer.write(corners(192, 128), 0.1)
    given = list(frames(tmp_path / "out.mp4", "out.mp4"))

    assert [colours_at_the_corners(frame.image_bgr) for frame in given] == [[RED, GREEN, WHITE, BLUE]] * 2


def test_times_that_stand_still_go_back_or_come_at_a_strange_rate_lose_no_picture(tmp_path):
    for rate_hz in (RATE_HZ, 0.0, math.nan, math.inf, 1e-9, 1000.0):
        given = written(tmp_path / "out.mp4", numbered(4), [-1.0, 0.5, 0.5, 0.2], rate_hz)
        assert numbers(given) == [0, 1, 2, 3]
        assert [frame.time_s for frame in given] == pytest.approx([0.0, 0.5, 0.5, 0.5], abs=1e-3)


def test_a_video_can_be_jumped_in_every_two_seconds(tmp_path):
    path = tmp_path / "out.mp4"
    written(path, numbered(1) * 20, [number * 0.5 for number in range(20)], rate_hz=2.0)
    with av.open(path) as container:
        keys = [float(packet.pts * packet.time_base) for packet in container.demux(video=0) if packet.size and packet.is_keyframe]

    assert keys == pytest.approx([0.0, 2.0, 4.0, 6.0, 8.0])


def test_an_exception_leaves_what_was_there_and_no_half_file(tmp_path):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"yesterday's")

    def interrupted() -> None:
        with Mp4Writer(path, 96, 64, RATE_HZ) as writer:
            for number, picture in enumerate(noise(60)):
                writer.write(picture, number / RATE_HZ)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [each.name for each in tmp_path.iterdir()] == ["out.mp4"]
    assert path.read_bytes() == b"yesterday's"


def test_a_video_without_pictures_is_not_written(tmp_path):
    with Mp4Writer(tmp_path / "out.mp4", 96, 64, RATE_HZ):
        pass

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("encoder", [name for name in video.ENCODERS if name in av.codecs_available])
def test_every_encoder_that_may_stand_in_writes_a_readable_video(tmp_path, monkeypatch, encoder):
    monkeypatch.setattr(video, "ENCODERS", MappingProxyType({"not installed": {}, encoder: video.ENCODERS[encoder]}))
    given = written(tmp_path / "out.mp4", numbered(5), [number / RATE_HZ for number in range(5)])

    assert numbers(given) == [0, 1, 2, 3, 4]


def test_a_video_without_any_size_is_our_mistake(tmp_path):
    with pytest.raises(ValueError, match="at least one pixel a side, got 0 × 64"):
        Mp4Writer(tmp_path / "out.mp4", 0, 64, RATE_HZ)
