"""The recipe for recordings never heard: its features, training, calibration and gallery."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from cantaor.errors import ArgumentError, ModelError
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.evaluation.evaluation import evaluate
from cantaor.learn.export.bundle import Bundle, load_bundle, save_bundle
from cantaor.learn.identification.calibration import (
    apply_temperature,
    calibrate,
    fit_temperature,
    split_into_decisions,
)
from cantaor.learn.identification.enrolment import (
    backend_from_bundle,
    backend_parts,
    enrol,
    make_backend,
    merge_enrolled,
)
from cantaor.learn.identification.evidence import ClipPredictions
from cantaor.learn.identification.identification import aggregate_clips
from cantaor.learn.networks.ensemble import PROFILE_RATE, MeanSpectralFeatures
from cantaor.learn.training.ensemble_training import balanced_sampling_probabilities, fit_ensemble
from cantaor.learn.training.recipes import recipe_settings
from cantaor.learn.training.settings import TrainingSettings
from cantaor.learn.training.train import train
from cantaor.learn.training.trained_model import TrainedModel
from cantaor.learn.training.window_features import (
    WINDOW,
    WindowFeatures,
    extract_window_features,
    windows_of,
)
from cantaor.metrics.calibration_error import expected_calibration_error

SINGERS = ("a", "b", "c")


def sung(formant: float, channel: float, rng: np.random.Generator, samples: int) -> np.ndarray:
    """Harmonics under one resonance, through a tilt that is the recording's own."""
    moment = np.arange(samples) / PROFILE_RATE
    f0 = rng.uniform(180, 320)
    hz = f0 * np.arange(1, int(10_000 / f0))
    level = np.exp(-(((hz - formant) / 500) ** 2)) + 0.05
    level *= (hz / 1000) ** channel
    phase = rng.uniform(0, 6, hz.size)[:, None]
    sound = level @ np.sin(2 * np.pi * hz[:, None] * moment + phase)
    return (sound + 0.001 * rng.standard_normal(samples)).astype(np.float32)


def clips(groups: tuple[int, ...], seed: int, each: int = 25, samples: int = WINDOW) -> ClipSet:
    """Three singers; group g of each has its own channel."""
    rng = np.random.default_rng(seed)
    cut, labels, group = [], [], []
    for singer in range(3):
        for g in groups:
            for _ in range(each):
                channel = (-0.6, 0.0, 0.5, -0.3)[(g + singer) % 4]
                cut.append(sung(1500 + 1200 * singer, channel, rng, samples))
                labels.append(singer)
                group.append(singer * 4 + g)
    names = [f"{SINGERS[i // 4]}-{i % 4}" for i in range(12)]
    return ClipSet.from_arrays(cut, labels, SINGERS, names, group)


@pytest.fixture(scope="module")
def learned() -> ClipSet:
    return clips((0, 1, 2), seed=1)


@pytest.fixture(scope="module")
def trained(learned: ClipSet) -> TrainedModel:
    empty = learned.select([])
    return train(learned, empty, recipe_settings("robust", device="cpu"))


@pytest.fixture(scope="module")
def bundle(trained: TrainedModel, learned: ClipSet) -> Bundle:
    arrays, extra = backend_parts(make_backend(trained, learned))
    return Bundle(trained, arrays, {"data": "clips", **extra})


def predicted(bundle: Bundle, sounds: ClipSet) -> ClipPredictions:
    waveforms, lengths = sounds.batch(np.arange(len(sounds)))
    with torch.inference_mode():
        probabilities, embeddings = bundle.trained.module(
            torch.from_numpy(waveforms), torch.from_numpy(lengths)
        )
    moments = np.arange(len(sounds), dtype=np.float64)
    motifs = ((1, -1),) * len(sounds)
    return ClipPredictions(
        "x",
        motifs,
        moments,
        moments + 0.2,
        probabilities.numpy(),
        embeddings.numpy(),
        backend_from_bundle(bundle),
    )


def test_a_profile_is_of_the_clip_alone() -> None:
    rng = np.random.default_rng(0)
    profile = MeanSpectralFeatures()
    short, long = (torch.from_numpy(sung(2000, 0, rng, n)) for n in (3_000, 6_000))
    alone = profile(short[None], torch.tensor([3_000]))
    batch = torch.zeros(2, 6_000)
    batch[0, :3_000], batch[1] = short, long
    batch[0, 3_000:] = 7.0
    together = profile(batch, torch.tensor([3_000, 6_000]))
    assert together.shape == (2, profile.size)
    torch.testing.assert_close(together[:1], alone, atol=2e-4, rtol=0)
    assert torch.isfinite(profile(torch.zeros(1, 40), torch.tensor([40]))).all()


