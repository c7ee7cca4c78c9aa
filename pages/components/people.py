"""Each person before the camera: how the face looks now, in the last minute, and since the start. Cheap enough for twice a second."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd
import streamlit as st

from core.drawings import Drawing, bars, last_minute, share_strip
from core.emotions import in_words, person_colour
from core.live import History, Person
from pages.components.faces import INK, INK_ON_DARK
from pages.components.words import count

AT_ONCE = 4


def show_people(people: Sequence[Person], history: History, shares: pd.DataFrame, now_s: float) -> None:
    """The largest faces, each with its number and colour as in the picture; by number, so that they keep their places."""
    for person in sorted(people[:AT_ONCE], key=lambda person: person.number):
        show_person(person, history, shares, now_s)
    if len(people) > AT_ONCE:
        st.caption(f"{count(len(people) - AT_ONCE, 'more person', 'more people')}; recordings and snapshots hold everybody.")


def show_person(person: Person, history: History, shares: pd.DataFrame, now_s: float) -> None:
    ink = INK_ON_DARK if st.context.theme.type == "dark" else INK
    own, mine = history.faces == person.number, shares[shares["face"] == person.number].set_index("label")
    with st.container(border=True, gap="xsmall"):
        st.html(
            f'<div style="border-left: 0.4rem solid {person_colour(person.number)}; padding-left: 0.6rem">'
            f"<strong>Person {person.number}</strong><br>{sentence(person)}</div>"
        )
        if not person.problem:
            show(bars(person.labels, person.probabilities, person.prediction_set, ink))
        st.caption("The last minute")
        show(last_minute(history.times_s[own], np.asarray(history.probabilities[own]), history.labels, now_s, ink))
        st.caption("Since the start")
        show(share_strip(person.labels, [float(mine["share"].get(label, 0.0)) for label in person.labels], ink))


def sentence(person: Person) -> str:
    """“The expression looks like <strong>happiness</strong>, or possibly surprise.”, or why there is no such sentence; as HTML."""
    if person.problem:
        return f"Not read: {escape(person.problem)}"
    first, *others = (escape(label) for label in person.prediction_set or (person.label,))
    return f"The expression looks like {in_words([f'<strong>{first}</strong>', *others])}."


def show(drawing: Drawing) -> None:
    st.image(drawing.svg, width="stretch", alt=drawing.words)
