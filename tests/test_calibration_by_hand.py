"""Calibration on networks whose every answer is known: what they are trained on, what is fitted."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import pytest
import torch

from cantaor.learn.identification import calibration
from cantaor.learn.identification.calibration import (
    apply_temperature,
    calibrate,
    calibration_of,
    fit_temperature,
    smoothed_labels,
    withhold,
)
from cantaor.learn.training.window_features import WindowFeatures
from cantaor.types import Float64Array

#: Singer of each source group; the third has a single one.
SINGER = np.array([0, 0, 1, 1, 2])
#: Windows of each source group; 40 are two decisions.
COUNTS = [40, 1, 1, 3, 2]
#: What networks 0 and 1 give the singer of a group that was held out from them.
HELD = {(0, 0): 0.8, (0, 2): 0.8, (1, 1): 0.8, (1, 3): 0.8}
#: What networks that never heard singer 0, 1 or 2 give singers of other groups held out, ...
OF_KNOWN = {(2, 2): 0.9, (3, 1): 0.7, (4, 0): 0.8, (4, 2): 0.6}
#: ... and what they give somebody for the singers whom they never heard.
OF_STRANGERS = {(2, 0): 0.5, (2, 1): 0.65, (3, 2): 0.45, (3, 3): 0.55, (4, 4): 0.75}


class FakeEnsemble:
    """Gives windows, whose only value is their group, what a table says; notes how it was made."""

    def __init__(self, shares: Callable[[int, int], list[float]]) -> None:
        self.shares = shares
        self.sampling: Float64Array = np.empty(0)
        self.others: tuple[int, int] = (0, 0)

    def fit(
        self, _profiles: WindowFeatures, sampling: Float64Array, n_classes: int, seed: int
    ) -> tuple[FakeEnsemble, tuple[()]]:
        self.sampling, self.others = sampling, (n_classes, seed)
        return self, ()

    def member(self, row: int) -> Callable[[torch.Tensor], tuple[torch.Tensor, None]]:
        def answer(windows: torch.Tensor) -> tuple[torch.Tensor, None]:
            groups = windows[0, :, 0].int().tolist()
            shares = np.array([[self.shares(row, group) for group in groups]])
            # A network's logits are known up to a constant.
            return torch.from_numpy(np.log(shares) + 3.0), None

        return answer


def windows(counts: list[int], singer: np.ndarray) -> WindowFeatures:
    """So many windows of each source group."""
    groups = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    labels = singer[groups].astype(np.int32)
    return WindowFeatures(groups[:, None].astype(np.float32), labels, groups)


def three_shares(row: int, group: int) -> list[float]:
    share = (HELD | OF_KNOWN | OF_STRANGERS)[row, group]
    return [share if one == SINGER[group] else (1 - share) / 2 for one in range(3)]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeEnsemble:
    made = FakeEnsemble(three_shares)
    monkeypatch.setattr(calibration, "fit_ensemble", made.fit)
    return made


def test_calibration_of_known_answers(fake: FakeEnsemble) -> None:
    found = calibrate(windows(COUNTS, SINGER), 3, seed=7)
    assert found is not None
    # Two decisions on group 0 and one on each of 1, 2 and 3, all right with .8.
    assert found.votes == 5
    # Four groups: the label has a chance of 5 in 6, ten times that of either other singer.
    assert found.temperature == pytest.approx(math.log(8) / math.log(10), rel=1e-3)
    assert found.error_before == pytest.approx(0.2, abs=1e-6)
    assert found.error_after == pytest.approx(1 / 6, abs=1e-4)
    # Known .9, .8 twice, .7 and .6; strangers .75, .65, .55, .5 twice and .45. At .7 one of five
    # is missed, and one of six comes in.
    assert found.unknown_below == pytest.approx(0.7, abs=1e-6)
    assert found.unknown_error == pytest.approx((1 / 5 + 1 / 6) / 2, abs=1e-9)
    assert fake.others == (3, 7)


def test_what_each_network_of_the_calibration_is_trained_on(fake: FakeEnsemble) -> None:
    profiles = windows(COUNTS, SINGER)
    calibrate(profiles, 3)
    heard = [np.unique(profiles.groups[row > 0]).tolist() for row in fake.sampling]
    # Without the first or second group of the singers who have two; then, beside it, without
    # singer 0, 1 or 2.
    assert heard == [[1, 3, 4], [0, 2, 4], [3, 4], [0, 4], [1, 3]]
    # Singers weigh alike, whatever the number of their windows, and so do windows of a group.
    first = fake.sampling[0]
    assert [first[profiles.groups == group].sum() for group in range(5)] == pytest.approx(
        [0, 1 / 3, 0, 1 / 3, 1 / 3]
    )
    np.testing.assert_allclose(first[profiles.groups == 3], 1 / 9)


def test_what_is_known_beside_the_sound_counts_in_every_decision(fake: FakeEnsemble) -> None:
    withheld = withhold(windows(COUNTS, SINGER), 3)
    assert withheld is not None
    asked = []

    def certain(runs: Float64Array, group: int, unseen: np.ndarray) -> Float64Array:
        asked.append((len(runs), group, np.unique(withheld.profiles.groups[unseen]).tolist()))
        return np.tile([0.98, 0.01, 0.01], (len(runs), 1))

    found = calibration_of(withheld, certain)
    draws = [(2, 0, [0, 2]), (1, 2, [0, 2]), (1, 1, [1, 3]), (1, 3, [1, 3])]
    same = [(1, 2, [0, 1, 2]), (1, 1, [1, 2, 3]), (2, 0, [0, 2, 4]), (1, 2, [0, 2, 4])]
    other = [(2, 0, [0, 1, 2]), (1, 1, [0, 1, 2]), (1, 2, [1, 2, 3]), (1, 3, [1, 2, 3])]
    assert asked == [*draws, *same, *other, (1, 4, [0, 2, 4])]
    # Of the five decisions three are on the first singer, and all are 98 % sure of that one.
    assert found.error_before == pytest.approx(0.98 - 3 / 5)
    # Known singers and strangers look alike.
    assert found.unknown_error == 0.5


def test_of_more_than_ten_singers_ten_parts_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Singer 0 has two groups, the other twelve have one."""
    singer = np.array([0, *range(13)])

    def even(_row: int, group: int) -> list[float]:
        return [0.4 if singer[group] == one else 0.05 for one in range(13)]

    fake = FakeEnsemble(even)
    monkeypatch.setattr(calibration, "fit_ensemble", fake.fit)
    found = calibrate(windows([1] * 14, singer), 13)
    assert found is not None
    assert found.votes == 2
    absent = [sorted({*range(13)} - {*singer[row > 0].tolist()}) for row in fake.sampling]
    assert absent[:2] == [[], []]
    assert absent[2:5] == [[0, 10], [1, 11], [2, 12]]
    assert absent[5:] == [[one] for one in range(3, 10)]