def test_level_does_not_change_a_profile_and_tilt_little() -> None:
    rng = np.random.default_rng(1)
    profile, length = MeanSpectralFeatures(), torch.tensor([WINDOW])
    sound = torch.from_numpy(sung(2000, 0, rng, WINDOW))[None]
    plain = profile(sound, length)
    torch.testing.assert_close(profile(0.01 * sound, length), plain, atol=1e-3, rtol=0)
    spectrum = torch.fft.rfft(sound)
    tilt = 10 ** (-3 * torch.log2(torch.arange(1, spectrum.shape[-1] + 1) / 100) / 20)
    tilted = profile(torch.fft.irfft(spectrum * tilt, n=WINDOW), length)
    other = profile(torch.from_numpy(sung(3200, 0, rng, WINDOW))[None], length)
    cepstra = slice(0, 36)
    assert (tilted - plain)[:, cepstra].norm() < 0.4 * (other - plain)[:, cepstra].norm()


def test_windows_lie_in_the_middle_of_their_clip() -> None:
    sounds = ClipSet.from_arrays(
        [np.zeros(2 * WINDOW + 100), np.zeros(50), np.zeros(WINDOW + 11)], [0, 1, 1], SINGERS
    )
    source, starts, sizes = windows_of(sounds)
    assert source.tolist() == [0, 0, 1, 2]
    first = 2 * WINDOW + 100
    assert starts.tolist() == [50, 50 + WINDOW, first, first + 50 + 5]
    assert sizes.tolist() == [WINDOW, WINDOW, 50, WINDOW]


def test_groups_and_singers_weigh_the_same() -> None:
    labels = np.array([0] * 90 + [0] * 10 + [1] * 5)
    groups = np.array([0] * 90 + [1] * 10 + [2] * 5)
    sampling = balanced_sampling_probabilities(labels, groups)
    assert sampling.sum() == pytest.approx(1)
    assert [sampling[groups == g].sum() for g in range(3)] == pytest.approx([0.25, 0.25, 0.5])


def test_singers_are_recognised_through_channels_never_heard(trained: TrainedModel) -> None:
    result = evaluate(trained, clips((3,), seed=2), "group", device="cpu")
    assert result.balanced_accuracy > 0.9
    assert result.recording_accuracy == 1


def test_the_seed_decides_and_the_batch_does_not(learned: ClipSet) -> None:
    one, other = extract_window_features(learned), extract_window_features(learned, batch=7)
    np.testing.assert_allclose(one.values, other.values, atol=2e-4)
    sampling = balanced_sampling_probabilities(one.labels, one.groups)[None]
    first, _ = fit_ensemble(one, sampling, 3, seed=4)
    again, _ = fit_ensemble(one, sampling, 3, seed=4)
    assert torch.equal(first.first, again.first)


def test_a_member_knows_nothing_of_windows_without_a_chance(learned: ClipSet) -> None:
    whole = extract_window_features(learned)
    known = whole.groups % 4 != 2
    sampling = np.zeros((1, known.size))
    sampling[0, known] = balanced_sampling_probabilities(whole.labels[known], whole.groups[known])
    values = whole.values.copy()
    values[~known] = 1e3
    first, _ = fit_ensemble(whole, sampling, 3)
    second, _ = fit_ensemble(WindowFeatures(values, whole.labels, whole.groups), sampling, 3)
    assert torch.equal(first.second, second.second)
    assert torch.equal(first.mean, second.mean)


def test_one_singer_cannot_be_trained(learned: ClipSet) -> None:
    with pytest.raises(ArgumentError, match="at least 2 singers"):
        train(learned.select(learned.labels == 0), learned.select([]), recipe_settings("robust"))
    with pytest.raises(ArgumentError, match="go together"):
        TrainingSettings(model="profile")


def test_the_model_comes_back_with_all_it_keeps(bundle: Bundle, tmp_path) -> None:
    saved = save_bundle(tmp_path / "m", bundle.trained, bundle.arrays, bundle.extra)
    again = load_bundle(saved)
    sounds = clips((3,), seed=3, each=2)
    assert aggregate_clips(predicted(again, sounds), SINGERS).to_json() == (
        aggregate_clips(predicted(bundle, sounds), SINGERS).to_json()
    )


def test_temperature_makes_unsure_answers_surer_but_never_certain() -> None:
    probabilities = np.array([[0.6, 0.4]] * 8)
    labels = np.zeros(8, np.int64)
    sharp = fit_temperature(probabilities, labels, independent=8)
    assert sharp < 1
    assert apply_temperature(probabilities, sharp)[0, 0] == pytest.approx(0.9, abs=0.02)
    blunt = fit_temperature(np.array([[0.99, 0.01]] * 4), np.array([0, 0, 1, 1]), 4)
    assert blunt > 1


