"""Files to take home: a table, the same with its provenance, and pictures."""

from __future__ import annotations

import io
import math
import time
import zipfile
from collections.abc import Callable, Iterable

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit import runtime

KEPT_S = 30.0


def offer(label: str, make: Callable[[], bytes], file_name: str, mime: str, key: str, icon: str = ":material/download:") -> None:
    """A download button; the file is made when it is pressed."""
    _leave_time_to_fetch()
    st.download_button(label, make, file_name=file_name, mime=mime, key=key, icon=icon, on_click="ignore")


def _leave_time_to_fetch() -> None:
    """Have Streamlit tidy up its files less often.

    It deletes a file that was made on request when, for the second time, a run of anybody's page ends. A live page ends two a second, so
    that the file would often be gone before the browser has come for it.
    """
    files = runtime.get_instance().media_file_mgr
    if "remove_orphaned_files" in vars(files):
        return
    tidy_up, last_s = files.remove_orphaned_files, -math.inf

    def tidy_up_now_and_then() -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= KEPT_S:
            last_s = time.monotonic()
            tidy_up()

    files.remove_orphaned_files = tidy_up_now_and_then


def png(image_bgr: NDArray[np.uint8]) -> bytes:
    """The picture as a PNG file."""
    return cv2.imencode(".png", image_bgr)[1].tobytes()


def zipped(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A zip of the files; two of one name get numbers. PNG and JPEG are stored as they are: they do not shrink further."""
    store = io.BytesIO()
    taken: set[str] = set()
    with zipfile.ZipFile(store, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            stem, _, ending = name.rpartition(".")
            unique, number = name, 2
            while unique.lower() in taken:
                unique, number = f"{stem} ({number}).{ending}", number + 1
            taken.add(unique.lower())
            archive.writestr(unique, content)
    return store.getvalue()
