import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from core import __version__
from core.analysis import (
    COLUMNS,
    NO_FACE,
    Moment,
    Observed,
    annotate,
    annotated_video,
    chosen_scheme,
    columns,
    observe_file,
    observe_picture,
    observe_video,
    observe_video_in_parts,
    results,
    table,
)
from core.cards import Calibration
from core.emotions import COLOURS, EMOTIONS, SCHEMES
from core.errors import InputProblem
from core.faces import FramedFace
from core.inference import EmotionAnalyzer, FaceReading
from core.pictures import display_name, walk
from core.reports import to_csv
from core.video import Mp4Writer, frames, probe

PORTRAIT = Path(__file__).parents[2] / "data" / "astronaut.jpg"
HAPPY = (0.05, 0.6, 0.2, 0.03, 0.03, 0.03, 0.03, 0.03)
CROP = np.zeros((48, 48), np.uint8)


def framed(left: float = 10, problem: str = "", side: float = 40) -> FramedFace:
    return FramedFace((left, 20.0, side, side), 0.9, math.nan, 1.234, -5.678, 12.3, 99.9, 30.1, problem, CROP)


Find = Callable[[int], Sequence[FramedFace]]


class StandIn:
    """Finds what it is told to find and reads the same from every face, where the network is beside the point."""

    labels = EMOTIONS
    detector = "told"
    card = SimpleNamespace(name="stand-in", version="3", sha256="ab" * 32, calibration=Calibration(1.0, 0.9, 0.15))

    def __init__(self, find: Find, probabilities: Callable[[int], Sequence[float]] = lambda i: HAPPY) -> None:
        self.find, self.probabilities = find, probabilities
        self.observed = 0
        self.calls: list[int] = []

    def observe(self, image_bgr: np.ndarray) -> list[FramedFace]:
        self.observed += 1
        return list(self.find(self.observed - 1))

    def read(self, faces: Sequence[FramedFace]) -> list[FaceReading]:
        start = sum(self.calls)
        self.calls.append(len(faces))
        return [self.reading(face, self.probabilities(start + i)) for i, face in enumerate(faces)]

    def reading(self, face: FramedFace, probabilities: Sequence[float]) -> FaceReading:
        numbers = (face.score, face.yaw_deg, face.pitch_deg, face.roll_deg, face.sharpness, face.brightness, face.contrast)
        possible = self.card.calibration.prediction_set(probabilities, self.labels)
        return FaceReading(face.box_px, self.labels, tuple(probabilities), possible, *numbers, face.problem, face.crop)


def observed(*moments: Moment, problem: str = "", note: str = "", kind: str = "video") -> Observed:
    remedy = "Copy it again." if problem else ""
    return Observed("clip.mp4", kind, 640, 480, 3.0, moments, problem, remedy, note, 0.1, "2026-11-21T12:00:00+00:00")


def png(height: int = 64, width: int = 64) -> bytes:
    return cv2.imencode(".png", np.full((height, width, 3), 90, np.uint8))[1].tobytes()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of the portrait at ten pictures a second."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    picture = cv2.resize(cv2.imread(str(PORTRAIT)), (320, 320), interpolation=cv2.INTER_AREA)
    with Mp4Writer(path, 320, 320, 10) as writer:
        for i in range(20):
            writer.write(picture, i / 10)
    return path


@pytest.fixture(scope="module")
def analyzer() -> EmotionAnalyzer:
    return EmotionAnalyzer.load()


def test_the_columns_are_those_that_were_promised():
    assert (
        *("file", "time_s", "face", "emotion", "confidence", "runner_up", "runner_up_probability", "prediction_set"),
        *("p_neutral", "p_happiness", "p_surprise", "p_sadness", "p_anger", "p_disgust", "p_fear", "p_contempt"),
        *("box_left_px", "box_top_px", "box_width_px", "box_height_px", "detection_score", "yaw_deg", "pitch_deg", "roll_deg"),
        *("sharpness", "brightness", "contrast", "problem", "model", "model_version", "model_sha256", "detector"),
        *("label_scheme", "product_version", "analyzed_at"),
    ) == COLUMNS
    assert [name for name in columns(SCHEMES["4"]) if name.startswith("p_")] == ["p_neutral", "p_positive", "p_surprise", "p_negative"]