def test_expected_calibration_error() -> None:
    assert expected_calibration_error([0.9] * 10, [True] * 5 + [False] * 5) == pytest.approx(0.4)
    assert expected_calibration_error([1.0, 0.0], [True, False]) == 0
    with pytest.raises(ArgumentError, match=r"probability \(0\)"):
        expected_calibration_error([], [])


def test_decisions_are_geometric_means_of_neighbours() -> None:
    probabilities = np.array([[0.8, 0.2], [0.2, 0.8]])[np.arange(50) % 2]
    assert split_into_decisions(probabilities, 20).shape == (2, 2)
    # 0.8 * 0.2 * 0.8 to 0.2 * 0.8 * 0.2, each to the power of 1/3.
    odds = 4 ** (1 / 3)
    expected = [[odds / (1 + odds), 1 / (1 + odds)]]
    np.testing.assert_allclose(split_into_decisions(probabilities[:3], 20), expected, rtol=1e-6)


def test_calibration_needs_a_second_group(learned: ClipSet) -> None:
    profiles = extract_window_features(learned)
    found = calibrate(profiles, 3)
    assert found is not None
    assert found.votes >= 9
    # All these votes are right: nine groups do not allow to be surer than ten in eleven.
    assert found.error_before < found.error_after < 2 / 11
    assert 0 <= found.unknown_error <= 1
    assert 0 < found.unknown_below <= 1
    alone = WindowFeatures(profiles.values, profiles.labels, profiles.labels)
    assert calibrate(alone, 3) is None


def test_an_enrolled_singer_is_found_in_another_channel(bundle: Bundle) -> None:
    rng = np.random.default_rng(5)

    def new(channel: float) -> ClipSet:
        cut = [sung(6_000, channel, rng, WINDOW) for _ in range(20)]
        return ClipSet.from_arrays(cut, [-1] * 20, SINGERS)

    before = aggregate_clips(predicted(bundle, new(0.4)), SINGERS)
    assert before.calibrated
    known = enrol(bundle, "d", [predicted(bundle, new(-0.4)).embeddings])
    after = aggregate_clips(predicted(known, new(0.4)), SINGERS)
    assert after.ranked[0].singer == "d"
    assert after.unknown is False
    assert sum(one.probability for one in after.ranked) == pytest.approx(1, abs=1e-6)
    assert after.evidence[0].probability > 0.5
    own = clips((3,), seed=8, each=8)
    for singer in range(3):
        result = aggregate_clips(predicted(known, own.select(own.labels == singer)), SINGERS)
        assert result.ranked[0].singer == SINGERS[singer]
    assert json.loads(json.dumps(after.to_json()))["singer"] == "d"
    again = enrol(known, "d", [predicted(bundle, new(0.0)).embeddings])
    gallery = backend_from_bundle(again).gallery
    assert gallery is not None
    assert gallery.names == ("d",)


def test_what_cannot_be_enrolled(bundle: Bundle) -> None:
    clip = np.ones((2, 96))
    with pytest.raises(ArgumentError, match="must be a new name"):
        enrol(bundle, "a", [clip])
    with pytest.raises(ArgumentError, match="without clips"):
        enrol(bundle, "d", [])
    with pytest.raises(ModelError, match="recipe 'robust'"):
        enrol(Bundle(bundle.trained, {}, {}), "d", [clip])


def test_without_enrolled_singers_shares_stay(bundle: Bundle) -> None:
    gallery = backend_from_bundle(bundle).gallery
    assert gallery is not None
    probabilities = np.array([0.2, 0.3, 0.5])
    np.testing.assert_array_equal(
        merge_enrolled(probabilities, np.ones(96), gallery), probabilities
    )


def test_evidence_is_of_different_moments() -> None:
    """Cuts of one passage are one piece of evidence, as they are one family in the tables."""
    motifs = ((1, 2), (1, 2, 3), (2, 3), (4, 5), (4,), (6,))
    probabilities = np.array(
        [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.5, 0.5], [0.4, 0.6]]
    )
    made = ClipPredictions(
        path="song",
        motifs=motifs,
        start_s=np.array([1.0, 1.0, 1.2, 5.0, 5.1, 9.0]),
        end_s=np.array([1.5, 1.8, 1.8, 5.6, 5.3, 9.4]),
        probabilities=probabilities.astype(np.float32),
        embeddings=np.zeros((6, 2), np.float32),
    )
    found = aggregate_clips(made, ("a", "b"))
    assert found.ranked[0].singer == "a"
    assert [(one.motif, one.members) for one in found.evidence] == [
        ((1, 2), ((1, 2, 3), (2, 3))),
        ((4, 5), ((4,),)),
        ((6,), ()),
    ]
    assert found.to_json()["evidence"][0]["members"] == [[1, 2, 3], [2, 3]]
