"""Answers for recordings by hand: temperatures, thresholds, enrolled singers, moments."""

from __future__ import annotations

import numpy as np
import pytest

from cantaor.learn.data.clips import ClipSet
from cantaor.learn.evaluation.evaluation import measure
from cantaor.learn.evaluation.voting import aggregate_probabilities
from cantaor.learn.identification.calibration import Calibration, held_out, split_into_decisions
from cantaor.learn.identification.decisions import MIN_NAMED, decide, score_recording
from cantaor.learn.identification.enrolment import (
    Gallery,
    ScoringBackend,
    cosine_similarities,
    merge_enrolled,
    singer_means,
)
from cantaor.learn.identification.evidence import ClipPredictions, find_evidence
from cantaor.learn.training.ensemble_training import balanced_sampling_probabilities
from cantaor.learn.training.window_features import WINDOW, WindowFeatures, windows_of


def calibrated(temperature: float, unknown_below: float) -> ScoringBackend:
    return ScoringBackend(Calibration(temperature, unknown_below, 0.2, 0.1, 0.1, 9))


def test_the_rule_of_decisions_at_its_borders() -> None:
    assert MIN_NAMED == 0.75
    assert decide(0.75, False) == "named"
    assert decide(0.749, False) == "unsure"
    assert decide(1.0, True) == "unknown"
    assert decide(1.0, None) is None


def test_a_recordings_probabilities_are_the_geometric_mean_flattened_by_the_temperature() -> None:
    # Geometric means of .8 and .2 are twice .4; of .2 and .8 the same; with three clips 2/3, 1/3.
    np.testing.assert_allclose(aggregate_probabilities([[0.8, 0.2], [0.2, 0.8]]), [0.5, 0.5])
    clips = np.array([[0.8, 0.2]] * 3, np.float32)
    none = np.zeros((3, 2), np.float32)
    # Square roots of .8 and .2 are 2 to 1.
    scores, unknown = score_recording(clips, none, calibrated(2.0, 0.7))
    np.testing.assert_allclose(scores, [2 / 3, 1 / 3], rtol=1e-6)
    # The threshold is for the probability before the temperature.
    assert unknown is False
    assert score_recording(clips, none, calibrated(0.5, 0.81))[1] is True
    even = np.array([[0.5, 0.5]], np.float32)
    assert score_recording(even, none[:1], calibrated(1.0, 0.5))[1] is False
    assert score_recording(even, none[:1], ScoringBackend())[1] is None


def test_enrolled_singers_take_their_share_by_cosine() -> None:
    gallery = Gallery(np.array([[3.0, 0.0], [-1.0, 0.0]]), ("new",), np.array([[0.0, 0.5]]), 0.5)
    # Cosines 0, 0 and 1 over .5: 1, 1 and e squared.
    share = np.exp(2) / (2 + np.exp(2))
    found = merge_enrolled(np.array([0.9, 0.1]), [0.0, 2.0], gallery)
    np.testing.assert_allclose(found, [0.9 * (1 - share), 0.1 * (1 - share), share])
    # Who was enrolled is not unknown, however undecided the network is.
    backend = ScoringBackend(calibrated(1.0, 0.99).calibration, gallery)
    clip = np.array([[0.5, 0.5]], np.float32)
    assert score_recording(clip, np.array([[0.0, 1.0]], np.float32), backend)[1] is False
    assert score_recording(clip, np.array([[1.0, 0.0]], np.float32), backend)[1] is True
    without = Gallery(gallery.trained, (), np.empty((0, 2)), 0.5)
    assert merge_enrolled(np.array([0.9, 0.1]), [0.0, 2.0], without).tolist() == [0.9, 0.1]
    assert cosine_similarities([0.0, 0.0], gallery.trained).tolist() == [0.0, 0.0]


def test_a_singers_mean_is_of_groups_and_not_of_windows() -> None:
    embeddings = np.array([[0.0], [2.0], [2.0], [2.0], [9.0]])
    labels, groups = np.array([0, 0, 0, 0, 2], np.int32), np.array([5, 6, 6, 6, 7], np.int32)
    assert singer_means(embeddings, labels, groups, 3).tolist() == [[1.0], [0.0], [9.0]]
    sampling = balanced_sampling_probabilities(labels, groups)
    np.testing.assert_allclose(sampling, [1 / 4, 1 / 12, 1 / 12, 1 / 12, 1 / 2])


