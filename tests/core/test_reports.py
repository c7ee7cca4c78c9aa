"""Exports open everywhere, start no formulas, survive an interruption and say how they came about."""

from __future__ import annotations

import csv
import io
import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputProblem
from core.reports import PRODUCT, CsvFile, Provenance, to_csv, to_json, utc_now

BOM = b"\xef\xbb\xbf"


def exported(text: object) -> str:
    """What a cell with `text` holds in the file."""
    rows = list(csv.reader(io.StringIO(to_csv(pd.DataFrame({"x": [text, "end"]}, dtype=object)).decode("utf-8-sig"), newline="")))
    assert rows[0] == ["x"]
    assert rows[2:] == [["end"]]
    return rows[1][0] if rows[1] else ""


def provenance(**changes: object) -> Provenance:
    given: dict[str, object] = {
        "product": PRODUCT,
        "version": "0.1.0",
        "model": "ferplus",
        "model_version": "1",
        "model_sha256": "ab" * 32,
        "detector": "blazeface",
        "settings": {"every_s": 0.2},
        "created_utc": "2026-11-21T11:35:04+00:00",
    }
    return Provenance(**(given | changes))  # type: ignore[arg-type]


# --- CSV


def test_a_table_comes_back_as_it_was() -> None:
    table = pd.DataFrame(
        {
            "file": ['a, “b” "c".jpg', "Ärztin 👩🏽\u200d⚕️.png", np.nan],
            "time_s": [0.1, -2.5e-7, np.nan],
            "face": pd.array([1, None, -3], dtype="Int64"),
            "confidence": np.array([0.1, -0.25, np.nan], np.float32),
            "pixels": [1, -2, 3],
            "usable": [True, False, True],
        }
    )

    content = to_csv(table)

    assert content.startswith(BOM + b"file,time_s,")
    back = pd.read_csv(io.BytesIO(content), encoding="utf-8-sig", dtype={"face": "Int64", "confidence": np.float32})
    pd.testing.assert_frame_equal(back, table)


def test_cells_are_written_like_this() -> None:
    table = pd.DataFrame({"a": ["x", None], "b": np.array([0.1, np.nan], np.float32), "c": [pd.Timestamp("2026-11-21", tz="UTC"), pd.NaT]})

    assert to_csv(table).decode("utf-8-sig") == "a,b,c\nx,0.1,2026-11-21T00:00:00+00:00\n,,\n"


