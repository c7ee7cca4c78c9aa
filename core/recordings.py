"""What is kept of a live session when somebody asks for it: numbers, one row per analysed face, written as they come.

A recording is a folder of its own in the user's data folder. Every row is in its file as soon as it is known, so neither a reload of the
page nor a crash of browser or program takes away what was recorded until then.
"""

from __future__ import annotations

import io
import json
import re
import secrets
import shutil
import threading
import time
import weakref
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import cv2
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core import analysis
from core.analysis import Image, Row
from core.emotions import Scheme
from core.errors import InputProblem
from core.places import home
from core.reports import CsvFile, Provenance, to_csv, to_json

PICTURES_PER_S = 2.0
RUNS_UNTIL_S = 10.0  # a recording whose file has not grown for so long is not being written any more
MARKER_LETTERS = 200

_CODE = re.compile(r"[A-Za-z0-9._-]{1,40}")
_ID = re.compile(r"[0-9a-f]{32}")
_ABOUT, _ROWS, _PICTURES = "about.json", "rows.csv", "pictures"
_ONLY_OWNER = 0o700
_NOT_HERE = {"file", "time_s", "analyzed_at"}  # what a table of files has and a recording has not, or has elsewhere
_COUNTS = {"face": "Int64"}


def columns(scheme: Scheme) -> tuple[str, ...]:
    """Names of a recording's columns, in order, when it is made in this scheme: those of `core.analysis.columns` with time and participant
    in place of the file, and at the end the operator's markers. They are a promise to whoever reads the files.
    """
    return ("time_utc", "time_s", "participant", *(name for name in analysis.columns(scheme) if name not in _NOT_HERE), "marker")


def check_code(code: str) -> str:
    """The participant code without blanks around it. Raises InputProblem when it is none."""
    code = code.strip()
    if not _CODE.fullmatch(code):
        raise InputProblem(
            "A participant code has 1 to 40 characters: letters from A to Z, digits, and . _ -",
            "Use a code such as P07 and not a name: whoever gets the table should not learn from it who it was.",
        )
    return code


def folder() -> Path:
    """Where recordings are kept; may not exist yet."""
    return home() / "recordings"


