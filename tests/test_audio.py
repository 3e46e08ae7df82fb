"""Decoding: formats, rates, channels, and files that are not what they claim."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cantaor.errors import ArgumentError, AudioError
from cantaor.io.audio import probe, read_audio, resample, write_audio
from cantaor.types import Audio


def tone(rate: int, seconds: float = 0.5, hz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype("f4")


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_every_format_decodes_to_mono(tmp_path: Path, suffix: str, channels: int) -> None:
    if suffix == ".mp3" and channels > 2:
        channels = 2  # MP3 has no more
    samples = np.repeat(tone(44100)[:, None], channels, axis=1)
    write_audio(tmp_path / f"a{suffix}", samples, 44100)
    audio = read_audio(tmp_path / f"a{suffix}")
    assert audio.samples.dtype == np.float32
    assert audio.samples.ndim == 1
    assert audio.duration_s == pytest.approx(0.5, abs=0.06)
    peak = np.abs(np.fft.rfft(audio.samples)).argmax() / audio.duration_s
    assert peak == pytest.approx(440, abs=3)


@pytest.mark.parametrize("rate", [8000, 22050, 48000, 96000])
def test_resampling_keeps_time_and_pitch(rate: int) -> None:
    out = resample(Audio(tone(rate), rate), 16000)
    assert out.sample_rate == 16000
    assert out.samples.size == 8000
    middle = slice(1000, -1000)
    np.testing.assert_allclose(out.samples[middle], tone(16000)[middle], atol=2e-3)


def test_channel_choice(tmp_path: Path) -> None:
    stereo = np.stack([np.full(10, 0.5), np.zeros(10)], axis=1).astype("f4")
    write_audio(tmp_path / "a.wav", stereo, 8000)
    assert read_audio(tmp_path / "a.wav").samples[0] == pytest.approx(0.25, abs=1e-3)
    assert read_audio(tmp_path / "a.wav", channel=0).samples[0] == pytest.approx(0.5, abs=1e-3)
    with pytest.raises(ArgumentError, match="below 2"):
        read_audio(tmp_path / "a.wav", channel=2)


def test_long_file_crosses_blocks(tmp_path: Path, rng: np.random.Generator) -> None:
    samples = rng.uniform(-1, 1, (1 << 18) + 7).astype("f4")
    soundfile.write(tmp_path / "a.wav", samples, 44100, subtype="FLOAT")
    np.testing.assert_array_equal(read_audio(tmp_path / "a.wav").samples, samples)
    assert probe(tmp_path / "a.wav").frames == samples.size


def test_bad_files_name_themselves_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("not audio at all, whatever the name says")
    soundfile.write(tmp_path / "zero.wav", np.zeros(0, "f4"), 44100)
    soundfile.write(tmp_path / "nan.wav", np.full(9, np.nan, "f4"), 44100, subtype="FLOAT")
    for name, reason in [
        ("missing.wav", "no such file"),
        (".", "not a file"),
        ("empty.wav", "empty"),
        ("text.wav", "not readable as audio"),
        ("zero.wav", "no audio"),
        ("nan.wav", "9 of 9 samples are NaN"),
    ]:
        with pytest.raises(AudioError, match=reason) as caught:
            read_audio(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def test_truncated_flac_is_an_error(tmp_path: Path, rng: np.random.Generator) -> None:
    write_audio(tmp_path / "a.flac", rng.uniform(-0.5, 0.5, 200_000).astype("f4"), 44100)
    whole = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AudioError, match=r"cut\.flac"):
        read_audio(tmp_path / "cut.flac")


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="cannot be written"):
        write_audio(tmp_path / "a.xyz", np.zeros(4, "f4"), 8000)
    with pytest.raises(AudioError, match="cannot be written"):
        write_audio(tmp_path / "missing" / "a.wav", np.zeros(4, "f4"), 8000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("after_s", [0.002, 0.004, 0.006])
def test_ctrl_c_is_not_lost_while_a_file_is_encoded(
    after_s: float, tmp_path: Path, rng: np.random.Generator
) -> None:
    samples = rng.uniform(-0.5, 0.5, 400_000).astype(np.float32)

    timer = threading.Timer(after_s, os.kill, (os.getpid(), signal.SIGINT))

    def write_often() -> None:
        timer.start()  # On a busy machine the signal may come before this returns.
        for _ in range(200):
            write_audio(tmp_path / "noise.flac", samples, 44100)

    with pytest.raises(KeyboardInterrupt):
        write_often()
    timer.join()


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
@pytest.mark.parametrize("channels", [1, 2])
def test_written_files_are_those_of_soundfile(
    suffix: str, channels: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    samples = rng.uniform(-0.5, 0.5, (4410, channels)).astype(np.float32)
    samples = samples[:, 0] if channels == 1 else samples
    write_audio(tmp_path / f"ours{suffix}", samples, 44100)
    soundfile.write(tmp_path / f"theirs{suffix}", samples, 44100)
    ours, theirs = (soundfile.read(tmp_path / f"{name}{suffix}")[0] for name in ("ours", "theirs"))
    np.testing.assert_array_equal(ours, theirs)