def test_a_table_without_rows_has_its_column_names() -> None:
    assert to_csv(pd.DataFrame(columns=["file", "=x"])) == BOM + b"file,'=x\n"


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "﹦"])
@pytest.mark.parametrize("before", ["", " ", "\u00a0", "\t", "\n", "\ufeff", "\u200b", "\x00"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(sign: str, before: str) -> None:
    if before and sign.isspace():
        before = ""

    assert exported(f"{before}{sign}cmd|' /C calc'!A0").startswith("'")


def test_column_names_are_made_harmless_too() -> None:
    assert to_csv(pd.DataFrame({"=1+1": [1], "@x": [2]})).decode("utf-8-sig").splitlines()[0] == "'=1+1,'@x"


def test_numbers_and_ordinary_text_stay_as_they_are() -> None:
    assert to_csv(pd.DataFrame({"yaw_deg": [-12.5, 3.0], "n": [-1, 1]})).decode("utf-8-sig") == "yaw_deg,n\n-12.5,-1\n3.0,1\n"
    for text in ("-5", "+0.25", "-1e-3", "a=b", "happiness", "it's", "–", "a-b@c.de", "0=1"):
        assert exported(text) == text
    for text in ("-5+cmd()", "-5a", "--5", "-", "-٣"):
        assert exported(text) == f"'{text}"


def test_nothing_starts_a_formula_where_excel_splits_at_semicolons() -> None:
    assert exported("a;=1+1; @x;b") == "a;'=1+1;' @x;b"


def test_every_row_is_one_line_whatever_a_name_holds() -> None:
    assert exported("two\r\nlines\nand\x0bmore\u2028here\x00.jpg") == "two lines and more here .jpg"


def test_damaged_file_names_can_be_written() -> None:
    assert exported("\udcff.jpg") == "?.jpg"


@given(st.text(max_size=30) | st.text(alphabet="=+-@\t\r\n ;,\"'＝＠ab1\ufeff", max_size=12))
@settings(max_examples=150, deadline=None)
def test_no_text_starts_a_formula_and_all_of_it_comes_back_recognisable(text: str) -> None:
    cell = exported(text)

    seen = cell.lstrip(" \u00a0\ufeff\u200b")
    assert not seen.startswith(("=", "@", "＝", "＋", "－", "＠"))
    assert not seen.startswith(("+", "-")) or float(seen) == float(text)
    assert not cell.startswith(("\t", "\r", "\n"))
    assert "".join(c for c in cell if c.isalnum()) == "".join(c for c in text if c.isalnum())
    assert len(text) - text.count("\r\n") <= len(cell) <= len(text) + 1 + text.count(";")


@given(
    st.lists(
        st.fixed_dictionaries({"a": st.text(max_size=8), "b": st.none() | st.floats() | st.integers(-9, 9) | st.booleans()}), max_size=4
    )
)
@settings(max_examples=40, deadline=None)
def test_the_growing_file_and_the_whole_table_are_the_same(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]]) -> None:
    path = tmp_path_factory.mktemp("csv") / "out.csv"

    with CsvFile(path, ["a", "b"]) as file:
        for row in rows:
            file.write([row])

    assert path.read_bytes() == to_csv(pd.DataFrame(rows, columns=["a", "b"], dtype=object))


def test_rows_are_in_the_file_as_soon_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("an older, longer file that goes away")

    with CsvFile(path, ("file", "=x")) as file:
        assert path.read_bytes() == BOM + b"file,'=x\n"
        file.write([{"=x": np.float32(0.1), "file": "-a"}, {"file": np.nan}])
        assert path.read_bytes() == BOM + b"file,'=x\n'-a,0.1\n,\n"
        file.write([])
    with pytest.raises(ValueError, match="inside its `with` block"):
        file.write([])


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_the_file_is_valid_however_the_work_stops(tmp_path: Path, stop: type[BaseException]) -> None:
    path = tmp_path / "out.csv"

    def rows(number: int) -> list[dict[str, object]]:
        return [{"file": f"{number}.jpg", "face": 1}, {"file": f"{number}.jpg", "face": 2}]

    with pytest.raises(stop), CsvFile(path, ["file", "face"]) as file:  # noqa: PT012 (the file is what is tested)
        file.write(rows(1))
        file.write(rows(2))
        raise stop

    assert path.read_bytes().startswith(BOM)
    assert pd.read_csv(path, encoding="utf-8-sig").to_dict("records") == rows(1) + rows(2)


def test_a_row_with_an_unknown_column_writes_nothing(tmp_path: Path) -> None:
    with CsvFile(tmp_path / "out.csv", ["a"]) as file, pytest.raises(ValueError, match=r"the file has no columns \['b'\]"):
        file.write([{"a": 1}, {"a": 2, "b": 3}])

    assert (tmp_path / "out.csv").read_bytes() == BOM + b"a\n"


def test_a_file_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputProblem) as caught, CsvFile(tmp_path / "gone" / "out.csv", ["a"]):
        pytest.fail("opened")

    assert caught.value.happened == f"The table “{tmp_path / 'gone' / 'out.csv'}” cannot be written: No such file or directory."
    assert caught.value.remedy == "Close it if a spreadsheet has it open, or choose another folder with space left that you may write to."


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_told() -> None:
    with pytest.raises(InputProblem, match="cannot be written: No space left on device"), CsvFile(Path("/dev/full"), ["a"]):
        pytest.fail("opened")