def test_two_singers_or_single_groups_are_not_calibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> NoReturn:
        raise AssertionError("nothing is trained")

    monkeypatch.setattr(calibration, "fit_ensemble", never)
    assert calibrate(windows([2, 2, 2, 2], np.array([0, 0, 1, 1])), 2) is None
    assert calibrate(windows([2, 2, 2, 2], np.arange(4)), 4) is None


def test_the_rest_of_the_expectation_is_shared_evenly() -> None:
    expected = smoothed_labels(np.array([2, 0]), 4, 2)
    assert expected.tolist() == [
        pytest.approx([1 / 12, 1 / 12, 3 / 4, 1 / 12]),
        pytest.approx([3 / 4, 1 / 12, 1 / 12, 1 / 12]),
    ]


def test_rows_are_sharpened_each_by_itself() -> None:
    rows = [[0.8, 0.2], [0.5, 0.5], [0.25, 0.75]]
    # Squares of 4 to 1 are 16 to 1, of 1 to 3 are 1 to 9.
    expected = [[16 / 17, 1 / 17], [0.5, 0.5], [0.1, 0.9]]
    np.testing.assert_allclose(apply_temperature(rows, 0.5), expected, rtol=1e-12)


def test_what_has_no_chance_is_taken_as_one_in_a_million_millions() -> None:
    np.testing.assert_allclose(apply_temperature([0.0, 1.0], 1.0), [1e-12, 1.0], rtol=1e-9)
    # A cube root is one in ten thousand.
    np.testing.assert_allclose(
        apply_temperature([0.0, 1.0], 3.0), np.array([1e-4, 1.0]) / 1.0001, rtol=1e-9
    )
    # No power overflows: 1e12 to the power of 100 would.
    assert apply_temperature([[0.0, 1.0], [1.0, 0.0]], 0.01).tolist() == [[0.0, 1.0], [1.0, 0.0]]
    # Nor does one vanish where nobody is likely: a hundredth to the power of 200 would.
    assert apply_temperature(np.full(100, 0.01), 0.01).tolist() == pytest.approx([0.01] * 100)


def test_certain_answers_are_flattened_to_platts_chance() -> None:
    probabilities = np.array([[1.0, 0.0], [0.0, 1.0]])
    # 99 in 100: odds of a million millions to the power of 1/T are 99.
    found = fit_temperature(probabilities, np.array([0, 1]), 98)
    assert found == pytest.approx(12 * math.log(10) / math.log(99), rel=1e-3)


def test_the_labels_that_are_wrong_count_in_the_temperature() -> None:
    probabilities = np.tile([0.9, 0.1], (4, 1))
    # With two groups a label has a chance of .75: 3 * .75 + .25 of 4 is .625, odds of 5 to 3.
    found = fit_temperature(probabilities, np.array([0, 0, 1, 0]), 2)
    assert found == pytest.approx(math.log(9) / math.log(5 / 3), rel=1e-3)