def test_each_draw_holds_out_one_group_of_everybody_who_has_two() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2], np.int32)
    groups = np.array([0, 1, 2, 3, 4, 5], np.int32)
    found = held_out(WindowFeatures(np.zeros((6, 96), np.float32), labels, groups))
    # Three draws, for the singer with three groups; the one with two begins anew.
    expected = [[1, 0, 0, 1, 0, 0], [0, 1, 0, 0, 1, 0], [0, 0, 1, 1, 0, 0]]
    assert found.astype(int).tolist() == expected
    single = WindowFeatures(np.zeros((1, 96), np.float32), labels[:1], groups[:1])
    assert held_out(single).astype(int).tolist() == [[0]]


def test_runs_of_windows_are_of_nearly_one_length() -> None:
    rows = np.tile([0.5, 0.5], (59, 1))
    rows[20:] = [0.9, 0.1]
    # 59 windows are two runs of 20 and more, of 30 and 29.
    runs = split_into_decisions(rows)
    assert runs.shape == (2, 2)
    np.testing.assert_allclose(runs[1], [0.9, 0.1])
    # 20 even ones and 10 of nine to one: odds of three to one in the second ten thirds.
    np.testing.assert_allclose(runs[0, 0] / runs[0, 1], 9 ** (10 / 30))


def test_windows_stand_around_the_middle_of_a_clip() -> None:
    lengths = [WINDOW - 10, 2 * WINDOW + 101]
    clips = ClipSet.from_arrays(
        [np.zeros(n, np.float32) for n in lengths], [0, 0], ("a",), sample_rate=22_050
    )
    source, starts, sizes = windows_of(clips)
    assert source.tolist() == [0, 1, 1]
    # 101 samples are left over in the second clip, 50 of them before its windows.
    first = lengths[0] + 50
    assert starts.tolist() == [0, first, first + WINDOW]
    assert sizes.tolist() == [WINDOW - 10, WINDOW, WINDOW]


def test_evidence_is_of_different_moments() -> None:
    # Clips of 1 s: the second shares .6 of the first, the third .5 of it, which is not more
    # than half; the fourth is another moment.
    starts = np.array([0.0, 0.4, 0.5, 5.0])
    probability = np.array([0.9, 0.8, 0.7, 0.95])
    predictions = ClipPredictions(
        "a",
        ((1,), (2,), (3,), (4,)),
        starts,
        starts + 1.0,
        np.stack([probability, 1 - probability], axis=1).astype(np.float32),
        np.zeros((4, 2), np.float32),
    )
    found = find_evidence(predictions, probability)
    assert [one.motif for one in found] == [(4,), (1,), (3,)]
    assert [one.members for one in found] == [(), ((2,),), ()]
    assert [(one.start_s, one.end_s) for one in found] == [(5.0, 6.0), (0.0, 1.0), (0.5, 1.5)]
    far = ClipPredictions(
        "a",
        tuple((i,) for i in range(8)),
        10.0 * np.arange(8),
        10.0 * np.arange(8) + 1,
        np.full((8, 2), 0.5, np.float32),
        np.zeros((8, 2), np.float32),
    )
    # Of equals the first come first, and there are five at most.
    assert [one.motif for one in find_evidence(far, np.full(8, 0.5))] == [
        (0,),
        (1,),
        (2,),
        (3,),
        (4,),
    ]


def test_figures_of_an_evaluation() -> None:
    clips = ClipSet.from_arrays(
        [np.zeros(4, np.float32)] * 5,
        [0, 0, 0, 1, 1],
        ("a", "b", "c"),
        ["r", "s"],
        [0, 0, 0, 1, 1],
    )
    rows = [[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.3, 0.2, 0.5]]
    found = measure(np.array(rows, np.float32), clips.labels, clips.classes, clips, "p")
    assert found.accuracy == pytest.approx(3 / 5)
    # Two of three of a, one of two of b; c has no clip and does not count.
    assert found.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found.recall == {"a": pytest.approx(2 / 3), "b": pytest.approx(1 / 2), "c": None}
    assert found.missing == ("c",)
    assert found.confusion.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 0]]
    # a: .6, .5, .1 against .2, .3: four of six pairs are in order. b: .7, .2 against .3, .4, .8:
    # two of six.
    assert found.auc_by_singer == {
        "a": pytest.approx(4 / 6),
        "b": pytest.approx(2 / 6),
        "c": None,
    }
    assert found.auc == pytest.approx(0.5)
    one, other = found.by_recording["r"], found.by_recording["s"]
    # Products of the clips: .03, .096 and .001; .06, .14 and .05.
    assert (one.singer, one.predicted, one.n, one.accuracy) == ("a", "b", 3, pytest.approx(2 / 3))
    cubes = np.cbrt([0.03, 0.096, 0.001])
    assert one.probability == pytest.approx(cubes[1] / cubes.sum(), rel=1e-6)
    assert (other.singer, other.predicted, other.accuracy) == ("b", "b", 0.5)
    assert found.recording_accuracy == 0.5
