"""What do people take away? Tables as CSV, results as JSON, and how they came about.

A spreadsheet runs what it takes for a formula, and file names come from strangers; so text in a CSV never begins like one. Both ways to a
CSV, the whole table and the growing file, write their cells with the same function.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from numbers import Real
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import numpy as np
import pandas as pd

from core.errors import InputProblem

PRODUCT = "Emotion Lab"

_BOM = b"\xef\xbb\xbf"  # without it Excel reads UTF-8 as the local code page
_SIGNS = "=+\\-@＝＋－＠﹦﹢﹣﹫"  # what starts a formula, also in full width
_UNSEEN = r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2060\ufeff]"  # what may stand before it unnoticed
_FORMULA = re.compile(rf"{_UNSEEN}*[{_SIGNS}]|[\t\r\n]")
_FORMULA_AFTER_SEMICOLON = re.compile(rf";(?={_UNSEEN}*[{_SIGNS}])")  # where the comma is decimal, Excel splits cells at semicolons
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_LINE_BREAKS_AND_CONTROLS = re.compile(r"\r\n|[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def utc_now() -> str:
    """The time in UTC as exports write it, ISO 8601 to the second: 2026-11-21T11:35:04+00:00."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a result came about; every export carries it.

    product        name of this program
    version        its version
    model          short name of the model
    model_version  the model's own version
    model_sha256   of the model's weights, in hexadecimal
    detector       what found the faces
    settings       what the user chose, by name; kept as a read-only copy
    created_utc    when, ISO 8601 in UTC; now, unless given
    """

    product: str
    version: str
    model: str
    model_version: str
    model_sha256: str
    detector: str
    settings: Mapping[str, object]
    created_utc: str = field(default_factory=utc_now)

    def __post_init__(self) -> None:
        if datetime.fromisoformat(self.created_utc).utcoffset() != timedelta(0):
            raise ValueError(f"created_utc must be in UTC, got {self.created_utc}")
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    def row(self) -> dict[str, str]:
        """The columns that say the same in a table."""
        return {
            "model": self.model,
            "model_version": self.model_version,
            "model_sha256": self.model_sha256,
            "detector": self.detector,
            "product_version": self.version,
            "analyzed_at": self.created_utc,
        }


def to_csv(table: pd.DataFrame) -> bytes:
    """`table` as CSV that every spreadsheet opens: UTF-8 with BOM, commas, one line per row, without the index.

    A missing value is an empty cell. Numbers are written with as many digits as tell them apart. Text, also in column names, is made
    harmless: an apostrophe is put before what a spreadsheet would take for a formula (plain numbers are left as they are), and line breaks
    and control characters become spaces.
    """
    columns = (table.iloc[:, number] for number in range(table.shape[1]))
    # object keeps whole numbers, times and missing values as they are; but 32-bit floats it would stretch to 0.10000000149011612
    cells = [column.to_numpy() if column.dtype == np.float32 else column.astype(object) for column in columns]
    return _BOM + _lines([table.columns, *zip(*cells, strict=True)])


class CsvFile:
    """A CSV that grows while the work goes on, and is valid whenever the work stops.

    Used with `with`. The file, with its BOM and column names, is there at once and replaces an older one; each `write` puts all of its rows
    into the file before it returns. Cells are written as by `to_csv`.

    Raises InputProblem where the file cannot be written.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self.columns = tuple(columns)
        self._file: io.FileIO | None = None

    def __enter__(self) -> Self:
        try:
            self._file = self.path.open("wb", buffering=0)  # a write is one call to the system, which Ctrl-C does not split
        except OSError as error:
            raise self._problem(error) from error
        try:
            self._put(_BOM + _lines([self.columns]))
        except InputProblem:
            self._file.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def write(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Append `rows`, by column name; a column that a row lacks is an empty cell, one that the file lacks a ValueError."""
        unknown = {name for row in rows for name in row} - set(self.columns)
        if unknown:
            raise ValueError(f"the file has no columns {sorted(unknown)}")
        self._put(_lines([row.get(name) for name in self.columns] for row in rows))

    def _put(self, lines: bytes) -> None:
        if self._file is None:
            raise ValueError("CsvFile is written to inside its `with` block")
        end = self._file.seek(0, os.SEEK_END)
        unwritten = memoryview(lines)
        try:
            while unwritten:
                unwritten = unwritten[self._file.write(unwritten) :]
        except OSError as error:
            with contextlib.suppress(OSError):  # as a full disk may also refuse this, the first error is the one to tell
                self._file.truncate(end)
            raise self._problem(error) from error

    def _problem(self, error: OSError) -> InputProblem:
        return InputProblem(
            f"The table “{self.path}” cannot be written: {error.strerror}.",
            "Close it if a spreadsheet has it open, or choose another folder with space left that you may write to.",
        )


def to_json(payload: object) -> bytes:
    """`payload` as JSON in UTF-8, indented.

    Understands dataclasses (their fields by name), mappings, sequences, sets (sorted), NumPy arrays and numbers, DataFrames (one object per
    row), paths, times (ISO 8601) and enumerations (their values). NaN, infinities and missing values become null, because JSON has no
    others. Raises TypeError for anything else.
    """
    return json.dumps(_plain(payload), ensure_ascii=False, indent=2, allow_nan=False).encode("utf-8", "replace") + b"\n"


def _lines(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")  # halves of characters, from damaged file names, become “?”


def _cell(value: object) -> str:
    if isinstance(value, str):
        return _harmless(value)
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, Real):
        return "" if value != value else str(value)
    return value.isoformat() if isinstance(value, date) else _harmless(str(value))


def _harmless(text: str) -> str:
    one_line = _FORMULA_AFTER_SEMICOLON.sub(";'", _LINE_BREAKS_AND_CONTROLS.sub(" ", text))
    return f"'{one_line}" if _FORMULA.match(text) and not _PLAIN_NUMBER.fullmatch(text) else one_line


def _plain(value: object) -> object:
    """`value` in what the json module writes by itself."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (float, np.floating)):
        return float(str(value)) if np.isfinite(value) else None  # by way of str: 0.1 rather than 0.10000000149011612 from 32 bits
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, pd.DataFrame):
        return [_plain(row) for row in value.to_dict("records")]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Set):
        return [_plain(each) for each in sorted(value)]
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(each) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"JSON has no way to write a {type(value).__name__}")
