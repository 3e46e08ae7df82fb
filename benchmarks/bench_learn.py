"""Features, networks and training: the answer is asserted, then timed.

Run with ``pytest benchmarks/bench_learn.py``. Ratios are taken between minima of interleaved runs
on one thread, so that a busy machine does not decide them; each is printed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import librosa
import numpy as np
import pytest
import torch
from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

from cantaor.learn.data.clips import ClipSet
from cantaor.learn.evaluation.evaluation import predict
from cantaor.learn.features.spectrograms import LogMel, Mfcc, Spectrogram
from cantaor.learn.networks import MODELS
from cantaor.learn.networks.classifier import SingerClassifier
from cantaor.learn.training.settings import TrainingSettings
from cantaor.learn.training.train import train

CLIPS, SAMPLES, RATE = 64, 4_800, 16_000


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def waveforms() -> torch.Tensor:
    """Clips of 0.3 s: tones with overtones and noise."""
    return torch.from_numpy(tones(CLIPS, 0)[0])


def tones(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """float32 (count, SAMPLES) and the singer, 0..4, that decides the overtones."""
    rng = np.random.default_rng(seed)
    singer = np.arange(count) % 5
    moment = np.arange(SAMPLES) / RATE
    f0 = rng.uniform(150, 400, (count, 1))
    clips = rng.standard_normal((count, SAMPLES)) * 0.01
    for k in range(1, 16):
        clips += 0.1 * np.sin(2 * np.pi * k * f0 * moment) / k ** (0.4 + 0.3 * singer[:, None])
    return clips.astype(np.float32), singer


def fastest(*functions: Callable[[], object], rounds: int = 5) -> list[float]:
    """Least seconds of processor time of each, in turns."""
    seconds = [float("inf")] * len(functions)
    for _ in range(rounds):
        for index, function in enumerate(functions):
            start = time.process_time()
            function()
            seconds[index] = min(seconds[index], time.process_time() - start)
    return seconds


def librosa_log_mel(clip: np.ndarray) -> np.ndarray:
    mel = librosa.feature.melspectrogram(
        y=clip, sr=RATE, n_fft=512, hop_length=160, win_length=400, pad_mode="constant"
    )
    return librosa.power_to_db(mel, ref=np.max)


@pytest.mark.parametrize("kind", [LogMel, Mfcc, Spectrogram])
def test_features(kind, waveforms, benchmark):
    module = kind()
    benchmark.extra_info["clips"] = CLIPS
    images = benchmark(lambda: module(waveforms, frames=31))
    assert images.shape == (CLIPS, 128, 31)


@pytest.mark.parametrize("kind", ["log-mel", "mfcc"])
def test_features_against_librosa_clip_by_clip(kind, waveforms):
    module = LogMel() if kind == "log-mel" else Mfcc()
    clips = waveforms.numpy()

    def peer() -> list[np.ndarray]:
        images = [librosa_log_mel(clip) for clip in clips]
        if kind == "log-mel":
            return images
        return [librosa.feature.mfcc(S=image, n_mfcc=40) for image in images]

    rows = 128 if kind == "log-mel" else 40
    mine = module(waveforms, frames=31)[:, :rows].numpy()
    np.testing.assert_allclose(mine, np.stack(peer()), atol=0.02)
    seconds = fastest(lambda: module(waveforms, frames=31), peer)
    print(f"\n{kind}: {seconds[1] / seconds[0]:.1f} times librosa clip by clip")
    assert seconds[1] >= 5 * seconds[0]


def test_features_against_torchaudio_in_one_batch():
    clips = torch.from_numpy(tones(256, 0)[0])
    mel = MelSpectrogram(
        RATE, 512, 400, 160, n_mels=128, norm="slaney", mel_scale="slaney", pad_mode="constant"
    )
    module, decibels = LogMel(), AmplitudeToDB(top_db=80.0)
    with torch.inference_mode():
        theirs = decibels(mel(clips[:, None]))[:, 0]
        theirs -= theirs.amax((1, 2), keepdim=True)
        torch.testing.assert_close(module(clips, frames=31), theirs, atol=0.02, rtol=0)
        seconds = fastest(lambda: module(clips, frames=31), lambda: decibels(mel(clips)), rounds=15)
    print(f"\nlog-mel: {seconds[1] / seconds[0]:.2f} times torchaudio in one batch")
    assert seconds[1] >= 1.5 * seconds[0]


@pytest.mark.parametrize("name", MODELS)
@torch.inference_mode()
def test_length_aware_against_padded(name, waveforms):
    torch.manual_seed(0)
    aware = SingerClassifier(name, "log-mel", 5, width=8).eval()
    padded = SingerClassifier(name, "log-mel", 5, width=8, padded=True).eval()
    padded.load_state_dict(aware.state_dict())
    features, _ = aware(waveforms)
    silence = torch.nn.functional.pad(waveforms, (0, 30_000))
    alone, _ = aware(silence, torch.full((CLIPS,), SAMPLES))
    torch.testing.assert_close(features, alone, atol=1e-5, rtol=0)
    assert padded(waveforms)[0].shape == features.shape
    seconds = fastest(lambda: aware(waveforms), lambda: padded(waveforms), rounds=3)
    print(
        f"\n{name}: {CLIPS / seconds[0]:.0f} clips/s, "
        f"{seconds[1] / seconds[0]:.1f} times the padded network"
    )
    assert seconds[1] >= 5 * seconds[0]


def test_a_small_network_trains_well_under_a_minute():
    subsets = []
    for seed, count in ((0, 2_000), (1, 200), (2, 400)):
        clips, singer = tones(count, seed)
        subsets.append(ClipSet.from_arrays(list(clips), singer, ["a", "b", "c", "d", "e"]))
    settings = TrainingSettings(width=4, epochs=4, lr=0.003, device="cpu")
    start = time.process_time()
    trained = train(subsets[0], subsets[1], settings)
    seconds = time.process_time() - start
    probabilities, _ = predict(trained, subsets[2], device="cpu")
    accuracy = float(np.mean(probabilities.argmax(axis=1) == subsets[2].labels))
    print(f"\n2,000 clips, {len(trained.history)} epochs: {seconds:.0f} s, {accuracy:.3f} right")
    assert accuracy > 0.9
    assert seconds < 60