@dataclass(frozen=True, slots=True)
class Recording:
    """What is on the disk of one recording.

    id            128 random bits in hexadecimal: who knows it can have the recording
    folder        where it lies
    participant   the code that the operator gave
    purpose       what the visitor said this is for
    started_at    ISO 8601 in UTC, with milliseconds
    finished_at   the same; "" when nobody has ended it, as after a crash
    pictures      whether pictures are kept beside the numbers
    columns       of its table
    provenance    how its numbers came about, as in `core.reports.Provenance`
    """

    id: str
    folder: Path
    participant: str
    purpose: str
    started_at: str
    finished_at: str
    pictures: bool
    columns: tuple[str, ...]
    provenance: Mapping[str, Any]

    @property
    def running(self) -> bool:
        """Whether rows have come in during the last ten seconds and nobody has ended it."""
        try:
            return not self.finished_at and time.time() - (self.folder / _ROWS).stat().st_mtime < RUNS_UNTIL_S
        except OSError:
            return False

    def csv(self) -> bytes:
        """The table as CSV (UTF-8 with BOM, as Excel opens it). A line that was being written when the program was killed is left out."""
        try:
            written = (self.folder / _ROWS).read_bytes()
        except FileNotFoundError:
            written = b""
        return written[: written.rfind(b"\n") + 1] or to_csv(pd.DataFrame(columns=list(self.columns)))

    def table(self) -> pd.DataFrame:
        """One row per analysed face and one per marker, in the order of their times; `time_utc` with its time zone."""
        numbers = {name for name in self.columns if name.endswith(("_px", "_deg", "_s", "probability"))}
        numbers |= {name for name in self.columns if name.startswith("p_")}
        numbers |= {"confidence", "detection_score", "sharpness", "brightness", "contrast"} & set(self.columns)
        kinds = {name: "float64" if name in numbers else _COUNTS.get(name, "string") for name in self.columns}
        # only the empty cell is missing: a participant may be called NA
        table = pd.read_csv(io.BytesIO(self.csv()), dtype=kinds, keep_default_na=False, na_values=[""], encoding="utf-8-sig")
        table["time_utc"] = pd.to_datetime(table["time_utc"], utc=True)
        return table.sort_values("time_s", kind="stable", ignore_index=True)

    def parquet(self) -> bytes:
        """The table as Parquet, with what is known about the recording in the file's metadata (key “emotion_lab”)."""
        table = pa.Table.from_pandas(self.table(), preserve_index=False)
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"emotion_lab": self.about()})
        store = io.BytesIO()
        pq.write_table(table, store)
        return store.getvalue()

    def about(self) -> bytes:
        """What is known about the recording, as JSON."""
        known = ("participant", "purpose", "started_at", "finished_at", "pictures", "columns", "provenance")
        return to_json({name: getattr(self, name) for name in known})

    def zip(self) -> bytes:
        """Table, what is known about the recording, and its pictures, whose names are their times."""
        store = io.BytesIO()
        with zipfile.ZipFile(store, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("recording.csv", self.csv())
            archive.writestr(_ABOUT, self.about())
            for path in sorted((self.folder / _PICTURES).glob("*.jpg")):
                archive.write(path, f"{_PICTURES}/{path.name}", zipfile.ZIP_STORED)
        return store.getvalue()

    def extent(self) -> tuple[int, float]:
        """How many rows there are, and how many seconds lie between the beginning and the last of them."""
        lines = self.csv().splitlines()
        return len(lines) - 1, float(lines[-1].split(b",")[1]) if len(lines) > 1 else 0.0

    def finish(self, when: datetime | None = None) -> Recording:
        """Note that it has ended (now, unless told otherwise); → the same with that noted."""
        if self.finished_at:
            return self
        ended = replace(self, finished_at=_stamp(when or datetime.now(UTC)))
        with suppress(OSError):  # a full disk must not keep anybody from what is there
            ended._note()
        return ended

    def erase(self) -> None:
        """Delete it from the disk. Raises InputProblem when something of it could not be deleted."""
        try:
            shutil.rmtree(self.folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputProblem(
                f"The recording in “{self.folder}” could not be erased: {error.strerror}.",
                "Close what has its files open and erase it again, or delete that folder yourself.",
            ) from error

    def _note(self) -> None:
        fresh = self.folder / f".{_ABOUT}"
        fresh.write_bytes(self.about())
        fresh.replace(self.folder / _ABOUT)


def find(recording_id: str) -> Recording | None:
    """The recording with this id, which may come from a stranger; None when there is none."""
    if not _ID.fullmatch(recording_id):
        return None
    place = folder() / recording_id
    try:
        known = json.loads((place / _ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Recording(id=recording_id, folder=place, **(known | {"columns": tuple(known["columns"])}))


def all_recordings() -> list[Recording]:
    """Every recording that is kept here, the newest first."""
    names = [path.name for path in folder().iterdir()] if folder().is_dir() else []
    found = [recording for name in names if (recording := find(name)) is not None]
    return sorted(found, key=lambda recording: recording.started_at, reverse=True)


class Recorder:
    """Writes one recording. The frames come from one thread, everything else from another; each call leaves whole rows on the disk."""

    def __init__(self, recording: Recording, started: datetime, pictures: Path | None) -> None:
        self.recording = recording
        self.rows = 0
        self._started = started
        self._clock_s = time.monotonic()
        self._offset_s: float | None = None
        provenance = recording.provenance
        self._origin: Row = {"participant": recording.participant, "label_scheme": provenance["settings"]["label_scheme"]}
        self._origin |= {name: provenance[name] for name in ("model", "model_version", "model_sha256", "detector")}
        self._origin["product_version"] = provenance["version"]
        self._pictures = pictures
        self._next_picture_s = 0.0
        self._lock = threading.Lock()
        self._file: CsvFile | None = CsvFile(recording.folder / _ROWS, recording.columns).__enter__()
        weakref.finalize(self, self._file.__exit__, None, None, None)  # where a visitor's session ends without a word

    @classmethod
    def begin(
        cls,
        code: str,
        scheme: Scheme,
        provenance: Provenance,
        *,
        purpose: str,
        pictures: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """Begin a recording; only to be called once those who can be seen have agreed to it.

        Parameters
        ----------
        code : participant code, see `check_code`
        scheme : what the rows will be reported in
        provenance : of the analyzer whose rows will come; its settings name the label scheme
        purpose : what the visitor said this is for
        pictures : whether to keep pictures too, two a second at most
        now : the clock

        Raises
        ------
        InputProblem
            when the code is none, or the folder cannot be written.
        """
        code, started = check_code(code), now()
        started = started.replace(microsecond=started.microsecond // 1000 * 1000)  # as it is written, so that times add up
        recording_id = secrets.token_hex(16)
        place = folder() / recording_id
        settings = {**provenance.settings, "label_scheme": scheme.name}
        recording = Recording(
            id=recording_id,
            folder=place,
            participant=code,
            purpose=purpose,
            started_at=_stamp(started),
            finished_at="",
            pictures=pictures,
            columns=columns(scheme),
            provenance=json.loads(to_json(replace(provenance, settings=settings))),
        )
        try:
            folder().mkdir(mode=_ONLY_OWNER, parents=True, exist_ok=True)
            place.mkdir(mode=_ONLY_OWNER)
            if pictures:
                (place / _PICTURES).mkdir(mode=_ONLY_OWNER)
            recording._note()
            return cls(recording, started, place / _PICTURES if pictures else None)
        except (OSError, InputProblem) as error:
            shutil.rmtree(place, ignore_errors=True)
            raise InputProblem(
                f"A recording cannot be kept in “{folder()}”: {_reason(error)}.",
                "Make space on the disk, or name another folder in EMOTION_LAB_HOME and start Emotion Lab again.",
            ) from error

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._clock_s

    @property
    def running(self) -> bool:
        return self._file is not None

    def add(self, utc: datetime, time_s: float, rows: Sequence[Row], image_bgr: Image) -> None:
        """Write the rows of one analysed frame. After the end, and for a frame from before the beginning, this does nothing.

        Parameters
        ----------
        utc : when the frame came in, in UTC
        time_s : the same on a clock that never goes back, in seconds from any moment
        rows : one per face, with the columns of `core.analysis.table` that differ from face to face
        image_bgr : the frame, uint8 [h, w, 3]; kept only when pictures were asked for

        Raises
        ------
        InputProblem
            when it cannot be written, or the columns are not those that the recording began with. The recording has then ended; what was
            written until then stays.
        """
        with self._lock:
            if self._file is None or utc < self._started:
                return
            if {name for row in rows for name in row} - set(self._file.columns):
                self._close()
                raise InputProblem(
                    "The recording has stopped, because the model or the labels were changed.",
                    "What was recorded until then is kept. Record again with the new choice.",
                )
            if self._offset_s is None:
                self._offset_s = (utc - self._started).total_seconds() - time_s
            since_s = time_s + self._offset_s
            self._write([self._at(utc, since_s) | self._origin | row for row in rows])
            if self._pictures is not None and since_s >= self._next_picture_s:
                self._next_picture_s = since_s + 1 / PICTURES_PER_S
                self._keep(self._pictures / f"{_stamp(utc).replace(':', '-')}.jpg", image_bgr)

    def mark(self, text: str) -> None:
        """Write a marker such as “clip 3 starts”, with the time of this call, as a row of its own. Empty text does nothing."""
        text = " ".join(text.split())[:MARKER_LETTERS]
        with self._lock:
            if self._file is not None and text:
                at = self._at(datetime.now(UTC), self.seconds)
                self._write([at | {"participant": self.recording.participant, "marker": text}])

    def finish(self) -> Recording:
        """End the recording; what was written stays. → the recording. May be called again."""
        with self._lock:
            self._close()
            self.recording = self.recording.finish()
            return self.recording

    def discard(self) -> None:
        """End the recording and erase it."""
        with self._lock:
            self._close()
            self.recording.erase()

    def _at(self, utc: datetime, since_s: float) -> Row:
        return {"time_utc": _stamp(utc), "time_s": round(since_s, 3)}

    def _write(self, rows: Sequence[Row]) -> None:
        assert self._file is not None  # noqa: S101 (for the type checker; the callers have looked)
        try:
            self._file.write(rows)
        except InputProblem as problem:
            raise self._ended(problem) from problem
        self.rows += len(rows)

    def _keep(self, path: Path, image_bgr: Image) -> None:
        try:
            path.write_bytes(cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
        except OSError as error:
            path.unlink(missing_ok=True)
            raise self._ended(error) from error

    def _ended(self, error: Exception) -> InputProblem:
        self._close()
        return InputProblem(
            f"The recording has stopped after {self.rows:,} rows, because it cannot be written: {_reason(error)}.",
            "What was recorded until then is kept. Make space on the disk and record again.",
        )

    def _close(self) -> None:
        if self._file is not None:
            self._file.__exit__(None, None, None)
            self._file = None


def _stamp(when: datetime) -> str:
    """2026-11-21T14:35:04.123Z"""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reason(error: BaseException) -> str:
    """In the system's words, also where another error was made of the system's."""
    cause = error if isinstance(error, OSError) else error.__cause__
    return cause.strerror or str(cause) if isinstance(cause, OSError) else str(error)
