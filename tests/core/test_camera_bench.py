"""The measurement of the live camera: what its camera plays, and what is made of the answers. The browser tests play it for real."""

import sys

import cv2
import numpy as np
import pytest

from core.bench import example_frame
from core.camera_bench import CameraBench, _in_order, faces_in_turn, in_words, measure_camera, swaying, write_y4m
from core.errors import InputProblem


def test_a_camera_file_holds_the_pictures_as_chromium_wants_them(tmp_path):
    pictures = list(swaying(example_frame(), 0.2))
    content = write_y4m(tmp_path / "camera.y4m", pictures).read_bytes()

    head, first, *others = content.split(b"FRAME\n")
    assert head == b"YUV4MPEG2 W640 H480 F30:1 Ip A1:1 C420jpeg\n"
    assert len(pictures) == 6 == 1 + len(others)
    again = cv2.cvtColor(np.frombuffer(first, np.uint8).reshape(720, 640), cv2.COLOR_YUV2BGR_I420)
    assert np.abs(again.astype(int) - pictures[0]).mean() < 3


def test_the_picture_sways_and_comes_back():
    pictures = list(swaying(example_frame(), 1))

    assert np.array_equal(pictures[0], example_frame())
    assert not np.array_equal(pictures[8], pictures[0])
    assert np.abs(pictures[-1].astype(int) - pictures[0]).mean() < np.abs(pictures[8].astype(int) - pictures[0]).mean()


def test_a_sequence_counts_what_stayed_for_more_than_one_reading():
    readings = ["", "happiness", "happiness", "fear", "surprise", "surprise", "", "surprise", "surprise", "happiness", "happiness"]

    assert _in_order(readings) == ("happiness", "surprise", "happiness")


def test_faces_take_turns_with_emotions_that_people_agreed_on(shared_data):
    scenes, labels = faces_in_turn(shared_data / "fer2013_train_public.parquet", turns=6)

    assert labels == ["happiness", "surprise", "neutral", "anger", "sadness", "happiness"]
    assert {scene.shape for scene in scenes} == {(480, 640, 3)}


def test_the_measurements_are_told_for_each_viewer():
    words = in_words(CameraBench((1.5, 2.0), (29.0, 28.0), (27.0, 26.0), (20.0, 21.0), ("happiness",), ("happiness", "fear")))

    assert "viewers at once: 2" in words
    assert "START to expression        1.5     2.0 s" in words
    assert "named                   happiness, fear" in words


def test_without_playwright_the_reason_is_given(monkeypatch):
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)

    with pytest.raises(InputProblem, match="Playwright is not installed"):
        measure_camera()
