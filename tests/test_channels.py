"""Channels: which is listened to, and what is said where the mean loses them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cantaor.errors import ArgumentError, AudioError
from cantaor.io.audio import open_audio, read_audio, write_audio
from cantaor.io.channels import parse_channel
from tests.recordings import RATE, voice


def stereo(path: Path, left: np.ndarray, right: np.ndarray) -> Path:
    write_audio(path, np.stack([left, right], axis=1).astype("f4"), RATE)
    return path


def test_every_name_of_a_channel(tmp_path: Path) -> None:
    left, right = 0.2 * voice(0.5), 0.7 * voice(0.5)
    path = stereo(tmp_path / "a.wav", left, right)
    for channel, expected in (
        ("mean", (left + right) / 2),
        ("left", left),
        ("first", left),
        ("right", right),
        ("loudest", right),
        (1, right),
    ):
        got = read_audio(path, channel=channel).samples
        np.testing.assert_allclose(got, expected, atol=1e-4)
    write_audio(tmp_path / "mono.wav", left, RATE)
    for channel in ("left", "right", "first", "loudest"):
        np.testing.assert_allclose(
            read_audio(tmp_path / "mono.wav", channel=channel).samples, left, atol=1e-4
        )
    for wrong in ("centre", -1, True, 1.5):
        with pytest.raises(ArgumentError, match="channel must be"):
            read_audio(path, channel=wrong)  # type: ignore[arg-type]
    assert [parse_channel(text) for text in ("left", "3", None)] == ["left", 3, None]


@pytest.mark.parametrize("leak", [0.0, 0.05])
def test_channels_that_cancel_are_said(leak: float, tmp_path: Path) -> None:
    sound = voice(0.5)
    path = stereo(tmp_path / "a.wav", sound, (leak - 1) * sound)
    audio = read_audio(path)
    assert "cancel in the mean: left -" in audio.warnings[0]
    assert read_audio(path, channel="left").warnings == ()


def test_a_silent_channel_or_two_voices_do_not_cancel(tmp_path: Path) -> None:
    sound = voice(0.5)
    assert read_audio(stereo(tmp_path / "a.wav", sound, 0 * sound)).warnings == ()
    assert read_audio(stereo(tmp_path / "b.wav", sound, voice(0.5, seed=9)[::-1])).warnings == ()


def test_an_error_about_silence_says_why(tmp_path: Path) -> None:
    sound = voice(0.5)
    path = stereo(tmp_path / "a.wav", sound, -sound)

    def use() -> None:
        with open_audio(path) as stream:
            for _ in stream.blocks():
                pass
            raise AudioError(f"{path}: silent")

    with pytest.raises(AudioError, match=r"a\.wav: silent; its channels cancel .* mean -9"):
        use()
