"""Melody that is fitted and kept: on which groups, with which weight, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from cantaor.errors import ModelError
from cantaor.learn.export.bundle import Bundle
from cantaor.learn.identification import melody
from cantaor.learn.identification.calibration import Calibration, Withheld
from cantaor.learn.identification.enrolment import (
    ScoringBackend,
    backend_from_bundle,
    backend_parts,
)
from cantaor.learn.identification.melody import Melody, fit_melody, melody_weight, motif_shares
from cantaor.learn.networks.ensemble import EnsembleClassifier
from cantaor.learn.training.settings import TrainingSettings
from cantaor.learn.training.trained_model import TrainedModel
from cantaor.learn.training.window_features import WindowFeatures

#: Singer of each source group, and the only motif of it; the last group has no windows.
SINGER = [0, 0, 1, 1, 2]
COUNTS = csr_array(np.array([*np.eye(3)[SINGER] * [[4], [2], [1], [9], [3]], [5.0, 5.0, 5.0]]))
#: What each network gives the singer of a group, by sound.
SHARES = [
    {0: 0.8, 2: 0.8},
    {1: 0.8, 3: 0.8},
    {2: 0.9, 0: 0.5, 1: 0.65},
    {1: 0.7, 2: 0.45, 3: 0.55},
    {0: 0.8, 2: 0.6, 4: 0.74},
]


def network(shares: dict[int, float]) -> Callable[[torch.Tensor], tuple[torch.Tensor, None]]:
    """One that tells a window's group from its only value."""

    def answer(windows: torch.Tensor) -> tuple[torch.Tensor, None]:
        groups = windows[0, :, 0].int().tolist()
        rows = np.array([[(1 - shares[group]) / 2] * 3 for group in groups])
        rows[np.arange(len(groups)), [SINGER[group] for group in groups]] = [
            shares[group] for group in groups
        ]
        return torch.from_numpy(np.log(rows)[None]), None

    return answer


def withheld() -> Withheld:
    """Two draws without a group of singers 0 and 1; then also without singer 0, 1 or 2."""
    # 40 windows are two decisions.
    groups = np.repeat(np.arange(5), [40, 2, 1, 2, 2]).astype(np.int32)
    labels = np.array(SINGER, np.int32)[groups]
    profiles = WindowFeatures(groups[:, None].astype(np.float32), labels, groups)
    held = np.stack([np.isin(groups, [0, 2]), np.isin(groups, [1, 3])])
    left = labels == np.arange(3)[:, None]
    members: Any = tuple(network(shares) for shares in SHARES)
    return Withheld(profiles, members, held, held[[0, 1, 0]], left)


def test_melody_is_fitted_on_groups_that_were_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def weight_of(*values: Any) -> float:
        asked.extend(values)
        return 2.0

    monkeypatch.setattr(melody, "melody_weight", weight_of)
    parts = withheld()
    found = fit_melody(parts.profiles, COUNTS, parts, 3)
    assert found is not None
    sound, scores, labels, independent = asked
    # Draw by draw the groups 0 and 2, then 1 and 3, of three singers with a group each to count.
    assert labels.tolist() == [0, 1, 0, 1]
    own = np.array([[1, 0, 0], [0, 1, 0]] * 2, bool)
    np.testing.assert_allclose(sound, np.where(own, 0.8, 0.1), rtol=1e-6)
    # A motif of one of them alone: the common third counts tenfold, 13 to 10 for the own singer.
    np.testing.assert_allclose(scores, np.log(np.where(own, 13 / 33, 10 / 33)))
    assert independent == 4
    # All groups with windows count in what is kept.
    assert found.shares.groups.tolist() == [2, 2, 1]
    assert found.shares.sums.toarray().tolist() == [[2, 0, 0], [0, 2, 0], [0, 0, 1]]
    assert found.weight == 2.0
    # Sound 8 to 1 and 1, melody 13 to 10 twice.
    sure = 8 * 169 / (8 * 169 + 2 * 100)
    assert found.calibration.error_before == pytest.approx(1 - sure, rel=1e-6)
    assert found.calibration.votes == 5
    # Where a singer was not heard two are counted, 6 to 5, and who was not heard gets 5. The known
    # have .9, .7, .8 twice and .6 by sound ...
    same = [share * 36 / (share * 36 + (1 - share) * 25) for share in (0.9, 0.7, 0.8, 0.8, 0.6)]
    # ... and nobody sang the motifs of strangers, who have .74, .65, .55, .5 twice and .45. At .74
    # one of five is missed and one of six comes in.
    assert min(same) < 0.74 < sorted(same)[1]
    assert found.calibration.unknown_below == pytest.approx(0.74, rel=1e-6)
    assert found.calibration.unknown_error == pytest.approx((1 / 5 + 1 / 6) / 2)