def test_a_face_is_a_row_with_its_emotion_runner_up_and_everything_to_repeat_it():
    found = table(StandIn(lambda i: []), observed(Moment(0.5, (framed(),), (2,))))

    assert tuple(found.columns) == COLUMNS
    row = found.iloc[0].to_dict()
    assert row.pop("p_neutral") == pytest.approx(0.05)
    assert math.isnan(row.pop("yaw_deg"))
    expected = {
        "file": "clip.mp4",
        "time_s": 0.5,
        "face": 2,
        "emotion": "happiness",
        "confidence": 0.6,
        "runner_up": "surprise",
        "runner_up_probability": 0.2,
        "prediction_set": "happiness; surprise",
        "p_happiness": 0.6,
        "p_surprise": 0.2,
        "p_sadness": 0.03,
        "box_left_px": 10,
        "box_top_px": 20,
        "box_width_px": 40,
        "box_height_px": 40,
        "detection_score": 0.9,
        "pitch_deg": 1.23,
        "roll_deg": -5.68,
        "sharpness": 12.3,
        "brightness": 99.9,
        "contrast": 30.1,
        "model": "stand-in",
        "model_version": "3",
        "model_sha256": "ab" * 32,
        "detector": "told",
        "label_scheme": "8",
        "product_version": __version__,
        "analyzed_at": "2026-11-21T12:00:00+00:00",
    }
    assert {name: row[name] for name in expected} == expected


def test_a_face_with_a_problem_keeps_its_numbers_but_gets_no_confident_guess():
    found = table(StandIn(lambda i: []), observed(Moment(0.5, (framed(problem="The face is too dark."),), (1,))))

    row = found.iloc[0]
    assert row["problem"] == "The face is too dark."
    assert row["p_happiness"] == 0.6
    assert row["box_width_px"] == 40
    assert row[["emotion", "confidence", "runner_up", "runner_up_probability", "prediction_set"]].isna().all()


def test_a_moment_without_a_face_is_a_row_with_the_reason():
    found = table(StandIn(lambda i: []), observed(Moment(0.0, (framed(),), (1,)), Moment(0.1, (), ())))

    assert found["problem"].tolist()[1] == NO_FACE == "No face was found."
    assert found["face"].isna().tolist() == [False, True]
    assert found["time_s"].tolist() == [0.0, 0.1]


def test_a_file_with_a_problem_is_a_row_with_problem_and_remedy():
    found = table(StandIn(lambda i: []), observed(problem="“clip.mp4” is empty."))

    assert found["problem"].tolist() == ["“clip.mp4” is empty. Copy it again."]
    assert found["model"].tolist() == ["stand-in"]
    assert found["time_s"].isna().all()


def test_a_video_that_breaks_off_says_so_in_a_last_row_and_a_note_on_a_picture_does_not():
    moment = Moment(0.5, (framed(),), (1,))

    broken = table(StandIn(lambda i: []), observed(moment, note="“clip.mp4” breaks off after 0.5 seconds."))
    animated = table(StandIn(lambda i: []), observed(moment, note="The first of 12 frames was used.", kind="picture"))

    assert broken["problem"].tolist()[-1] == "“clip.mp4” breaks off after 0.5 seconds."
    assert len(broken) == 2
    assert len(animated) == 1


def test_the_csv_of_a_table_has_whole_face_numbers_and_empty_cells_for_what_is_missing():
    watched = observed(Moment(0.0, (framed(),), (1,)), Moment(0.1, (), ()))
    lines = to_csv(table(StandIn(lambda i: []), watched)).decode("utf-8-sig").splitlines()

    assert lines[1].startswith("clip.mp4,0.0,1,happiness,0.6,surprise,0.2,happiness; surprise,")
    assert lines[2].startswith("clip.mp4,0.1,,,,,,,,,")


def test_another_scheme_adds_up_the_probabilities_of_its_labels():
    stand_in = StandIn(lambda i: [], lambda i: (0.1, 0.26, 0.04, 0.12, 0.12, 0.12, 0.12, 0.12))
    found = table(stand_in, observed(Moment(0.0, (framed(),), (1,))), "4").iloc[0]

    assert found["emotion"] == "negative"
    assert found["confidence"] == pytest.approx(0.6)
    assert found["runner_up"] == "positive"
    assert found["label_scheme"] == "4"
    # each negative emotion alone is too unlikely for the set, but what is called likeliest cannot be impossible
    assert found["prediction_set"] == "negative; positive"


