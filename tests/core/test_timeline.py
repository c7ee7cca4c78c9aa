"""Faces over time: numbers that stay, smoothing that knows the time, seconds instead of counts."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.timeline import MAX_STEPS, RESTART_HALF_LIVES, Follower, Smoother, per_second, seconds_per_label, smooth

RATE_HZ = 30.0
SIDE_PX = 100.0

unhurried = settings(max_examples=60, deadline=None)  # a busy machine is no failure

boxes = st.lists(
    st.tuples(st.integers(0, 600), st.integers(0, 400), st.integers(1, 200), st.integers(1, 200)).map(lambda box: tuple(map(float, box))),
    max_size=6,
    unique=True,
)
moments = st.lists(st.tuples(st.floats(0, 3), boxes), min_size=1, max_size=8)  # seconds since the last one, boxes


@st.composite
def readings(draw: st.DrawFn) -> tuple[list[float], list[int], np.ndarray]:
    """Times in any order (some the same), faces, distributions over three labels."""
    count = draw(st.integers(1, 20))
    times = draw(st.lists(st.integers(0, 100).map(lambda tenths: tenths / 10), min_size=count, max_size=count))
    faces = draw(st.lists(st.integers(1, 3), min_size=count, max_size=count))
    weights = np.array(draw(st.lists(st.tuples(*[st.floats(0.001, 1)] * 3), min_size=count, max_size=count)))
    return times, faces, weights / weights.sum(axis=1, keepdims=True)


def box(left: float, top: float = 100.0, side: float = SIDE_PX) -> tuple[float, float, float, float]:
    return left, top, side, side


# --- Follower


def test_two_faces_that_stay_keep_their_numbers_whatever_order_they_come_in():
    follower = Follower()

    assert follower.update(0.0, [box(0), box(300, side=120)]) == [2, 1]  # the larger is the first
    assert follower.update(0.1, [box(305, side=120), box(4)]) == [1, 2]


def test_a_face_lost_for_less_than_the_memory_keeps_its_number_and_one_lost_for_longer_is_new():
    follower = Follower(memory_s=1.0)
    assert follower.update(0.0, [box(0)]) == [1]
    assert follower.update(0.1, []) == []
    assert follower.update(0.9, [box(10)]) == [1]
    follower.update(1.0, [])

    assert follower.update(1.95, [box(10)]) == [2]


def test_a_video_looked_at_every_few_seconds_is_followed_as_well():
    follower = Follower(memory_s=1.0)

    assert [follower.update(5.0 * step, [box(60.0 * step)]) for step in range(4)] == [[1]] * 4


def test_two_faces_that_cross_keep_their_numbers():
    follower = Follower()
    numbers = []
    for step in range(60):  # they meet after a second, at 300 px a second each
        time_s = step / RATE_HZ
        right_going, left_going = box(300 * time_s, top=100), box(600 - 300 * time_s, top=110)
        numbers.append(follower.update(time_s, [right_going, left_going]))

    assert numbers == [[1, 2]] * 60


def test_two_faces_of_which_one_hides_the_other_while_they_cross_keep_their_numbers():
    follower = Follower()
    seen = []
    for step in range(60):
        time_s = step / RATE_HZ
        front, back = box(300 * time_s), box(600 - 300 * time_s)
        seen.append(follower.update(time_s, [front] if abs(front[0] - back[0]) < 60 else [front, back]))

    assert seen[0] == seen[-1] == [1, 2]
    assert [1] in seen  # there was a time when only the front one showed
    assert {number for numbers in seen for number in numbers} == {1, 2}


def test_a_face_far_away_or_of_another_size_is_a_new_one():
    follower = Follower()
    follower.update(0.0, [box(0)])

    assert follower.update(1 / RATE_HZ, [box(400)]) == [2]
    assert follower.update(2 / RATE_HZ, [box(400 - 60, top=40, side=220)]) == [3]


def test_time_that_stands_still_or_goes_back_does_not_confuse_the_follower():
    follower = Follower()
    numbers = [follower.update(time_s, [box(10.0 * step)]) for step, time_s in enumerate([0.0, 0.0, 0.5, 0.5, 0.2, 0.6])]

    assert numbers == [[1]] * 6


def test_a_face_seen_while_the_time_was_set_back_was_seen_now():
    follower = Follower(memory_s=1.0)
    found = [(0.5, [box(0)]), (0.2, [box(0)]), (1.1, []), (1.3, [box(0)])]

    assert [follower.update(time_s, boxes_px) for time_s, boxes_px in found] == [[1], [1], [], [1]]


def test_a_face_that_stopped_while_it_was_hidden_is_found_where_it_stopped():
    follower = Follower(memory_s=1.0)
    for step in range(30):
        follower.update(step / RATE_HZ, [box(300 * step / RATE_HZ)])
    follower.update(1.0, [])

    assert follower.update(1.85, [box(310)]) == [1]


def test_faces_that_moved_too_far_to_overlap_are_told_apart_by_distance():
    follower = Follower()
    assert follower.update(0.0, [box(0, top=0), box(0, top=150)]) == [1, 2]

    assert follower.update(1.0, [box(105, top=0), box(100, top=150)]) == [1, 2]


def test_faces_that_lie_over_each_other_are_told_apart_by_size():
    follower = Follower()
    assert follower.update(0.0, [(0.0, 0.0, 180.0, 180.0), (100.0, 40.0, 100.0, 100.0)]) == [1, 2]

    assert follower.update(1 / RATE_HZ, [(60.0, 0.0, 180.0, 180.0), (40.0, 40.0, 100.0, 100.0)]) == [1, 2]


def test_a_memory_below_zero_is_our_mistake():
    with pytest.raises(ValueError, match="memory_s must not be negative, got -1"):
        Follower(memory_s=-1)


@unhurried
@given(moments)
def test_numbers_are_unique_within_a_moment_and_never_given_to_two_faces_at_once(course):
    follower, time_s, highest = Follower(), 0.0, 0
    for passed_s, found in course:
        time_s += passed_s
        numbers = follower.update(time_s, found)

        assert len(set(numbers)) == len(numbers) == len(found)
        new = sorted(number for number in numbers if number > highest)
        assert new == list(range(highest + 1, highest + 1 + len(new)))  # counted on without a hole
        highest += len(new)


@unhurried
@given(moments, st.randoms(use_true_random=False))
def test_numbers_do_not_depend_on_the_order_of_the_boxes(course, chance):
    follower, shuffled, time_s = Follower(), Follower(), 0.0
    for passed_s, found in course:
        time_s += passed_s
        other = chance.sample(found, len(found))

        assert dict(zip(other, shuffled.update(time_s, other), strict=True)) == dict(
            zip(found, follower.update(time_s, found), strict=True)
        )


# --- Smoother


def test_after_one_half_life_half_of_the_way_is_gone_however_many_pictures_came_between():
    slow, fast = Smoother(half_life_s=0.5), Smoother(half_life_s=0.5)
    slow.update(0.0, 1, [1.0, 0.0])
    fast.update(0.0, 1, [1.0, 0.0])
    for step in range(1, 15):
        fast.update(0.5 * step / 15, 1, [0.0, 1.0])

    assert slow.update(0.5, 1, [0.0, 1.0]) == pytest.approx([0.5, 0.5])
    assert fast.update(0.5, 1, [0.0, 1.0]) == pytest.approx([0.5, 0.5])


def test_faces_are_smoothed_apart():
    smoother = Smoother(half_life_s=1.0)
    smoother.update(0.0, 1, [1.0, 0.0])

    assert smoother.update(0.1, 2, [0.0, 1.0]).tolist() == [0.0, 1.0]


def test_smoothing_starts_anew_after_a_long_gap_only():
    gap_s = RESTART_HALF_LIVES * 0.5
    for after_s, expected in ((gap_s, 1 - 2**-RESTART_HALF_LIVES), (gap_s + 0.01, 1.0)):
        smoother = Smoother(half_life_s=0.5)
        smoother.update(0.0, 1, [1.0, 0.0])

        assert smoother.update(after_s, 1, [0.0, 1.0])[1] == pytest.approx(expected)


def test_a_half_life_of_zero_turns_smoothing_off():
    smoother = Smoother(half_life_s=0)
    smoother.update(0.0, 1, [1.0, 0.0])

    assert smoother.update(0.0, 1, [0.25, 0.75]).tolist() == [0.25, 0.75]


def test_a_second_reading_at_the_same_or_an_earlier_moment_changes_nothing():
    smoother = Smoother(half_life_s=1.0)
    smoother.update(1.0, 1, [1.0, 0.0])

    assert smoother.update(1.0, 1, [0.0, 1.0]).tolist() == [1.0, 0.0]
    assert smoother.update(0.5, 1, [0.0, 1.0]).tolist() == [1.0, 0.0]
    assert smoother.update(2.0, 1, [0.0, 1.0]).tolist() == [0.5, 0.5]


def test_a_missing_reading_comes_back_missing_and_spoils_nothing():
    smoother = Smoother(half_life_s=1.0)
    smoother.update(0.0, 1, [1.0, 0.0])

    assert np.isnan(smoother.update(0.5, 1, [math.nan, math.nan])).all()
    assert smoother.update(1.0, 1, [0.0, 1.0]).tolist() == [0.5, 0.5]


def test_what_is_returned_may_be_changed_without_changing_the_past():
    smoother = Smoother(half_life_s=1.0)
    smoother.update(0.0, 1, [1.0, 0.0])[:] = 7

    assert smoother.update(1.0, 1, [0.0, 1.0]).tolist() == [0.5, 0.5]


def test_a_half_life_below_zero_is_our_mistake():
    with pytest.raises(ValueError, match=r"half_life_s must not be negative, got -0\.5"):
        Smoother(half_life_s=-0.5)


@unhurried
@given(readings(), st.sampled_from([0.0, 0.05, 0.5, 3.0, 1e6]))
def test_smoothed_rows_stay_distributions_within_the_range_of_their_readings(table, half_life_s):
    times, faces, probabilities = table
    smoothed = smooth(times, faces, probabilities, half_life_s)

    assert smoothed.sum(axis=1) == pytest.approx(np.ones(len(times)))
    for face in set(faces):
        own = np.array(faces) == face
        assert (smoothed[own] >= probabilities[own].min(axis=0) - 1e-12).all()
        assert (smoothed[own] <= probabilities[own].max(axis=0) + 1e-12).all()


@unhurried
@given(readings(), st.sampled_from([0.0, 0.3, 2.0]))
def test_a_finished_table_is_smoothed_as_the_live_picture_is(table, half_life_s):
    times, faces, probabilities = table
    smoother = Smoother(half_life_s)
    live = {
        row: smoother.update(times[row], faces[row], probabilities[row]) for row in sorted(range(len(times)), key=lambda row: times[row])
    }

    assert smooth(times, faces, probabilities, half_life_s).tolist() == [live[row].tolist() for row in range(len(times))]


@unhurried
@given(readings())
def test_a_finished_table_is_smoothed_by_the_formula(table):  # the sum written out, without the recursion
    times, faces, probabilities = table
    smoothed = smooth(times, faces, probabilities, 4.0)
    for face in set(faces):
        rows = sorted((row for row in range(len(times)) if faces[row] == face), key=lambda row: times[row])
        expected = probabilities[rows[0]]
        for before, row in pairwise(rows):
            kept = 0.5 ** ((times[row] - times[before]) / 4.0)
            expected = kept * expected + (1 - kept) * probabilities[row]

            assert smoothed[row] == pytest.approx(expected)


# --- seconds and means


def test_seconds_are_counted_by_time_not_by_pictures():
    times = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7]  # the last picture of “anger” stands for twice as long as those of “neutral”
    table = seconds_per_label(times, [1] * 7, ["neutral"] * 5 + ["anger", "neutral"])

    assert table["label"].tolist() == ["neutral", "anger"]
    assert table["seconds"].tolist() == pytest.approx([0.6, 0.2])
    assert table["share"].tolist() == pytest.approx([0.75, 0.25])


def test_the_time_a_face_was_away_is_not_counted():
    times = [0.0, 0.5, 1.0, 30.0, 30.5]
    table = seconds_per_label(times, [1] * 5, ["fear", "fear", "fear", "sadness", "sadness"], every_s=0.5)

    assert dict(zip(table["label"], table["seconds"], strict=True)) == pytest.approx({"fear": 1.0 + MAX_STEPS * 0.5, "sadness": 1.0})


def test_a_step_that_was_asked_for_but_is_finer_than_the_video_does_not_cut_seconds():
    table = seconds_per_label([0.0, 1.0, 2.0], [1, 1, 1], ["fear"] * 3, every_s=0.1)

    assert table["seconds"].tolist() == [3.0]


def test_moments_without_a_label_take_up_time_but_are_not_reported():
    table = seconds_per_label([0.0, 1.0, 2.0, 3.0, 4.0], [1] * 5, ["fear", None, "", math.nan, "anger"])

    assert table.to_dict("list") == {"face": [1, 1], "label": ["anger", "fear"], "seconds": [1.0, 1.0], "share": [0.5, 0.5]}


def test_a_single_picture_has_shares_but_no_seconds():
    table = seconds_per_label([0.0, 0.0], [1, 2], ["fear", "anger"])

    assert table.to_dict("list") == {"face": [1, 2], "label": ["fear", "anger"], "seconds": [0.0, 0.0], "share": [1.0, 1.0]}


def test_rows_without_a_face_and_empty_tables_are_fine():
    assert seconds_per_label([0.0, 1.0], [math.nan, 1], ["fear", "fear"])["face"].tolist() == [1]
    assert seconds_per_label([], [], []).columns.tolist() == ["face", "label", "seconds", "share"]
    assert len(seconds_per_label([], [], [])) == 0
    assert per_second([], [], np.zeros((0, 2)), ["a", "b"]).columns.tolist() == ["face", "second", "label", "probability"]


@unhurried
@given(readings(), st.sampled_from([0.0, 0.1, 0.5, 2.0]))
def test_seconds_never_exceed_the_time_covered_plus_one_step_and_shares_add_up(table, every_s):
    times, faces, probabilities = table
    labels = [("neutral", "happiness", "fear")[index] for index in probabilities.argmax(axis=1)]
    result = seconds_per_label(times, faces, labels, every_s)
    distinct = np.unique(times)
    step_s = max(every_s, float(np.median(np.diff(distinct))) if len(distinct) > 1 else 0.0)

    assert (result["seconds"] >= 0).all()
    for face, own in result.groupby("face"):
        seen = [time_s for time_s, number in zip(times, faces, strict=True) if number == face]
        assert own["seconds"].sum() <= max(seen) - min(seen) + step_s + 1e-9
        assert own["share"].sum() == pytest.approx(1)
        assert set(own["label"]) == {label for label, number in zip(labels, faces, strict=True) if number == face}


def test_means_per_second_come_in_long_form_with_the_labels_in_their_order():
    table = per_second([0.1, 0.9, 1.0, 0.5], [1, 1, 1, 2], [[0.2, 0.8], [0.4, 0.6], [1.0, 0.0], [0.5, 0.5]], ["neutral", "fear"])

    expected = pd.DataFrame(
        {
            "face": [1, 1, 1, 1, 2, 2],
            "second": [0, 0, 1, 1, 0, 0],
            "label": ["neutral", "fear"] * 3,
            "probability": [0.3, 0.7, 1.0, 0.0, 0.5, 0.5],
        }
    )
    pd.testing.assert_frame_equal(table, expected)


@unhurried
@given(readings())
def test_means_per_second_are_distributions_too(table):
    times, faces, probabilities = table
    means = per_second(times, faces, probabilities, ["a", "b", "c"])

    assert means.groupby(["face", "second"])["probability"].sum().to_numpy() == pytest.approx(1)
    assert len(means) == 3 * len({(face, math.floor(time_s)) for time_s, face in zip(times, faces, strict=True)})
