"""Calibrated probabilities, and the threshold below which a singer is unknown.

Both are fitted on source groups and singers that a network of the same kind was not trained on;
the network that is kept has seen all of them.

References
----------
Guo, C. et al. (2017). On calibration of modern neural networks. ICML (temperature, expected
calibration error). Platt, J. (1999). Probabilistic outputs for support vector machines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from cantaor.learn.evaluation.voting import aggregate_probabilities
from cantaor.learn.networks.ensemble import MLPEnsemble
from cantaor.learn.training.ensemble_training import balanced_sampling_probabilities, fit_ensemble
from cantaor.learn.training.window_features import WindowFeatures
from cantaor.metrics.calibration_error import expected_calibration_error
from cantaor.metrics.verification import equal_error_rate
from cantaor.types import Float64Array, Int32Array, Int64Array

BoolArray: TypeAlias = NDArray[np.bool_]
Refine: TypeAlias = Callable[[Float64Array, int, BoolArray], Float64Array]

#: Windows averaged for one decision, about the motif clips of half a minute of singing.
WINDOWS_PER_DECISION = 20
# Networks that are trained to leave out singers: so many at most, whatever the number of singers.
_PARTS = 10


@dataclass(frozen=True, slots=True)
class Calibration:
    """What corrects the result that :func:`aggregate_probabilities` gives for a recording.

    Attributes
    ----------
    temperature
        The logarithms of the mean probabilities are divided by it.
    unknown_below
        A recording whose largest mean probability is less is of a singer whom the model does not
        know; where as many known as unknown singers were mistaken.
    unknown_error
        Their share, the equal error rate, 0..1.
    error_before, error_after
        Expected calibration error of the held-out decisions, 0..1; after is optimistic, since the
        temperature was fitted on the same decisions.
    votes
        Number of held-out decisions on known singers, each the mean of about 20 windows.
    """

    temperature: float
    unknown_below: float
    unknown_error: float
    error_before: float
    error_after: float
    votes: int


def apply_temperature(probabilities: ArrayLike, temperature: float) -> Float64Array:
    """Mean probabilities (..., singers), sharpened or flattened; their order stays.

    Examples
    --------
    >>> apply_temperature([0.8, 0.2], 0.5).round(3).tolist()
    [0.941, 0.059]
    """
    level = np.log(np.maximum(np.asarray(probabilities, float), 1e-12)) / temperature
    powered = np.exp(level - level.max(axis=-1, keepdims=True))
    calibrated: Float64Array = powered / powered.sum(axis=-1, keepdims=True)
    return calibrated


def fit_temperature(
    probabilities: Float64Array, labels: Int64Array, independent: int, min_temperature: float = 0.1
) -> float:
    """The temperature from ``min_temperature`` to 10 that makes the labels most likely.

    Parameters
    ----------
    probabilities
        float64 (n, singers), mean probabilities of decisions.
    labels
        int64 (n,), true singers.
    independent
        How many of the decisions are independent: source groups. As in Platt's scaling the label is
        expected with a chance of (independent + 1) / (independent + 2) only, so that a few
        correct decisions do not make the model certain.
    min_temperature
        Smallest temperature.
    """
    expected = smoothed_labels(labels, probabilities.shape[1], independent)

    def negative_log_likelihood(log_temperature: float) -> float:
        calibrated = apply_temperature(probabilities, float(np.exp(log_temperature)))
        return -float(np.mean(np.sum(expected * np.log(calibrated + 1e-12), axis=1)))

    found = minimize_scalar(
        negative_log_likelihood, bounds=(np.log(min_temperature), np.log(10)), method="bounded"
    )
    return float(np.exp(found.x))


def smoothed_labels(labels: Int64Array, singers: int, independent: int) -> Float64Array:
    """What is expected of each decision, float64 (n, singers); see :func:`fit_temperature`.

    Examples
    --------
    >>> smoothed_labels(np.array([1]), 3, 8).round(3).tolist()
    [[0.05, 0.9, 0.05]]
    """
    chance = (independent + 1) / (independent + 2)
    expected = np.full((labels.size, singers), (1 - chance) / (singers - 1))
    expected[np.arange(labels.size), labels] = chance
    return expected


@dataclass(frozen=True, eq=False, slots=True)
class Withheld:
    """Networks that were trained on parts of the training windows.

    Attributes
    ----------
    profiles
        The training windows.
    members
        One network for each row of ``held``, then one for each row of ``left``.
    held
        bool (draws, n), windows of one source group of every singer that has several.
    again
        bool (parts, n), the groups of known singers that are left out beside those of ``left``.
    left
        bool (parts, n), all windows of some singers.
    """

    profiles: WindowFeatures
    members: tuple[MLPEnsemble, ...]
    held: BoolArray
    again: BoolArray
    left: BoolArray

    @property
    def independent(self) -> int:
        """Source groups of known singers that some network has not heard."""
        return int(np.unique(self.profiles.groups[self.held.any(0)]).size)

    def known(self) -> Iterator[tuple[MLPEnsemble, BoolArray, BoolArray]]:
        """Each network of a draw, the windows it has not heard, those of singers that it knows."""
        yield from zip(self.members, self.held, self.held, strict=False)

    def same(self) -> Iterator[tuple[MLPEnsemble, BoolArray, BoolArray]]:
        """The same of networks that do not know some singers."""
        of_parts = self.members[len(self.held) :]
        yield from zip(of_parts, self.again | self.left, self.again & ~self.left, strict=True)

    def other(self) -> Iterator[tuple[MLPEnsemble, BoolArray, BoolArray]]:
        """The same with the windows of the singers that they do not know."""
        of_parts = self.members[len(self.held) :]
        yield from zip(of_parts, self.again | self.left, self.left, strict=True)

    def probabilities(self, member: MLPEnsemble, windows: BoolArray) -> Float64Array:
        """What a network says of some windows, float64 (windows, singers)."""
        values = torch.from_numpy(self.profiles.values[windows])
        with torch.inference_mode():
            logits, _ = member(values[None])
            probabilities: Float64Array = logits[0].softmax(-1).double().numpy()
        return probabilities


def withhold(profiles: WindowFeatures, n_classes: int, seed: int = 0) -> Withheld | None:
    """Train on parts of the training clips, to be tested on the rest.

    Every singer with two or more source groups gives up one of them in turn, and every singer is
    left out once: alone, or where there are more than ten, with as many others as make ten parts.

    Parameters
    ----------
    profiles
        The training windows.
    n_classes
        Singers.
    seed
        As for training.

    Returns
    -------
    Withheld, or None where nobody has two source groups or there are fewer than three singers.
    """
    held = held_out(profiles)
    singers = np.unique(profiles.labels)
    if not held.any() or singers.size < 3:
        return None
    left = _left_out(profiles, singers)
    again = held[np.arange(len(left)) % len(held)]
    ensemble = _fit_without(profiles, np.concatenate([held, again | left]), n_classes, seed)
    members = tuple(ensemble.member(row) for row in range(len(held) + len(left)))
    return Withheld(profiles, members, held, again, left)


def calibrate(profiles: WindowFeatures, n_classes: int, seed: int = 0) -> Calibration | None:
    """Temperature and threshold, by :func:`withhold`; None where nothing can be left out."""
    withheld = withhold(profiles, n_classes, seed)
    return None if withheld is None else calibration_of(withheld)


def calibration_of(withheld: Withheld, more: Refine | None = None) -> Calibration:
    """Temperature and threshold that networks need for what they have not heard.

    Parameters
    ----------
    withheld
        The networks.
    more
        Called with the results of runs of windows, their source group, and the windows that the
        network has not heard; gives the results that count. None: those of the network.
    """
    known, labels = _decisions(withheld, withheld.known(), more)
    temperature = fit_temperature(known, labels, withheld.independent)
    same, _ = _decisions(withheld, withheld.same(), more)
    other, _ = _decisions(withheld, withheld.other(), more)
    point = equal_error_rate(same.max(axis=1), other.max(axis=1))
    right = known.argmax(axis=1) == labels
    return Calibration(
        temperature=temperature,
        unknown_below=point.threshold,
        unknown_error=point.error,
        error_before=expected_calibration_error(known.max(axis=1), right),
        error_after=expected_calibration_error(
            apply_temperature(known, temperature).max(axis=1), right
        ),
        votes=labels.size,
    )


def split_into_decisions(
    probabilities: Float64Array, windows: int = WINDOWS_PER_DECISION
) -> Float64Array:
    """Results for runs of about ``windows`` windows as for recordings, float64 (runs, singers)."""
    parts = np.array_split(probabilities, max(1, len(probabilities) // windows))
    return np.stack([aggregate_probabilities(part) for part in parts])


def held_out(profiles: WindowFeatures) -> BoolArray:
    """bool (draws, n): each draw holds out one group of every singer that has several."""
    owned = [
        groups
        for singer in np.unique(profiles.labels)
        if (groups := np.unique(profiles.groups[profiles.labels == singer])).size > 1
    ]
    draws = max((groups.size for groups in owned), default=0)
    chosen = [[int(groups[draw % groups.size]) for groups in owned] for draw in range(draws)]
    rows = [np.isin(profiles.groups, groups) for groups in chosen]
    return np.stack(rows) if rows else np.zeros((1, profiles.labels.size), np.bool_)


def _left_out(profiles: WindowFeatures, singers: Int32Array) -> BoolArray:
    """bool (parts, n): each part leaves out some singers, and every singer is in one part."""
    parts = [singers[first::_PARTS] for first in range(min(_PARTS, singers.size))]
    return np.stack([np.isin(profiles.labels, part) for part in parts])


def _fit_without(
    profiles: WindowFeatures, unseen: BoolArray, n_classes: int, seed: int
) -> MLPEnsemble:
    """A perceptron for each row, trained on nothing of what is unseen in it."""
    sampling = np.zeros(unseen.shape)
    for row, kept in zip(sampling, ~unseen, strict=True):
        row[kept] = balanced_sampling_probabilities(profiles.labels[kept], profiles.groups[kept])
    return fit_ensemble(profiles, sampling, n_classes, seed)[0]


def _decisions(
    withheld: Withheld,
    trials: Iterable[tuple[MLPEnsemble, BoolArray, BoolArray]],
    more: Refine | None,
) -> tuple[Float64Array, Int64Array]:
    """Each network's decisions on the windows wanted of it, group by group, and their singers."""
    profiles = withheld.profiles
    decisions, labels = [], []
    for member, unseen, wanted in trials:
        for group in np.unique(profiles.groups[wanted]).tolist():
            mine = wanted & (profiles.groups == group)
            runs = split_into_decisions(withheld.probabilities(member, mine))
            decisions.append(runs if more is None else more(runs, group, unseen))
            labels += [int(profiles.labels[mine][0])] * len(runs)
    return np.concatenate(decisions), np.asarray(labels, np.int64)