def test_a_scheme_finer_than_the_model_is_refused():
    stand_in = StandIn(lambda i: [])
    stand_in.labels = EMOTIONS[:7]

    with pytest.raises(InputProblem, match="does not tell contempt apart, which the scheme with 8 labels needs"):
        table(stand_in, observed(), "8")
    assert chosen_scheme(None, EMOTIONS[:7]).name == "7"
    assert chosen_scheme(None, EMOTIONS).name == "8"
    assert chosen_scheme(None, ("neutral", "smirk")).labels == ("neutral", "smirk")
    assert chosen_scheme(None, ("neutral", "fear")).labels == ("neutral", "fear")


def test_the_network_is_asked_in_batches_over_all_moments():
    moments = [Moment(i / 10, (framed(), framed(100)), (1, 2)) for i in range(40)]
    stand_in = StandIn(lambda i: [], lambda i: np.roll(HAPPY, i % 8))

    judged = results(stand_in, observed(*moments))

    assert stand_in.calls == [32, 32, 16]
    assert [moment for moment, _ in judged] == moments
    assert [len(readings) for _, readings in judged] == [2] * 40
    assert judged[1][1][0].label == EMOTIONS[(1 + 2) % 8]  # the third face read is the first of the second moment


def test_smoothing_halves_a_jump_after_one_half_life_and_leaves_faces_with_a_problem_out():
    sure = {0: (1.0, *[0.0] * 7), 1: (0.0, 1.0, *[0.0] * 6), 2: (0.0, 1.0, *[0.0] * 6)}
    moments = (Moment(0.0, (framed(),), (1,)), Moment(0.5, (framed(problem="Too dark."),), (1,)), Moment(1.0, (framed(),), (1,)))
    judged = results(StandIn(lambda i: [], sure.__getitem__), observed(*moments), half_life_s=1.0)
    first, dark, last = (readings[0] for _, readings in judged)

    assert first.probabilities[:2] == (1.0, 0.0)
    assert dark.probabilities[:2] == (0.0, 1.0)
    assert last.probabilities[:2] == pytest.approx((0.5, 0.5))
    assert set(last.prediction_set) == {"neutral", "happiness"}


def test_a_picture_that_cannot_be_read_is_a_result_with_its_problem():
    result = observe_picture(StandIn(lambda i: []), "holiday.jpg", b"")

    assert result.problem == "“holiday.jpg” is empty (0 bytes)."
    assert result.remedy == "Copy or download it again from where it came from."
    assert result.moments == ()
    assert not result.whole


def test_faces_of_a_picture_are_numbered_and_carry_no_time():
    result = observe_picture(StandIn(lambda i: [framed(), framed(100)]), "<b>😀</b>.png", png(50, 60))

    assert result.file == "<b>😀</b>.png"
    assert (result.width_px, result.height_px, result.kind, result.whole) == (60, 50, "picture", True)
    assert result.moments[0].numbers == (1, 2)
    assert math.isnan(result.moments[0].time_s)
    assert table(StandIn(lambda i: []), result)["time_s"].isna().all()


def test_a_video_is_observed_at_the_chosen_times_and_reports_its_progress(clip):
    progress = []
    result = observe_video(StandIn(lambda i: [framed(10 + i)]), clip, "clip.mp4", 0.5, lambda done, total: progress.append((done, total)))

    assert [moment.time_s for moment in result.moments] == pytest.approx([0, 0.5, 1.0, 1.5], abs=0.01)
    assert [moment.numbers for moment in result.moments] == [(1,)] * 4
    assert progress[-1] == pytest.approx((1.5, 2.0), abs=0.01)
    assert (result.width_px, result.height_px, result.problem, result.note) == (320, 320, "", "")
    assert result.duration_s == pytest.approx(2.0, abs=0.01)


def test_stopping_a_video_keeps_what_was_seen_and_says_so(clip):
    stand_in = StandIn(lambda i: [framed()])
    result = observe_video(stand_in, io.BytesIO(clip.read_bytes()), "clip.mp4", 0, stopped=lambda: stand_in.observed == 6)

    assert len(result.moments) == 6
    assert result.note == "Stopped on request after 0.5 s; the rest was not analysed."
    assert not result.whole


def test_a_video_comes_in_parts_that_make_the_whole(tmp_path):
    path = tmp_path / "long.mp4"
    with Mp4Writer(path, 64, 64, 25) as writer:
        for i in range(70):
            writer.write(np.full((64, 64, 3), i, np.uint8), i / 25)

    parts = list(observe_video_in_parts(StandIn(lambda i: [framed()]), path, "long.mp4", 0))

    assert [len(part.moments) for part in parts] == [32, 32, 6]
    assert {moment.numbers for part in parts for moment in part.moments} == {(1,)}


