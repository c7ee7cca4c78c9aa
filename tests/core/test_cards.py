"""Model cards: read, checked, refused."""

import json
import shutil

import numpy as np
import pytest

from core.cards import Calibration, Scaling, installed_models, model_folder, read_card, read_weights
from core.emotions import LABEL_SETS
from core.errors import InputProblem
from core.inference import EmotionAnalyzer
from core.places import SHIPPED


@pytest.fixture
def own_model(tmp_path, monkeypatch):
    """A copy of the default model in the user's own folder, under the name “mine”."""
    monkeypatch.setenv("EMOTION_LAB_HOME", str(tmp_path))
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    for name in ("card.json", "model.tflite"):
        shutil.copy(SHIPPED / "models" / "ferplus" / name, folder)
    return folder


def change(folder, **values):
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), "utf-8")


@pytest.mark.parametrize("name", ["ferplus", "fer2013"])
def test_a_shipped_model_keeps_what_its_card_must_promise(name):
    card = read_card(SHIPPED / "models" / name)

    assert card.labels == LABEL_SETS[name]
    assert card.weights["bytes"] == len(read_weights(SHIPPED / "models" / name, card)) <= 5_000_000
    assert card.metrics["accuracy"].value >= {"ferplus": 0.83, "fer2013": 0.68}[name]  # what was reached; it may only rise
    assert card.metrics["accuracy_before_conversion"].value - card.metrics["accuracy"].value <= 0.003
    lost = card.metrics["accuracy_same_pictures_cropped"].value - card.metrics["accuracy_in_scenes"].value
    assert lost <= 0.02
    assert card.calibration.coverage == 0.9
    for metric in card.metrics.values():
        assert metric.low <= metric.value <= metric.high or metric.low <= metric.high
    assert any("Art. 5(1)(f)" in use for use in card.forbidden_uses)


@pytest.mark.parametrize("name", ["ferplus", "fer2013"])
def test_the_figures_of_a_card_follow_from_its_predictions(name):
    folder = SHIPPED / "models" / name
    rows = [line.split(",") for line in (folder / "predictions.csv").read_text("utf-8-sig").splitlines()]
    labels = [column.removeprefix("p_") for column in rows[0][2:]]
    right = [row[1] == labels[int(np.argmax([float(p) for p in row[2:]]))] for row in rows[1:]]

    assert np.mean(right) == pytest.approx(read_card(folder).metrics["accuracy"].value, abs=5e-4)


def test_a_users_own_model_is_found_beside_the_shipped_ones(own_model):
    assert model_folder("mine") == own_model
    assert installed_models()[0].name == "ferplus"
    assert {card.name for card in installed_models()} >= {"ferplus"}


def test_weights_that_are_not_those_of_the_card_are_refused(own_model):
    (own_model / "model.tflite").write_bytes(b"something else")

    with pytest.raises(InputProblem, match=r"do not match its card: the card names [0-9a-f]{12}…, the file is [0-9a-f]{12}…"):
        EmotionAnalyzer.load("mine")


def test_a_card_with_other_labels_than_the_weights_is_refused(own_model):
    change(own_model, labels=["neutral", "happiness"])

    with pytest.raises(InputProblem, match="the card names 48×48 pixels and 2 labels, the file has 48×48×1 and 8"):
        EmotionAnalyzer.load("mine")


def test_missing_weights_are_named(own_model):
    (own_model / "model.tflite").unlink()

    with pytest.raises(InputProblem, match=r"The weights of the model “ferplus” \(model\.tflite\) cannot be read"):
        EmotionAnalyzer.load("mine")


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"format": 1}', "\x00"])
def test_a_damaged_card_is_refused_and_not_listed(own_model, content):
    (own_model / "card.json").write_text(content, "utf-8")

    with pytest.raises(InputProblem, match="card of the model “mine”"):
        read_card(own_model)
    assert "mine" not in {card.name for card in installed_models()}


def test_a_card_of_another_version_is_refused(own_model):
    change(own_model, format=99)

    with pytest.raises(InputProblem, match="written by another version of Emotion Lab"):
        read_card(own_model)


def test_weights_are_never_read_from_outside_the_models_folder(own_model):
    (own_model.parent / "secret").write_bytes(b"x")
    card = read_card(own_model)
    change(own_model, weights=dict(card.weights) | {"file": "../secret"})

    with pytest.raises(InputProblem, match=r"\(secret\) cannot be read"):
        read_weights(own_model, read_card(own_model))


def test_an_unknown_model_is_refused_with_those_there_are():
    with pytest.raises(InputProblem, match=r"There is no model called “nobody”. Choose one of: .*ferplus"):
        model_folder("nobody")


def test_scaling_follows_its_formula():
    assert Scaling(100.0, 50.0).apply(np.array([[0, 100, 255]], np.uint8)).tolist() == [[-2.0, 0.0, pytest.approx(3.1)]]


def test_a_high_temperature_softens_and_a_prediction_set_never_is_empty():
    logits = np.array([[3.0, 1.0, 0.0]], np.float32)
    sharp, soft = (Calibration(t, 0.9, 0.99).probabilities(logits)[0] for t in (1.0, 4.0))

    assert sharp[0] > soft[0] > 1 / 3
    assert Calibration(4.0, 0.9, 0.99).prediction_set(soft, "abc") == ("a",)
    assert Calibration(4.0, 0.9, 0.25).prediction_set(soft, "abc") == ("a", "b", "c")[: int((soft >= 0.25).sum())]
