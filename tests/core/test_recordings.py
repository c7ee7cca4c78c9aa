"""Recordings: whole rows with true times, nothing before the beginning or after the end, nothing lost when the program is killed."""

import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import analysis, recordings
from core.emotions import SCHEMES
from core.errors import InputProblem
from core.recordings import Recorder, all_recordings, check_code, columns, find
from core.reports import Provenance

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEME = SCHEMES["4"]
PROVENANCE = Provenance("Emotion Lab", "0.1.0", "ferplus", "1", "ab" * 32, "blazeface", {"half_life_s": 0.3})
FRAME = np.full((48, 64, 3), 127, np.uint8)
FACE = {
    "face": 1,
    "emotion": "positive",
    "confidence": 0.9,
    "runner_up": "neutral",
    "runner_up_probability": 0.06,
    "prediction_set": "positive",
    "p_neutral": 0.06,
    "p_positive": 0.9,
    "p_surprise": 0.03,
    "p_negative": 0.01,
    "box_left_px": 1.5,
    "box_top_px": 2.0,
    "box_width_px": 30.0,
    "box_height_px": 31.0,
    "detection_score": 0.98,
    "sharpness": 12.0,
    "brightness": 120.0,
    "contrast": 40.0,
}
NO_FACE = {"problem": analysis.NO_FACE}


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("EMOTION_LAB_HOME", str(tmp_path))
    return tmp_path


def begin(**choices):
    return Recorder.begin("P07", SCHEME, PROVENANCE, purpose="research", **choices)


def frames(recorder, count=3, rows=(FACE,), step_s=0.04):
    """Some frames, the first of them a moment after the beginning."""
    started = datetime.fromisoformat(recorder.recording.started_at)
    for at in range(1, count + 1):
        recorder.add(started + timedelta(seconds=at * step_s), 100 + at * step_s, rows, FRAME)


def test_the_columns_are_those_of_the_table_with_time_and_participant_for_the_file():
    ours, theirs = columns(SCHEME), analysis.columns(SCHEME)

    assert ours[:3] == ("time_utc", "time_s", "participant")
    assert ours[-1] == "marker"
    assert set(theirs) - set(ours) == {"file", "analyzed_at"}
    assert set(ours) - set(theirs) == {"time_utc", "participant", "marker"}


def test_every_face_is_a_row_with_its_time_in_utc_to_the_millisecond_and_its_provenance():
    began = datetime(2026, 11, 21, 14, 35, 4, 500_000, tzinfo=UTC)
    recorder = begin(now=lambda: began)

    recorder.add(began + timedelta(milliseconds=123), 7.0, [FACE, FACE | {"face": 2}], FRAME)
    recorder.add(began + timedelta(milliseconds=1123), 8.0, [NO_FACE], FRAME)
    table = recorder.finish().table()

    assert list(table.columns) == list(columns(SCHEME))
    assert recorder.recording.csv().startswith(b"\xef\xbb\xbftime_utc,time_s,participant,face,")
    assert b"2026-11-21T14:35:04.623Z,0.123,P07,1,positive,0.9" in recorder.recording.csv()
    assert table["time_s"].tolist() == [0.123, 0.123, 1.123]
    assert table["time_utc"].iloc[2] == pd.Timestamp("2026-11-21T14:35:05.623Z")
    assert table["face"].tolist() == [1, 2, pd.NA]
    assert table["p_positive"].iloc[0] == 0.9
    assert table["problem"].iloc[2] == analysis.NO_FACE
    assert set(table["model_sha256"]) == {"ab" * 32}
    assert set(table["label_scheme"]) == {"4"}
    assert set(table["product_version"]) == {"0.1.0"}


def test_a_marker_is_a_row_of_its_own_with_only_time_and_participant():
    recorder = begin()
    frames(recorder)

    recorder.mark("  clip 3\nstarts ")
    recorder.mark("   ")
    table = recorder.finish().table()
    marker = table[table["marker"].notna()].iloc[0]

    assert table["marker"].dropna().tolist() == ["clip 3 starts"]
    assert marker.dropna().index.tolist() == ["time_utc", "time_s", "participant", "marker"]


def test_a_marker_that_a_spreadsheet_would_run_is_made_harmless():
    recorder = begin()

    recorder.mark('=HYPERLINK("http://x.example")')

    assert b"\"'=HYPERLINK(" in recorder.finish().csv()