def test_of_a_video_that_is_cut_off_the_moments_before_are_kept(tmp_path):
    whole = tmp_path / "whole.mkv"
    write_mkv(whole)
    cut = whole.read_bytes()[: whole.stat().st_size * 6 // 10]

    result = observe_video(StandIn(lambda i: [framed()]), io.BytesIO(cut), "cut.mkv", 0)

    assert 5 < len(result.moments) < 60
    assert result.problem == ""
    assert "“cut.mkv” breaks off after" in result.note
    assert "What came before is used." in result.note


def write_mkv(path: Path) -> None:
    """A video whose beginning can be read without its end, unlike an MP4's."""
    import av

    noise = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=20)
        stream.width = stream.height = 64
        for _ in range(60):
            picture = av.VideoFrame.from_ndarray(noise.integers(0, 255, (64, 64, 3), np.uint8), format="bgr24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def test_a_text_called_mp4_is_a_result_with_its_problem():
    result = observe_video(StandIn(lambda i: []), io.BytesIO(b"hello, this is a text"), "diary.mp4", 0.5)

    assert "“diary.mp4” is not a video" in result.problem
    assert result.remedy
    assert result.moments == ()


def test_files_of_every_kind_are_observed_and_a_bad_one_does_not_stop_the_rest(tmp_path, clip):
    import zipfile

    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "b.jpg").write_text("no picture")
    (tmp_path / "c.mp4").write_bytes(clip.read_bytes())
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("inside/e.png", png())
        archive.writestr("notes.txt", "hello")

    stand_in = StandIn(lambda i: [framed()])
    found = [(result, source) for file in walk([tmp_path, tmp_path / "gone.jpg"]) for result, source in observe_file(stand_in, file, 1.0)]

    base = tmp_path.as_posix()
    assert [(result.file.removeprefix(f"{base}/"), bool(result.problem), len(result.moments)) for result, _ in found] == [
        ("a.png", False, 1),
        ("b.jpg", True, 0),
        ("c.mp4", False, 2),
        ("d.zip/inside/e.png", False, 1),
        ("d.zip/notes.txt", True, 0),
        ("gone.jpg", True, 0),
    ]
    assert found[2][1] == tmp_path / "c.mp4"
    assert found[3][1] == png()
    zip_name = display_name(f"{base}/d.zip")
    assert found[4][0].problem == f"“notes.txt” in “{zip_name}” is not a picture, to judge by its name."


def test_a_file_that_vanished_gets_a_sentence(tmp_path):
    ((result, _),) = observe_file(StandIn(lambda i: []), tmp_path / "gone.jpg", 0)

    assert "gone.jpg” could not be opened (No such file or directory)." in result.problem
    assert result.remedy == "Check that it is still there and that you may read it."


# ---- drawing


@pytest.mark.parametrize(("height", "width"), [(60, 60), (480, 640), (3000, 4000), (63, 65)])
@pytest.mark.parametrize("grey", [0, 255])
def test_drawing_is_seen_on_any_picture_and_leaves_the_original_alone(height, width, grey):
    picture = np.full((height, width, 3), grey, np.uint8)
    side = min(height, width) / 2
    reading = StandIn(lambda i: []).reading(framed(left=width / 4, side=side), HAPPY)

    drawn = annotate(picture, [reading], [1])

    assert (picture == grey).all()
    assert drawn.dtype == np.uint8
    assert drawn.shape[0] >= height
    assert drawn.shape[1] >= width
    assert drawn.shape[1] / drawn.shape[0] == pytest.approx(width / height, rel=0.01)
    assert cv2.inRange(drawn, (0x00, 0x9C, 0xE3), (0x03, 0xA2, 0xE9)).any()  # happiness, #E69F00, blue first


@pytest.mark.parametrize(("height", "width"), [(16, 2000), (2000, 16), (16, 16)])
def test_strips_and_specks_can_be_drawn_and_do_not_grow_without_bounds(height, width):
    reading = StandIn(lambda i: []).reading(framed(side=10), HAPPY)

    assert max(annotate(np.zeros((height, width, 3), np.uint8), [reading], [1]).shape) <= 2000