def test_melody_that_gets_no_weight_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(melody, "melody_weight", lambda *_: None)
    parts = withheld()
    assert fit_melody(parts.profiles, COUNTS, parts, 3) is None


def test_what_has_no_chance_by_sound_can_be_joined() -> None:
    kept = Melody(motif_shares(COUNTS, np.array([*SINGER, -1]), 3), 1.0, SURE)
    joined = kept.join(np.array([0.0, 0.5, 0.5]), [1])
    # Two groups of the first two singers, one of the third: common 1/3.
    odds = np.array([1e-12 * 10 / 3 / 12, 0.5 * (2 + 10 / 3) / 12, 0.5 * 10 / 3 / 11])
    np.testing.assert_allclose(joined, odds / odds.sum(), rtol=1e-9)


def decisions(
    share: float, gap: float, first: int, second: int, count: int = 40
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sound and melody of ``count`` decisions on which they agree and as many on which they do not.

    Of the former ``first`` are right, and of the latter melody is right in ``second``.
    """
    agree = np.repeat([True, False], count)
    sound = np.where(agree[:, None], [share, 1 - share], [1 - share, share])
    scores = np.tile([0.0, -gap], (2 * count, 1))
    right = np.concatenate([np.arange(count) < first, np.arange(count) < second])
    return sound, scores, np.where(right, 0, 1)


def expectation(right: float, independent: int) -> float:
    chance = (independent + 1) / (independent + 2)
    return right * chance + (1 - right) * (1 - chance)


def logit(share: float) -> float:
    return math.log(share / (1 - share))


def test_the_weight_makes_both_kinds_of_decisions_as_likely_as_they_are() -> None:
    found = melody_weight(*decisions(0.8, 1.0, 40, 30), 80)
    agreed, differed = logit(expectation(1, 80)), logit(expectation(3 / 4, 80))
    # Sharpness times ln 4 is added to the melody in one kind and taken away in the other.
    sharpness = (agreed - differed) / 2 / math.log(4)
    assert found == pytest.approx((agreed + differed) / 2 / sharpness, rel=1e-3)
    # Scores that are apart four times as far count a quarter.
    less = melody_weight(*decisions(0.8, 4.0, 40, 30), 80)
    assert less == pytest.approx((agreed + differed) / 2 / sharpness / 4, rel=1e-3)
    assert less is not None
    assert less < 1


@pytest.mark.parametrize(
    ("share", "first", "second", "bound"), [(0.8, 24, 40, -2.3), (0.55, 40, 12, 2.3)]
)
def test_the_sharpness_of_sound_has_bounds(
    share: float, first: int, second: int, bound: float
) -> None:
    """Sound that is worse than nothing, and sound that would be sharpened more than tenfold."""
    found = melody_weight(*decisions(share, 1.0, first, second), 80)
    assert found is not None
    level, add = found * math.exp(bound), math.exp(bound) * logit(share)
    # At the bound the weight alone is fitted: the mean probability is the mean expectation.
    mean = sum(1 / (1 + math.exp(-level - sign * add)) for sign in (1, -1))
    expected = expectation(first / 40, 80) + expectation(second / 40, 80)
    assert mean == pytest.approx(expected, rel=1e-3)


def test_the_weight_has_a_bound() -> None:
    # Sound says nothing; a weight of 744 would be the best.
    found = melody_weight(*decisions(0.5, 0.0059, 40, 40), 80)
    assert logit(expectation(1, 80)) / 0.0059 == pytest.approx(745, abs=1)
    assert found == pytest.approx(500, rel=1e-6)


def test_sound_without_a_chance_does_not_forbid_what_melody_says() -> None:
    sound, scores, labels = decisions(1.0, 1.0, 40, 30)
    found = melody_weight(sound, scores, labels, 80)
    agreed, differed = logit(expectation(1, 80)), logit(expectation(3 / 4, 80))
    # Odds of a million millions; the sharpness is at its lower bound.
    assert (agreed - differed) / 2 < math.exp(-2.3) * 12 * math.log(10)
    assert found is not None
    level, add = found * math.exp(-2.3), math.exp(-2.3) * 12 * math.log(10)
    mean = sum(1 / (1 + math.exp(-level - sign * add)) for sign in (1, -1))
    assert mean == pytest.approx(expectation(1, 80) + expectation(3 / 4, 80), rel=1e-3)


@pytest.mark.parametrize(
    ("independent", "right", "kept"),
    [(9, 40, False), (10, 40, True), (10, 30, False), (10, 31, True)],
)
def test_melody_needs_ten_groups_and_a_gain_above_one(
    independent: int, right: int, kept: bool
) -> None:
    # Sound says nothing: ln 2 is gained but for the entropy of what melody can say.
    chance = expectation(right / 40, independent)
    entropy = -chance * math.log(chance) - (1 - chance) * math.log(1 - chance)
    assert (independent >= 10 and independent * (math.log(2) - entropy) > 1) is kept
    found = melody_weight(*decisions(0.5, 1.0, right, right), independent)
    assert (found is not None) is kept


SURE = Calibration(0.5, 0.7, 0.1, 0.2, 0.1, 9)


def kept_parts() -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Two singers and three motifs; the first singer alone sang the first, both the second."""
    counts = csr_array(np.array([[3, 1, 0], [1, 1, 0], [0, 2, 2]], float))
    shares = motif_shares(counts, np.array([0, 0, 1], np.int32), 2)
    arrays, extra = backend_parts(ScoringBackend(None, None, Melody(shares, 0.5, SURE)))
    return {**arrays, "motif_support": np.array([2, 3, 1])}, extra


@cache
def model() -> TrainedModel:
    return TrainedModel(EnsembleClassifier(2, 1).eval(), ("a", "b"), TrainingSettings(), ())


def bundle_of(arrays: dict[str, np.ndarray], extra: dict[str, Any]) -> Bundle:
    return Bundle(model(), arrays, extra, "folder")


def test_a_melody_comes_back() -> None:
    arrays, extra = kept_parts()
    assert arrays["melody_sums"].tolist() == [1.25, 0.75, 0.5, 0.5]
    assert arrays["melody_singers"].tolist() == [0, 0, 1, 1]
    assert arrays["melody_offsets"].tolist() == [0, 1, 3, 4]
    assert arrays["melody_groups"].tolist() == [2, 1]
    found = backend_from_bundle(bundle_of(arrays, extra)).melody
    assert found is not None
    assert (found.weight, found.calibration) == (0.5, SURE)
    assert found.shares.groups.tolist() == [2, 1]
    assert found.shares.sums.toarray().tolist() == [[1.25, 0.75, 0], [0, 0.5, 0.5]]


def test_motifs_of_nobody_and_singers_not_heard_are_taken() -> None:
    arrays, extra = kept_parts()
    arrays["melody_offsets"] = np.array([0, 1, 1, 2])
    arrays["melody_sums"] = np.array([1.25, 0.0])
    arrays["melody_singers"] = np.array([0, 0], np.int32)
    arrays["melody_groups"] = np.array([1, 0])
    found = backend_from_bundle(bundle_of(arrays, extra)).melody
    assert found is not None
    assert found.shares.sums.toarray().tolist() == [[1.25, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("facts", [[], {}, *({"weight": w} for w in (0, -1.5, True, "1", None))])
def test_a_melody_without_a_weight_is_refused(facts: object) -> None:
    arrays, _ = kept_parts()
    with pytest.raises(ModelError, match="model folder: 'weight' of 'melody' must be above 0, not"):
        backend_from_bundle(bundle_of(arrays, {"melody": facts}))


def test_a_melody_without_a_calibration_is_refused() -> None:
    arrays, _ = kept_parts()
    with pytest.raises(ModelError, match="'calibration' must hold numbers"):
        backend_from_bundle(bundle_of(arrays, {"melody": {"weight": 1.5}}))


ROWS = "must rise from 0 to the . melody_sums"


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("melody_sums", np.array([1, 1, 1, 1]), "melody_sums must be float64 of one dimension"),
        ("melody_sums", np.ones((4, 1)), r"melody_sums must be .* not float64 \(4, 1\)"),
        ("melody_singers", np.array([0, 0, 1, 1], np.int64), "melody_singers must be int32"),
        ("melody_offsets", np.array([0, 1, 3, 4], np.int32), "melody_offsets must be int64"),
        ("melody_groups", np.array([2.0, 1.0]), "melody_groups must be int64"),
        ("melody_groups", np.array([2, 1, 1]), "must be 2 and 4 long, .* not 3 and 4"),
        ("melody_offsets", np.array([0, 1, 4]), "must be 2 and 4 long, .* not 2 and 3"),
        ("motif_support", np.array([2, 3]), "must be 2 and 3 long, .* not 2 and 4"),
        ("melody_offsets", np.array([1, 1, 3, 4]), ROWS),
        ("melody_offsets", np.array([0, 1, 3, 3]), ROWS),
        ("melody_offsets", np.array([0, 3, 1, 4]), ROWS),
        ("melody_sums", np.array([1.25, 0.75, 0.5]), ROWS),
        ("melody_singers", np.array([0, 0, 1], np.int32), ROWS),
        ("melody_singers", np.array([0, 0, 1, 2], np.int32), ROWS),
        ("melody_singers", np.array([0, -1, 1, 1], np.int32), ROWS),
        ("melody_sums", np.array([1.25, np.inf, 0.5, 0.5]), ROWS),
        ("melody_sums", np.array([1.25, -0.75, 0.5, 0.5]), ROWS),
        ("melody_groups", np.array([2, -1]), "must be 0 or more, and some above 0"),
        ("melody_groups", np.array([0, 0]), "must be 0 or more, and some above 0"),
    ],
)
def test_the_arrays_of_a_melody_must_fit(name: str, values: np.ndarray, message: str) -> None:
    arrays, extra = kept_parts()
    with pytest.raises(ModelError, match=message):
        backend_from_bundle(bundle_of({**arrays, name: values}, extra))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("melody_sums", "must rise from 0 to the 0 melody_sums"),
        ("melody_singers", r"melody_singers must be int32 .* not float64 \(0,\)"),
        ("melody_offsets", r"melody_offsets must be int64 .* not float64 \(0,\)"),
        ("melody_groups", r"melody_groups must be int64 .* not float64 \(0,\)"),
        ("motif_support", "must be 2 and 1 long, .* not 2 and 4"),
    ],
)
def test_no_array_of_a_melody_may_be_missing(name: str, message: str) -> None:
    arrays, extra = kept_parts()
    del arrays[name]
    with pytest.raises(ModelError, match=message):
        backend_from_bundle(bundle_of(arrays, extra))
