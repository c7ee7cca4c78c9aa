"""The live camera in a real Chromium, whose camera plays a real face."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from core.bench import example_frame
from core.camera_bench import agree, camera_arguments, press_start, swaying, write_y4m

WAIT_MS = 60_000


@pytest.fixture(scope="module")
def with_camera(start_chromium, tmp_path_factory):
    """A Chromium whose camera shows the example portrait for four seconds, and nobody for two."""
    nobody = np.full((480, 640, 3), 90, np.uint8)
    pictures = [*swaying(example_frame(), 4), *[nobody] * 60]
    browser = start_chromium(camera_arguments(write_y4m(tmp_path_factory.mktemp("camera") / "camera.y4m", pictures)))
    yield browser
    browser.close()


@pytest.fixture
def live(with_camera, app_url):
    """The page “Live camera”, agreed to."""
    context = with_camera.new_context(viewport={"width": 1280, "height": 1000}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    page.goto(f"{app_url}/live")
    agree(page)
    yield page
    context.close()


def record(page, code):
    """Open the camera, and begin a recording as soon as a face is read."""
    press_start(page)
    expect(page.get_by_text("The expression looks like happiness")).to_be_visible()
    page.get_by_text("Record", exact=True).first.click()
    page.get_by_role("textbox", name="Participant code").fill(code)
    page.get_by_role("textbox", name="Participant code").press("Tab")
    page.get_by_text("Everybody who can be seen has agreed to be recorded.").click()
    page.get_by_role("button", name="Record").last.click()


def rows(download):
    return list(csv.DictReader(io.StringIO(Path(download.path()).read_text("utf-8-sig"))))


def test_nothing_opens_before_the_visitor_has_agreed(with_camera, app_url):
    context = with_camera.new_context()
    page = context.new_page()
    page.goto(f"{app_url}/live")

    expect(page.get_by_role("button", name="I agree")).to_be_disabled(timeout=WAIT_MS)
    expect(page.locator("iframe[src*='webrtc']")).to_have_count(0)
    page.get_by_text("Assessing employees or pupils").click()
    expect(page.get_by_text(re.compile("Art. 5\\(1\\)\\(f\\)")).last).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_role("button", name="I agree")).to_have_count(0)
    context.close()


def test_what_the_page_says_follows_what_the_camera_sees(live):
    press_start(live)

    for _ in range(2):
        expect(live.get_by_text("The expression looks like happiness")).to_be_visible()
        expect(live.get_by_text("No face is in the picture.")).to_be_visible()
    shown = live.frame_locator("iframe[src*='webrtc']").locator("video")
    before = shown.evaluate("video => video.getVideoPlaybackQuality().totalVideoFrames")
    expect(live.get_by_text("The expression looks like happiness")).to_be_visible()
    assert shown.evaluate("video => video.getVideoPlaybackQuality().totalVideoFrames") > before


def test_a_recording_is_marked_stopped_and_taken_along(live):
    record(live, "P07")
    expect(live.get_by_text(re.compile("Recording · [1-9]"))).to_be_visible()
    live.get_by_role("textbox", name="Marker").fill("=clip 3 starts")
    live.get_by_role("button", name="Mark").click()
    expect(live.get_by_text(re.compile("Recording · [3-9]"))).to_be_visible()
    live.get_by_role("button", name="Stop").click()

    with live.expect_download() as waiting:
        live.get_by_role("button", name="Table (CSV)").click()
    written = rows(waiting.value)
    assert {row["participant"] for row in written} == {"P07"}
    assert [row["marker"] for row in written if row["marker"]] == ["'=clip 3 starts"]
    faces = [row for row in written if row["emotion"]]
    assert len(faces) > 10
    assert {row["emotion"] for row in faces} == {"happiness"}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["time_utc"]) for row in written)
    assert [row["time_utc"] for row in faces] == sorted(row["time_utc"] for row in faces)


def test_a_recording_survives_a_reload_and_can_be_erased(live):
    record(live, "P08")
    expect(live.get_by_text(re.compile("Recording · [2-9]"))).to_be_visible()

    live.reload()
    agree(live)

    expect(live.get_by_text("Recording of P08")).to_be_visible()
    live.get_by_role("button", name="Discard").click()
    live.get_by_role("button", name="Erase it").click()
    expect(live.get_by_text("Recording of P08")).to_have_count(0)


def test_the_example_film_is_read_like_a_camera(live):
    live.get_by_text("The example", exact=True).click()
    press_start(live)

    expect(live.get_by_text("The expression looks like")).to_be_visible()


def test_a_browser_without_a_camera_is_told_what_to_do(chromium, app_url):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{app_url}/live")
    agree(page)
    page.get_by_text("The camera does not start?").click(timeout=WAIT_MS)
    page.get_by_role("button", name="Check my camera").click()

    reasons = re.compile("The browser finds no camera|was told not to let this page use the camera")
    expect(page.get_by_text(reasons)).to_be_visible(timeout=WAIT_MS)
    context.close()