def test_frames_from_before_the_beginning_and_after_the_end_are_not_kept():
    recorder = begin()
    early = datetime.fromisoformat(recorder.recording.started_at) - timedelta(milliseconds=5)
    recorder.add(early, 1.0, [FACE], FRAME)
    frames(recorder, 2)
    recording = recorder.finish()

    frames(recorder, 2)
    recorder.mark("late")

    assert recording.extent()[0] == 2
    assert recorder.rows == 2
    assert not recorder.running
    assert recorder.finish() == recording


def test_rows_are_on_the_disk_at_once_and_whoever_knows_the_id_finds_them():
    recorder = begin()
    frames(recorder)

    found = find(recorder.recording.id)

    assert found == recorder.recording
    assert found.extent() == (3, 0.12)
    assert found.running
    assert not found.finished_at
    assert not find(recorder.finish().id).running
    assert find(recorder.recording.id).finished_at.endswith("Z")


@pytest.mark.parametrize("stranger", ["", "..", "../../etc", "a" * 31, "A" * 32, "a" * 32, "a" * 32 + "\n", "%2e%2e"])
def test_an_id_from_a_stranger_finds_nothing_else(stranger):
    begin()

    assert find(stranger) is None


def test_recordings_are_listed_newest_first_and_what_is_not_one_is_passed_over(own_folder):
    now = datetime.now(UTC)
    ids = [begin(now=lambda at=at: now + timedelta(seconds=at)).recording.id for at in (0, 2, 1)]
    (own_folder / "recordings" / "notes").mkdir()
    broken = own_folder / "recordings" / ("b" * 32)
    broken.mkdir()
    (broken / "about.json").write_text("{", encoding="utf-8")

    assert [recording.id for recording in all_recordings()] == [ids[1], ids[2], ids[0]]


def test_there_are_no_recordings_before_the_first():
    assert all_recordings() == []


@pytest.mark.parametrize("code", ["P07", "a", "x" * 40, "2026-11_a.b", " P07 ", "NA", "-5"])
def test_a_code_of_letters_digits_dots_and_dashes_is_taken(code):
    assert check_code(code) == code.strip()


@given(st.text())
def test_any_other_code_is_refused_with_the_rule_and_its_reason(code):
    if re.fullmatch(r"[A-Za-z0-9._-]{1,40}", code.strip()):
        assert check_code(code) == code.strip()
        return
    with pytest.raises(InputProblem) as raised:
        check_code(code)
    assert str(raised.value) == (
        "A participant code has 1 to 40 characters: letters from A to Z, digits, and . _ - "
        "Use a code such as P07 and not a name: whoever gets the table should not learn from it who it was."
    )


def test_a_participant_called_na_is_no_missing_value():
    recorder = Recorder.begin("NA", SCHEME, PROVENANCE, purpose="research")
    frames(recorder, 1)

    assert recorder.finish().table()["participant"].tolist() == ["NA"]


def test_parquet_holds_the_same_table_and_how_it_came_about():
    recorder = begin()
    frames(recorder)
    recorder.mark("clip 1")
    recording = recorder.finish()

    stored = pq.read_table(io.BytesIO(recording.parquet()))
    about = json.loads(stored.schema.metadata[b"emotion_lab"])

    pd.testing.assert_frame_equal(stored.to_pandas(), recording.table(), check_dtype=False)
    assert str(stored.schema.field("time_utc").type).startswith("timestamp")
    assert str(stored.schema.field("face").type) == "int64"
    assert about["participant"] == "P07"
    assert about["purpose"] == "research"
    assert about["provenance"]["model_sha256"] == "ab" * 32
    assert about["provenance"]["settings"] == {"half_life_s": 0.3, "label_scheme": "4"}


def test_a_recording_without_any_row_is_an_empty_table():
    recording = begin().finish()

    assert recording.extent() == (0, 0.0)
    assert recording.table().empty
    assert pq.read_table(io.BytesIO(recording.parquet())).num_rows == 0


def test_pictures_are_kept_only_when_asked_for_and_two_a_second_at_most():
    without, with_pictures = begin(), begin(pictures=True)
    frames(without, 50)
    frames(with_pictures, 50)

    names = zipfile.ZipFile(io.BytesIO(with_pictures.finish().zip())).namelist()

    pictures = [name for name in names if name.startswith("pictures/")]
    assert {"recording.csv", "about.json"} <= set(names)
    assert len(pictures) == 4
    assert re.fullmatch(r"pictures/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z\.jpg", pictures[0])
    assert zipfile.ZipFile(io.BytesIO(without.finish().zip())).namelist() == ["recording.csv", "about.json"]
    assert not list(without.recording.folder.rglob("*.jpg"))


