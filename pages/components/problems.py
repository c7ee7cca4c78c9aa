"""What went wrong, in a red box with a way out. The one place where that happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from core.errors import InputProblem
from pages.components.words import count, plain

SHOWN_AT_ONCE = 3


@contextmanager
def shown_to_user() -> Iterator[None]:
    """Turn an InputProblem raised inside into a red box; whatever else is raised is our mistake and goes on."""
    try:
        yield
    except InputProblem as problem:
        st.error(f"{plain(problem.happened)}\n\n{plain(problem.remedy)}", icon=":material/error:")


def show_problems(problems: Sequence[InputProblem]) -> None:
    """A red box each; of many, the first few and the others on request."""
    for problem in problems[:SHOWN_AT_ONCE]:
        with shown_to_user():
            raise problem
    if others := problems[SHOWN_AT_ONCE:]:
        with st.expander(f"{count(len(others), 'more file')} could not be read"):
            for problem in others:
                st.markdown(f"{plain(problem.happened)} {plain(problem.remedy)}")
