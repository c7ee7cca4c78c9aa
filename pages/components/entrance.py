"""The way in: a page is opened through the list in app.py, even when its address was the first that a fresh server was asked for."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager


def enter_through_app() -> None:
    """Begin anew with app.py when it has not run yet.

    Until the first `st.navigation`, Streamlit takes a folder named “pages” for its older kind of app and runs the file that the address
    names alone, under a menu of file names. There is no setting for it.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
