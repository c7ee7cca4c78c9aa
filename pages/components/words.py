"""Text on screen: names as they are, whatever is in them."""

from __future__ import annotations

import re
import string

from core.pictures import clean_name

_PUNCTUATION = str.maketrans({mark: f"\\{mark}" for mark in string.punctuation})
_JOINER = "\u2060"  # invisible; keeps “:smile:” from turning into a picture and “--” into a dash


def plain(text: str) -> str:
    """`text` for places that read Markdown, such that it shows exactly as it is: no links, pictures, HTML, formulas or emoji codes."""
    one_line = re.sub(r"\s+", " ", text)
    apart = re.sub(r"(?<=[:<>=-])(?=[\w:<>=+-])", _JOINER, one_line)
    return apart.translate(_PUNCTUATION)


def short(name: str, longest: int = 48) -> str:
    """A file's name at a length that fits a caption, with its ending kept: “a very long … name.jpg”."""
    name = clean_name(name)
    if len(name) <= longest:
        return name
    tail = longest // 3
    return f"{name[: longest - tail - 1]}…{name[-tail:]}"


def count(number: int, one: str, many: str = "") -> str:
    """“1 face”, “2 faces”."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