def test_erasing_leaves_nothing(own_folder):
    recorder = begin(pictures=True)
    frames(recorder)

    recorder.discard()
    recorder.recording.erase()

    assert list((own_folder / "recordings").iterdir()) == []
    assert find(recorder.recording.id) is None


def test_a_full_disk_ends_the_recording_with_a_sentence_and_keeps_what_was_written(monkeypatch):
    recorder = begin()
    frames(recorder)

    class Full(io.FileIO):
        def write(self, lines):
            raise OSError(errno.ENOSPC, "No space left on device")

    path = recorder.recording.folder / "rows.csv"
    with Full(path, "ab") as full:
        monkeypatch.setattr(recorder._file, "_file", full)
        with pytest.raises(InputProblem) as raised:
            frames(recorder, 1)

    assert str(raised.value) == (
        "The recording has stopped after 3 rows, because it cannot be written: No space left on device. "
        "What was recorded until then is kept. Make space on the disk and record again."
    )
    assert not recorder.running
    assert recorder.finish().extent()[0] == 3


def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_left_behind(own_folder):
    (own_folder / "recordings").write_text("in the way", encoding="utf-8")

    with pytest.raises(InputProblem) as raised:
        begin()

    assert raised.value.happened.startswith(f"A recording cannot be kept in “{own_folder / 'recordings'}”: ")
    assert "EMOTION_LAB_HOME" in raised.value.remedy


def test_rows_of_another_scheme_end_the_recording_instead_of_mixing():
    recorder = begin()
    frames(recorder, 1)

    with pytest.raises(InputProblem) as raised:
        frames(recorder, 1, [FACE | {"p_contempt": 0.0}])

    assert raised.value.happened == "The recording has stopped, because the model or the labels were changed."
    assert recorder.finish().extent()[0] == 1


def test_markers_from_the_page_and_rows_from_the_camera_do_not_mix_in_one_line():
    recorder = begin()
    marking = threading.Thread(target=lambda: [recorder.mark(f"m{at}") for at in range(100)])
    marking.start()
    frames(recorder, 100)
    marking.join()

    table = recorder.finish().table()

    assert table["marker"].notna().sum() == 100
    assert (table["emotion"] == "positive").sum() == 100


@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9.")
def test_a_killed_program_leaves_whole_rows(tmp_path):
    code = f"""
import sys
from datetime import UTC, datetime
sys.path.insert(0, {str(ROOT)!r})
import numpy as np
from core.emotions import SCHEMES
from core.recordings import Recorder
from core.reports import Provenance
recorder = Recorder.begin("P07", SCHEMES["4"], Provenance("Emotion Lab", "0.1.0", "m", "1", "ab", "blazeface", {{}}), purpose="research")
print(recorder.recording.id, flush=True)
frame, at = np.zeros((4, 4, 3), np.uint8), 0
while True:
    recorder.add(datetime.now(UTC), at / 30, [{FACE!r}, {FACE | {"face": 2}!r}], frame)
    at += 1
    if at == 200:
        print("200", flush=True)
"""
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    recording_id = program.stdout.readline().strip()
    assert program.stdout.readline().strip() == "200"
    program.send_signal(signal.SIGKILL)
    program.wait()
    program.stdout.close()

    recording = find(recording_id)
    table = recording.table()

    assert not recording.finished_at
    assert len(table) >= 400
    assert set(table["product_version"]) == {"0.1.0"}  # the last column but the markers is there in every row
    assert recording.extent()[0] == len(table)
    assert recording.finish().finished_at
    assert find(recording_id).finished_at


def test_a_line_that_was_cut_off_is_left_out():
    recorder = begin()
    frames(recorder)
    recording = recorder.finish()
    with (recording.folder / "rows.csv").open("ab") as rows:
        rows.write(b"2026-11-21T14:35:04.623Z,9.5,P0")

    assert recording.extent() == (3, 0.12)
    assert len(recording.table()) == 3


def test_a_recording_whose_file_was_never_begun_is_empty(own_folder):
    recording = begin().finish()
    (recording.folder / "rows.csv").unlink()

    assert recording.table().empty
    assert not recording.running


def test_nobody_else_on_this_computer_may_look_into_recordings(own_folder):
    recorder = begin()

    if os.name != "nt":
        assert (own_folder / "recordings").stat().st_mode & 0o077 == 0
        assert recorder.recording.folder.stat().st_mode & 0o077 == 0
    assert recordings.folder() == own_folder / "recordings"
