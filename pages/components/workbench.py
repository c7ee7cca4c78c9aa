"""The files a visitor has given and what was found in them, kept for their session so that nothing is computed twice."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.analysis import Moment, Observed, joined, observe_picture, observe_video_in_parts, results
from core.errors import InputProblem
from core.faces import FramedFace
from core.inference import EmotionAnalyzer, FaceReading
from core.pictures import Refused, kind_of, unpack
from pages.components.jobs import Job, Progress
from pages.components.words import short

Key = tuple[str, ...]

MOST_KEPT_BYTES = 2_000_000_000  # of pictures out of zips, which wait in memory to be shown; a zip of 1 MB can hold more than that


@dataclass(frozen=True, slots=True)
class Given:
    """One picture or video as it came. `sha256` names its content, whatever the file is called."""

    name: str
    content: bytes = field(repr=False)
    kind: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Way:
    """How files are looked at; what was found in one way says nothing about another."""

    detector: str
    framing: str
    every_s: float

    @classmethod
    def of(cls, analyzer: EmotionAnalyzer, every_s: float) -> Way:
        return cls(analyzer.detector, repr(analyzer.card.framing), every_s)

    def key(self, given: Given) -> Key:
        looks = (given.sha256, self.detector, self.framing)
        return (*looks, str(self.every_s)) if given.kind == "video" else looks


class Remembering:
    """An analyzer that asks its network about each crop only once."""

    def __init__(self, analyzer: EmotionAnalyzer) -> None:
        self._analyzer = analyzer
        self.labels, self.card, self.detector = analyzer.labels, analyzer.card, analyzer.detector
        self._known: dict[int, tuple[FramedFace, FaceReading]] = {}  # holds the face too, so that its id stays taken

    def observe(self, image_bgr: NDArray[np.uint8]) -> list[FramedFace]:
        return self._analyzer.observe(image_bgr)

    def read(self, framed: Sequence[FramedFace]) -> list[FaceReading]:
        new = [face for face in framed if id(face) not in self._known]
        for face, reading in zip(new, self._analyzer.read(new) if new else [], strict=True):
            self._known[id(face)] = face, reading
        return [self._known[id(face)][1] for face in framed]


@dataclass(frozen=True, slots=True)
class Opened:
    """What was in the files that were dropped: pictures and videos, and what had to be refused."""

    given: tuple[Given, ...]
    refusals: tuple[Refused, ...]


@dataclass
class _Found:
    """What is known so far, filled by the job's thread and read by the page."""

    observed: dict[Key, Observed] = field(default_factory=dict)
    unfinished: set[Key] = field(default_factory=set)  # videos that were stopped on the way
    read: set[tuple[Key, str]] = field(default_factory=set)


class Workbench:
    """One visitor's files and results."""

    def __init__(self) -> None:
        self.job: Job[Opened] | None = None
        self.open(())

    def open(self, uploads: Sequence[tuple[str, bytes]]) -> None:
        """Put other files on the bench; what was found in earlier ones is forgotten."""
        if self.job is not None:
            self.job.progress.stop()
        self.uploads = tuple(uploads)
        self.opened = Opened((), ())
        self.job = None
        self.films: dict[Key, bytes] = {}
        self.film_job: Job[bytes] | None = None
        self.film_for: Key = ()
        self._looked_through = False
        self._job_for: tuple[Way, str] | None = None
        self._stopped: set[Way] = set()
        self._found = _Found()
        self._readers: dict[str, Remembering] = {}
        self._smoothed: dict[Key, list[tuple[Moment, list[FaceReading]]]] = {}

    def prepare(self, analyzer: EmotionAnalyzer, way: Way) -> None:
        """See to it that everything is looked at in this way and read by this model, or is on its way."""
        wanted = way, analyzer.card.sha256
        if self.job is not None and self._job_for != wanted:
            self.job.progress.stop()
            self.job = None
        if self.job is None and not self.ready(analyzer, way):
            uploads, found, reader = self.uploads, self._found, self.reader(analyzer)
            opened = self.opened if self._looked_through else None
            look = way not in self._stopped
            # the work may not hold the bench, which holds the job: it has to stop when the session is gone
            self.job = Job(lambda progress: _work(progress, uploads, opened, found, reader, way, look))
            self._job_for = wanted

    def collect(self, way: Way) -> None:
        """Take over what the job found, once it no longer runs; raises what it failed with."""
        if self.job is None:
            return
        job, self.job = self.job, None
        if job.progress.stopped():
            self._stopped.add(way)
        self.opened = job.result()
        self._looked_through = True

    def ready(self, analyzer: EmotionAnalyzer, way: Way) -> bool:
        """Whether there is nothing left to do; after a stop, whether what was found so far is read."""
        if not self._looked_through:
            return False
        keys = [way.key(given) for given in self.opened.given]
        if way in self._stopped:
            keys = [key for key in keys if key in self._found.observed]
        elif any(key in self._found.unfinished for key in keys):
            return False
        return all((key, _name(analyzer)) in self._found.read for key in keys)

    def unseen(self, way: Way) -> int:
        """How many files were left, wholly or partly, because the work was stopped."""
        if way not in self._stopped:
            return 0
        return sum(way.key(given) not in self._found.observed or way.key(given) in self._found.unfinished for given in self.opened.given)

    def go_on(self, way: Way) -> None:
        """Look at what was left."""
        self._stopped.discard(way)

    def observed(self, way: Way) -> list[tuple[Given, Observed]]:
        """Every file that was looked at, in the order given."""
        found = self._found.observed
        return [(given, replace(found[way.key(given)], file=given.name)) for given in self.opened.given if way.key(given) in found]

    def reader(self, analyzer: EmotionAnalyzer) -> Remembering:
        return self._readers.setdefault(_name(analyzer), Remembering(analyzer))

    def judged(
        self, analyzer: EmotionAnalyzer, way: Way, given: Given, observed: Observed, half_life_s: float
    ) -> list[tuple[Moment, list[FaceReading]]]:
        """What the model says of every face of a file, smoothed in a video."""
        key = (*way.key(given), _name(analyzer), str(half_life_s))
        if key not in self._smoothed or len(self._smoothed[key]) != len(observed.moments):
            self._smoothed[key] = results(self.reader(analyzer), observed, half_life_s)
        return self._smoothed[key]


