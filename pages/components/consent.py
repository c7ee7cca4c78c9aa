"""What people are told before a camera opens, and what they say to it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

REFUSED = "assessment"
PURPOSES = {
    "research": "Research or demonstration, with people who have agreed",
    "self-reflection": "Self-reflection: I look at my own face",
    REFUSED: "Assessing employees or pupils",
}

WHY_REFUSED = (
    "Emotion Lab does not open a camera for that. The European Union forbids systems that infer emotions at work and in education "
    "(AI Act, Art. 5(1)(f)), and for good reason: an expression does not tell what somebody thinks, is able to do or will do, and who "
    "depends on an employer or a school cannot freely refuse. To learn how people are, ask them."
)


def consent(key: str, notice: Sequence[str]) -> str:
    """The purpose that the visitor has named, once they have agreed to the notice; until then “”, and the notice is drawn.

    Remembered for the visit, under `key`. Nobody can agree to what is refused.
    """
    if agreed := st.session_state.get(_kept(key)):
        return str(agreed)
    with st.container(border=True, width=820):
        st.subheader("Before the camera opens")
        st.markdown("\n".join(f"- {sentence}" for sentence in notice))
        purpose = st.radio("What is it for?", list(PURPOSES), format_func=PURPOSES.__getitem__, index=None, key=f"{key}_purpose")
        if purpose == REFUSED:
            st.error(WHY_REFUSED, icon=":material/block:")
        else:
            st.button(
                "I agree",
                key=f"{key}_agree",
                type="primary",
                disabled=purpose is None,
                on_click=st.session_state.__setitem__,
                args=(_kept(key), purpose),
                help="Say first what it is for." if purpose is None else None,
            )
    return ""


def withdraw(key: str) -> None:
    """Forget that the visitor agreed; they are asked again."""
    st.session_state.pop(_kept(key), None)


def _kept(key: str) -> str:
    return f"{key}_agreed"
