"""Melody beside sound: scores, weight and joint probabilities that can be worked out on paper."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from cantaor.learn.data.clips import ClipSet, join_clips
from cantaor.learn.identification.calibration import Calibration, apply_temperature
from cantaor.learn.identification.decisions import score_recording
from cantaor.learn.identification.enrolment import ScoringBackend
from cantaor.learn.identification.melody import (
    Melody,
    count_motifs,
    melody_weight,
    motif_shares,
)

#: Two groups of the first singer, one of the second; three motifs.
COUNTS = csr_array(np.array([[3, 1, 0], [1, 1, 0], [0, 2, 2]], float))
OWNERS = np.array([0, 0, 1], np.int32)
SURE = Calibration(0.5, 0.7, 0.1, 0.2, 0.1, 9)


def clips_with(motifs: list[int] | None, recording: list[int]) -> ClipSet:
    count = len(recording)
    return ClipSet(
        np.zeros(count, np.float32),
        np.arange(count + 1),
        np.zeros(count, np.int32),
        ("a",),
        ("one", "two"),
        np.array(recording, np.int32),
        motifs=None if motifs is None else np.array(motifs, np.int64),
    )


def test_every_source_group_of_a_singer_weighs_the_same() -> None:
    shares = motif_shares(COUNTS, OWNERS, 2)
    assert shares.groups.tolist() == [2, 1]
    # 3/4 + 1/2 of the first motif, however many instances a group has.
    np.testing.assert_allclose(shares.sums.toarray(), [[1.25, 0.75, 0], [0, 0.5, 0.5]])


def test_scores_are_mean_log_probabilities_of_the_singers() -> None:
    scores = motif_shares(COUNTS, OWNERS, 2).scores([0, 0, 2])
    mean = np.array([0.625, 0.4375, 0.25])  # of 1.25/2 and 0, .75/2 and .5, 0 and .5; halved
    mean[0] = 0.3125
    first = (np.array([1.25, 0.75, 0]) + 10 * mean) / 12
    second = (np.array([0, 0.5, 0.5]) + 10 * mean) / 11
    of_first = first / (first + second)
    expected = [(2 * np.log(p[0]) + np.log(p[2])) / 3 for p in (of_first, 1 - of_first)]
    np.testing.assert_allclose(scores, expected)


def test_counts_stand_for_repeated_instances() -> None:
    shares = motif_shares(COUNTS, OWNERS, 2)
    np.testing.assert_allclose(shares.scores([0, 2], [2, 1]), shares.scores([2, 0, 0]))


def test_motifs_that_nobody_sang_and_unknown_ones_say_nothing() -> None:
    shares = motif_shares(csr_array(np.array([[1.0, 0], [1, 0]])), np.array([0, 1], np.int32), 2)
    assert shares.scores([1, -1]).tolist() == [0, 0]
    assert shares.scores([]).tolist() == [0, 0]
    np.testing.assert_allclose(shares.scores([0, 1, -1]), shares.scores([0]))


def test_groups_that_are_left_out_and_empty_ones_do_not_count() -> None:
    counts = csr_array(np.array([[1.0, 0], [0, 1], [0, 0]]))
    shares = motif_shares(counts, np.array([0, -1, 0], np.int32), 2)
    assert shares.groups.tolist() == [1, 0]
    assert shares.sums.toarray().tolist() == [[1, 0], [0, 0]]


def test_a_singer_who_was_not_heard_is_as_unlikely_as_the_least_likely() -> None:
    counts = csr_array(np.array([[3.0, 1], [1, 3]]))
    scores = motif_shares(counts, np.array([0, 2], np.int32), 3).scores([0])
    assert scores[1] == scores[2] < scores[0]


def test_motifs_are_counted_by_recording() -> None:
    counts = count_motifs(clips_with([2, 2, 0, -1, 1], [0, 0, 1, 0, -1]), 3)
    assert counts.toarray().tolist() == [[0, 0, 2], [1, 0, 0]]
    assert count_motifs(clips_with(None, [0, 1]), 3).nnz == 0


def test_joint_probabilities_multiply_sound_by_melody() -> None:
    shares = motif_shares(COUNTS, OWNERS, 2)
    scores = shares.scores([0])
    joint = Melody(shares, 3.0, SURE).join(np.array([0.2, 0.8]), [0])
    odds = 0.2 / 0.8 * np.exp(3 * (scores[0] - scores[1]))
    np.testing.assert_allclose(joint, [odds / (1 + odds), 1 / (1 + odds)])


def test_a_recording_is_read_with_the_calibration_of_both() -> None:
    melody = Melody(motif_shares(COUNTS, OWNERS, 2), 3.0, SURE)
    backend = ScoringBackend(Calibration(1.0, 0.0, 0.1, 0.2, 0.1, 9), None, melody)
    clips, none = np.array([[0.5, 0.5]], np.float32), np.zeros((1, 2), np.float32)
    scores, unknown = score_recording(clips, none, backend, np.array([0, 0]))
    joint = melody.join(np.array([0.5, 0.5]), [0])
    np.testing.assert_allclose(scores, apply_temperature(joint, 0.5))
    assert joint.max() < 0.7
    assert unknown is True
    for sung in (None, np.zeros(0, np.int64)):
        alone, flag = score_recording(clips, none, backend, sung)
        assert alone.tolist() == [0.5, 0.5]
        assert flag is False


def voices(count: int, helps: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sound that is right in half of the answers, and melody that is always or as often."""
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1], count // 2)
    right = rng.random(count) < 0.5
    heard = np.where(right, labels, 1 - labels)
    sound = np.where(np.arange(2) == heard[:, None], 0.7, 0.3)
    told = labels if helps else rng.integers(0, 2, count)
    return sound, np.where(np.arange(2) == told[:, None], -0.6, -0.8), labels


def test_melody_counts_where_it_helps_on_groups_left_out() -> None:
    sound, scores, labels = voices(40, helps=True)
    weight = melody_weight(sound, scores, labels, 40)
    assert weight is not None
    joint = np.log(sound) + weight * scores
    assert (joint.argmax(axis=1) == labels).all()


def test_melody_does_not_count_where_it_does_not_help_or_too_few_groups_say_so() -> None:
    assert melody_weight(*voices(40, helps=False), 40) is None
    sound, scores, labels = voices(40, helps=True)
    assert melody_weight(sound, scores, labels, 4) is None


def test_clips_keep_their_motifs_when_they_are_chosen_and_joined() -> None:
    with_motifs = clips_with([4, 5, 6], [0, 0, 1])
    without = clips_with(None, [1])
    chosen = with_motifs.select([2, 0]).motifs
    joined = join_clips(with_motifs, without).motifs
    assert chosen is not None
    assert joined is not None
    assert chosen.tolist() == [6, 4]
    assert joined.tolist() == [4, 5, 6, -1]
    assert join_clips(without, without).motifs is None
    with pytest.raises(ValueError, match=r"length of motifs \(2\) must match clips \(1\)"):
        clips_with([1, 2], [0])
