"""Where things are kept: what we ship, and what users make."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path

SHIPPED = Path(__file__).resolve().parent.parent
"""The folder of the product: `models/` and `data/` in it are read-only."""


EXAMPLE_PICTURE = SHIPPED / "data" / "astronaut.jpg"
EXAMPLE_VIDEO = SHIPPED / "data" / "example.mp4"


def home() -> Path:
    """The user's own data folder: EMOTION_LAB_HOME, or where this system keeps application data. May not exist yet."""
    chosen = os.environ.get("EMOTION_LAB_HOME")
    return Path(chosen).expanduser() if chosen else user_data_path("emotion-lab", appauthor=False)


def model_folders() -> tuple[Path, ...]:
    """Folders that hold models, the user's own first."""
    return (home() / "models", SHIPPED / "models")
