"""Choosing a model, a detector and a label scheme; the one place that loads models for pages."""

from __future__ import annotations

import streamlit as st

from core.cards import ModelCard, installed_models
from core.emotions import SCHEMES
from core.errors import InputProblem
from core.faces import available_detectors
from core.inference import EmotionAnalyzer


@st.cache_resource(show_spinner="Loading the model…", max_entries=8)
def _loaded(model: str, detector: str, sha256: str) -> EmotionAnalyzer:
    """`sha256` is there so that a model that was trained anew under its old name is loaded anew."""
    del sha256
    return EmotionAnalyzer.load(model=model, detector=detector)


def analyzer(card: ModelCard, detector: str) -> EmotionAnalyzer:
    """The model with this detector, shared by all pages and visitors; it is only read."""
    return _loaded(card.name, detector, card.sha256)


def choose_model(key: str, disabled: bool = False) -> ModelCard:
    """A picker of the installed models, the default first. Raises InputProblem when there is none."""
    cards = {card.name: card for card in installed_models()}
    if not cards:
        raise InputProblem("No model is installed.", "Put the folder “ferplus” that came with Emotion Lab back into “models”.")
    _forget_unless_among(key, list(cards))
    name = st.selectbox(
        "Model",
        list(cards),
        format_func=lambda name: cards[name].title,
        key=key,
        persist_state="session",
        disabled=disabled,
        help="What judges the expression. Changing it does not look for faces again.",
    )
    return cards[name]


def choose_detector(key: str, disabled: bool = False) -> str:
    """A picker of the ways to find faces."""
    detectors = available_detectors()
    _forget_unless_among(key, list(detectors))
    return st.selectbox(
        "Face detector",
        list(detectors),
        format_func=lambda name: detectors[name],
        key=key,
        persist_state="session",
        disabled=disabled,
        help="What finds the faces. Changing it looks for them again.",
    )


def choose_scheme(key: str, labels: tuple[str, ...], disabled: bool = False) -> str | None:
    """A picker of the label schemes that a model with `labels` can tell apart; None, and no picker, when it has labels of its own."""
    fitting = [name for name, scheme in SCHEMES.items() if all(set(parts) & set(labels) for parts in scheme.parts.values())]
    if not fitting:
        return None
    _forget_unless_among(key, fitting)
    name = st.segmented_control(
        "Labels",
        fitting,
        default=None if key in st.session_state else fitting[0],
        required=True,
        key=key,
        persist_state="session",
        disabled=disabled,
        help="How many emotions to report. Nothing is analysed again.",
    )
    chosen = name or fitting[0]
    st.caption(SCHEMES[chosen].note)
    return chosen


def _forget_unless_among(key: str, options: list[str]) -> None:
    """A choice kept from before may be gone: a detector's file removed, a scheme that another model cannot tell apart."""
    if st.session_state.get(key) not in options:
        st.session_state.pop(key, None)