def _name(analyzer: EmotionAnalyzer | Remembering) -> str:
    return f"{analyzer.card.name} {analyzer.card.sha256} {analyzer.detector}"


def _work(
    progress: Progress,
    uploads: Sequence[tuple[str, bytes]],
    opened: Opened | None,
    found: _Found,
    reader: Remembering,
    way: Way,
    look: bool,
) -> Opened:
    opened = opened or _looked_through(uploads, progress)
    total = len(opened.given)
    for at, given in enumerate(opened.given):
        key = way.key(given)
        if look and not progress.stopped() and (key not in found.observed or key in found.unfinished):
            where = f"{short(given.name)} ({at + 1} of {total})" if total > 1 else short(given.name)
            _say_share(progress, where, at, total, 0.0, 1.0)
            found.read.discard((key, _name(reader)))
            if given.kind == "video":
                found.observed[key] = _watched(progress, given, reader, way, partial(_say_share, progress, where, at, total))
                if progress.stopped() and not found.observed[key].whole:
                    found.unfinished.add(key)
                else:
                    found.unfinished.discard(key)
            else:
                found.observed[key] = observe_picture(reader, given.name, given.content)
        if key in found.observed and (key, _name(reader)) not in found.read:
            results(reader, found.observed[key])
            found.read.add((key, _name(reader)))
    return opened


def _watched(progress: Progress, given: Given, reader: Remembering, way: Way, on_progress: Callable[[float, float], None]) -> Observed:
    parts = []
    for part in observe_video_in_parts(reader, io.BytesIO(given.content), given.name, way.every_s, on_progress, progress.stopped):
        results(reader, part)  # in between, so that the time left is true and stopping is quick
        parts.append(part)
    return joined(parts)


def _say_share(progress: Progress, where: str, at: int, total: int, done_s: float, total_s: float) -> None:
    """Each file counts the same; of a video whose length is unknown nothing is known until it ends."""
    inside = min(done_s / total_s, 1.0) if total_s > 0 else math.nan
    progress.say((at + inside) / total, f"Looking for faces in {where}")


def _looked_through(uploads: Sequence[tuple[str, bytes]], progress: Progress) -> Opened:
    """Zips are unpacked, and what is neither picture nor video is refused with a reason."""
    given: list[Given] = []
    refusals: list[Refused] = []
    room = MOST_KEPT_BYTES
    for name, content in uploads:
        progress.say(math.nan, f"Opening {short(name)}")
        kind = kind_of(name)
        if kind == "other":
            happened = f"“{short(name)}” is neither a picture nor a video nor a zip."
            refusals.append(Refused(name, InputProblem(happened, "Save it as JPEG, PNG or MP4 and drop it again.")))
            continue
        try:
            for item in unpack(name, content) if kind == "zip" else [(name, content)]:
                if isinstance(item, Refused):
                    refusals.append(item)
                    continue
                room -= len(item[1]) if kind == "zip" else 0
                if room < 0:
                    raise InputProblem(
                        f"“{short(name)}” unpacks to more than fits in memory; the pictures after the first {len(given)} were left out.",
                        "Split it into several zips.",
                    )
                given.append(Given(item[0], item[1], kind_of(item[0]), hashlib.sha256(item[1]).hexdigest()))
        except InputProblem as problem:
            refusals.append(Refused(name, problem))
    return Opened(tuple(given), tuple(refusals))
