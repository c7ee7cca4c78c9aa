"""A slider between a few named values, which stays where it is when the visitor comes back."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st


def choose_step(label: str, steps: Mapping[str, float], at_first: str, key: str, help_text: str, disabled: bool = False) -> float:
    """A slider over the names of `steps`, beginning at `at_first`; the value of the one chosen."""
    name = st.select_slider(label, list(steps), value=at_first, key=key, persist_state="session", disabled=disabled, help=help_text)
    return steps[name]
