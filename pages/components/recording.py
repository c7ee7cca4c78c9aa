"""Recording what a camera sees: begun with a second consent, marked on the way, taken along or erased, found again after a reload."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from core.emotions import Scheme
from core.errors import InputProblem
from core.recordings import Recorder, Recording, all_recordings, find
from core.reports import Provenance
from pages.components.camera import Visit
from pages.components.downloads import offer
from pages.components.problems import show_problems, shown_to_user
from pages.components.words import count, plain

LISTED = 30


def show_recording(visit: Visit, scheme: Scheme, how: Provenance, purpose: str) -> None:
    """Record, where somebody asks for it and everybody agrees; stop, take along, erase."""
    if visit.recorder is not None:
        st.query_params["recording"] = visit.recorder.recording.id
    if visit.recording is not None:
        show_what_is_recorded(visit, visit.recording)
        return
    if visit.recorder is not None:
        visit.recorder.finish()
    if visit.view is not None and visit.view.recorder_problem:
        st.error(plain(visit.view.recorder_problem), icon=":material/error:")
    if problem := st.session_state.pop("live_not_erased", None):
        show_problems([problem])
    if (recording := find(st.query_params.get("recording", ""))) is not None:
        show_kept(visit, recording)
        return
    with st.expander("Record", icon=":material/fiber_manual_record:"):
        st.caption(
            "Numbers are written down, one row per face and picture, with their time; pictures only if you want them. They stay on the "
            "computer that runs Emotion Lab until you erase them."
        )
        code = st.text_input("Participant code", key="live_code", max_chars=40, placeholder="P07", help="A code, not a name.")
        agreed = st.checkbox("Everybody who can be seen has agreed to be recorded.", key="live_recording_agreed")
        pictures = st.checkbox("Keep pictures too, two a second", key="live_pictures")
        if st.button("Record", key="live_record", icon=":material/fiber_manual_record:", disabled=not visit.running):
            with shown_to_user():
                if not agreed:
                    raise InputProblem(
                        "Nobody is recorded without having agreed to it.",
                        "Ask everybody who can be seen, and tick the box when they agree.",
                    )
                begin(visit, Recorder.begin(code, scheme, how, purpose=purpose, pictures=pictures))
                st.rerun()
        if not visit.running:
            st.caption("Press START first.")


def begin(visit: Visit, recorder: Recorder) -> None:
    visit.recorder = recorder
    if visit.view is not None:
        visit.view.recorder = recorder


def stop_recording(visit: Visit) -> None:
    if visit.recording is not None and visit.view is not None:
        visit.recording.finish()
        visit.view.recorder = None


def show_what_is_recorded(visit: Visit, recorder: Recorder) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            with st.container(width="content"):
                st.fragment(show_recording_clock, run_every=0.5)(visit)
            st.button("Stop", key="live_stop", type="primary", icon=":material/stop:", on_click=stop_recording, args=(visit,))
        with st.form("live_marking", clear_on_submit=True, border=False):
            text, send = st.columns([3, 1], vertical_alignment="bottom")
            marker = text.text_input("Marker", key="live_marker", max_chars=200, placeholder="clip 3 starts")
            if send.form_submit_button("Mark", key="live_mark", width="stretch"):
                with shown_to_user():
                    recorder.mark(marker)
        st.caption("If this page is closed by mistake, its address still leads to what was recorded.")


def show_recording_clock(visit: Visit) -> None:
    if (recorder := visit.recording) is None:
        st.rerun()  # it has ended by itself; the page says why
    st.markdown(f":red[:material/fiber_manual_record:] **Recording** · {recorder.seconds:.0f} s · {count(recorder.rows, 'row')}")


def show_kept(visit: Visit, recording: Recording) -> None:
    """A recording that has ended, in whatever way: take it along or erase it."""
    name, (rows, seconds) = f"recording_{recording.participant}", recording.extent()
    with st.container(border=True):
        st.markdown(f"**Recording of {plain(recording.participant)}** · {count(rows, 'row')} · {seconds:.0f} s · {when(recording)}")
        if not recording.finished_at:
            st.warning(
                "It is being written, or was interrupted a moment ago."
                if recording.running
                else "It was interrupted. What was recorded until then is whole.",
                icon=":material/history:",
            )
        with st.container(horizontal=True):
            offer("Table (CSV)", recording.csv, f"{name}.csv", "text/csv", "live_recording_csv", ":material/table:")
            offer("Table (Parquet)", recording.parquet, f"{name}.parquet", "application/vnd.apache.parquet", "live_recording_parquet")
            if recording.pictures:
                offer("With pictures (zip)", recording.zip, f"{name}.zip", "application/zip", "live_recording_zip", ":material/folder_zip:")
        with st.container(horizontal=True):
            with st.popover("Discard", icon=":material/delete:", key="live_discard"):
                st.markdown("It is erased from the computer that runs Emotion Lab and cannot be brought back.")
                st.button("Erase it", key="live_erase", type="primary", on_click=erase, args=(visit, recording))
            st.button("Put it away", key="live_away", on_click=open_kept, args=(visit, ""))
        st.caption(
            "It stays on the computer that runs Emotion Lab until it is erased. Keep this page's address to come back to it; whoever has "
            "the address can have the recording."
        )


def open_kept(visit: Visit, recording_id: str) -> None:
    """Show another recording, or with “” none."""
    visit.recorder = None
    if visit.view is not None:
        visit.view.recorder = None  # and with it what is said of the last one
    if recording_id:
        st.query_params["recording"] = recording_id
    else:
        st.query_params.pop("recording", None)


def erase(visit: Visit, recording: Recording) -> None:
    try:
        recording.erase()
    except InputProblem as problem:
        st.session_state["live_not_erased"] = problem
    else:
        open_kept(visit, "")


def when(recording: Recording) -> str:
    return f"{recording.started_at[:10]} {recording.started_at[11:16]} UTC"


def at_this_computer() -> bool:
    """Whether the visitor sits at the computer that runs this, and not somewhere behind a server that passes pages on."""
    passed_on = {"X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via"} & {name.title() for name in st.context.headers}
    host = urlsplit(st.context.url or "http://localhost").hostname
    return st.context.ip_address is None and not passed_on and host in {"localhost", "127.0.0.1", "::1"}


def list_recordings(visit: Visit) -> None:
    """Every recording that is kept here, for whoever sits at this computer; others need a recording's own address."""
    kept = [recording for recording in all_recordings() if not recording.running] if at_this_computer() else []
    if not kept:
        return
    with st.expander(f"Recordings on this computer ({len(kept)})", icon=":material/folder:"):
        for recording in kept[:LISTED]:
            state = "" if recording.finished_at else " · interrupted"
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                st.markdown(f"**{plain(recording.participant)}** · {when(recording)}{state}", width="content")
                key = f"live_open_{recording.id}"
                st.button("Open", key=key, on_click=open_kept, args=(visit, recording.id))
        if len(kept) > LISTED:
            st.caption(f"The newest {LISTED}; erase some to see older ones.")