def test_a_row_that_no_longer_fits_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"

    with pytest.raises(InputProblem, match="No space left"), CsvFile(path, ["a"]) as file:  # noqa: PT012
        file.write([{"a": "first"}])
        raw = file._file
        assert raw is not None
        file._file = Nearly(raw)  # type: ignore[assignment]
        file.write([{"a": "second"}])

    assert path.read_bytes() == BOM + b"a\nfirst\n"


class Nearly:
    """A file on a disk with three bytes left."""

    def __init__(self, file: io.FileIO) -> None:
        self.file = file
        self.left = 3

    def write(self, data: memoryview) -> int:
        if not self.left:
            raise OSError(28, "No space left on device")
        written = self.file.write(data[: self.left])
        self.left = 0
        return written

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)


# --- JSON


class Kind(Enum):
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class Face:
    box_px: tuple[float, float]
    crop: np.ndarray
    problem: str | None


def test_json_understands_what_core_returns() -> None:
    payload = {
        "faces": [Face((1.5, np.nan), np.array([[1, 2]], np.uint8), None)],
        "probabilities": np.array([0.1, np.inf], np.float32),
        "n": np.int64(3),
        "share": np.float64(0.1),
        "usable": np.bool_(True),
        "kind": Kind.PICTURE,
        "labels": frozenset({"b", "a"}),
        "path": Path("a") / "ü.jpg",
        "at": datetime(2026, 11, 21, tzinfo=UTC),
        "table": pd.DataFrame({"x": [1.0, np.nan], "t": [pd.NaT, pd.NaT]}),
        "order": OrderedDict([(2, pd.NA), (1, "=1")]),
        "damaged": "\udcff",
    }

    text = to_json(payload).decode("utf-8")

    assert json.loads(text) == {
        "faces": [{"box_px": [1.5, None], "crop": [[1, 2]], "problem": None}],
        "probabilities": [0.1, None],
        "n": 3,
        "share": 0.1,
        "usable": True,
        "kind": "picture",
        "labels": ["a", "b"],
        "path": str(Path("a") / "ü.jpg"),
        "at": "2026-11-21T00:00:00+00:00",
        "table": [{"x": 1.0, "t": None}, {"x": None, "t": None}],
        "order": {"2": None, "1": "=1"},
        "damaged": "?",
    }
    assert "ü.jpg" in text
    assert "NaN" not in text


def test_json_refuses_what_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="JSON has no way to write a bytes"):
        to_json({"x": [b"raw"]})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
@settings(max_examples=40, deadline=None)
def test_json_is_always_valid(payload: object) -> None:
    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is not JSON")

    json.loads(to_json(payload), parse_constant=refuse)


# --- provenance


def test_provenance_travels_in_json_and_in_tables() -> None:
    made = provenance()

    assert json.loads(to_json(made))["settings"] == {"every_s": 0.2}
    assert made.row() == {
        "model": "ferplus",
        "model_version": "1",
        "model_sha256": "ab" * 32,
        "detector": "blazeface",
        "product_version": "0.1.0",
        "analyzed_at": "2026-11-21T11:35:04+00:00",
    }


def test_provenance_cannot_be_changed_afterwards() -> None:
    chosen: dict[str, object] = {"every_s": 0.2}
    made = provenance(settings=chosen)
    chosen["every_s"] = 9

    assert made.settings == {"every_s": 0.2}
    with pytest.raises(TypeError):
        made.settings["every_s"] = 9  # type: ignore[index]


@pytest.mark.parametrize("time", ["2026-11-21T11:35:04", "2026-11-21T11:35:04+01:00"])
def test_provenance_refuses_a_time_that_is_not_utc(time: str) -> None:
    with pytest.raises(ValueError, match="created_utc must be in UTC"):
        provenance(created_utc=time)


def test_the_time_now_is_in_utc() -> None:
    assert abs((datetime.fromisoformat(utc_now()) - datetime.now(UTC)).total_seconds()) < 5
    assert utc_now().endswith("+00:00")