def test_small_pictures_grow_until_letters_have_room_and_large_ones_stay():
    assert annotate(np.zeros((48, 48, 3), np.uint8), [], []).shape == (480, 480, 3)
    assert annotate(np.zeros((960, 1280, 3), np.uint8), [], []).shape == (960, 1280, 3)


def test_the_bar_of_a_likelier_emotion_is_longer():
    reading = StandIn(lambda i: []).reading(framed(left=20, side=100), HAPPY)
    drawn = annotate(np.full((480, 640, 3), 128, np.uint8), [reading], [1]).astype(int)

    def longest_run(emotion: str) -> int:
        red, green, blue = (int(COLOURS[emotion][at : at + 2], 16) for at in (1, 3, 5))
        alike = np.abs(drawn[:, 140:] - [blue, green, red]).max(axis=2) < 6
        return int(alike.sum(axis=1).max())

    assert longest_run("happiness") > 2 * longest_run("surprise") > 2 * longest_run("anger") > 0


def test_a_face_with_a_problem_is_drawn_without_any_emotions_colour():
    reading = StandIn(lambda i: []).reading(framed(left=20, side=100, problem="The head is turned 60° away – too far."), HAPPY)
    drawn = annotate(np.full((480, 640, 3), 128, np.uint8), [reading], [1])

    assert (drawn != 128).any()
    assert (drawn.max(axis=2) - drawn.min(axis=2)).max() <= 2  # greys alone


def test_boxes_beyond_the_edge_and_many_faces_can_be_drawn():
    stand_in = StandIn(lambda i: [])
    readings = [stand_in.reading(framed(left=left, side=300), HAPPY) for left in (-250, -20, 100, 500, 635)]

    assert annotate(np.zeros((480, 640, 3), np.uint8), readings, [1, 2, 3, 4, 5], "4").shape == (480, 640, 3)


def test_an_annotated_video_shows_the_analysed_pictures_at_their_times(clip, tmp_path):
    stand_in = StandIn(lambda i: [framed(left=20, side=100)])
    watched = observe_video(stand_in, clip, "clip.mp4", 0.5)
    progress = []

    annotated_video(stand_in, clip, watched, tmp_path / "drawn.mp4", on_progress=lambda done, total: progress.append(done))

    drawn = list(frames(tmp_path / "drawn.mp4", "drawn.mp4"))
    assert [frame.time_s for frame in drawn] == pytest.approx([0, 0.5, 1.0, 1.5], abs=0.01)
    assert progress == pytest.approx([0, 0.5, 1.0, 1.5], abs=0.01)
    info = probe(tmp_path / "drawn.mp4", "drawn.mp4")
    assert (info.width_px, info.height_px) == (480, 480)


def test_there_is_no_annotated_video_of_nothing(tmp_path):
    broken = observed(problem="“clip.mp4” is empty.")
    with pytest.raises(InputProblem, match=r"There is nothing to draw: “clip.mp4” is empty.") as raised:
        annotated_video(StandIn(lambda i: []), io.BytesIO(b""), broken, tmp_path / "drawn.mp4")
    assert raised.value.remedy == "Copy it again."


# ---- with the real model


def test_the_portrait_looks_like_happiness(analyzer):
    found = table(analyzer, observe_picture(analyzer, "astronaut.jpg", PORTRAIT.read_bytes()))

    assert found["emotion"].tolist() == ["happiness"]
    assert found["confidence"].item() > 0.5
    assert found["problem"].isna().all()
    assert found["model"].item() == "ferplus"
    assert found.filter(regex="^p_").sum(axis=1).item() == pytest.approx(1, abs=1e-4)


def test_changing_the_model_or_scheme_finds_no_face_again(analyzer, monkeypatch):
    result = observe_picture(analyzer, "astronaut.jpg", PORTRAIT.read_bytes())

    def never(*_: object) -> None:
        raise AssertionError("faces were sought again")

    monkeypatch.setattr(type(analyzer), "observe", never)
    assert table(analyzer, result, "4")["emotion"].tolist() == ["positive"]
    assert table(analyzer, result, "7")["emotion"].tolist() == ["happiness"]


def test_a_face_in_a_video_keeps_its_number(analyzer, clip):
    found = table(analyzer, observe_video(analyzer, clip, "clip.mp4", 0.2), half_life_s=0.5)

    assert found["face"].tolist() == [1] * 10
    assert set(found["emotion"]) == {"happiness"}
