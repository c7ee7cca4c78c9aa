"""Long work beside the page: watched, stopped, and never in the way of the next click."""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import streamlit as st

from pages.components.words import plain

T = TypeVar("T")


class Progress:
    """What the work says about itself, and whether it should stop. Shared between the work's thread and the page."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._started = time.monotonic()
        self.share = 0.0
        self.text = ""

    def say(self, share: float, text: str) -> None:
        """`share` done, in [0, 1], or NaN when unknown; `text` says what is being done."""
        self.share, self.text = share, text

    def stop(self) -> None:
        self._stop.set()

    def stopped(self) -> bool:
        return self._stop.is_set()

    def words(self) -> str:
        """“Looking for faces in a.mp4 · about 12 s left”."""
        if self.stopped():
            return "Stopping…"
        elapsed_s = time.monotonic() - self._started
        if math.isnan(self.share) or self.share < 0.02 or elapsed_s < 1:
            return self.text
        return f"{self.text} · {left(elapsed_s / self.share * (1 - self.share))}"


class Job(Generic[T]):
    """`work(progress)` in a thread of its own. It is told to stop when nobody holds the job any more, as when its session ends."""

    def __init__(self, work: Callable[[Progress], T]) -> None:
        self.progress = Progress()
        self._outcome: list[T] = []
        self._failure: list[BaseException] = []
        self._thread = threading.Thread(target=_run, args=(work, self.progress, self._outcome, self._failure), daemon=True)
        weakref.finalize(self, self.progress.stop)
        self._thread.start()

    def running(self, wait_s: float = 0.0) -> bool:
        """Whether it still runs after at most `wait_s` seconds."""
        self._thread.join(wait_s)
        return self._thread.is_alive()

    def result(self) -> T:
        """What the work returned; raises what it raised. Only once it no longer runs."""
        if self._failure:
            raise self._failure[0]
        return self._outcome[0]


def _run(work: Callable[[Progress], T], progress: Progress, outcome: list[T], failure: list[BaseException]) -> None:
    try:
        outcome.append(work(progress))
    except Exception as problem:  # noqa: BLE001 (not hidden: the page raises it)
        failure.append(problem)


@st.fragment(run_every=0.4)
def watch(job: Job[Any], key: str) -> None:
    """A bar that moves, the time left, and a button that stops; the page runs anew once the work is done."""
    if not job.running():
        st.rerun()
    share = job.progress.share
    st.progress(0.0 if math.isnan(share) else min(max(share, 0.0), 1.0), text=plain(job.progress.words()))
    st.button("Cancel", key=key, icon=":material/stop_circle:", on_click=job.progress.stop, disabled=job.progress.stopped())


def left(seconds: float) -> str:
    """“about 40 s left”, “about 3 min left”."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    return f"about {round(seconds / 60)} min left"
