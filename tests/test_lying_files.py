"""Files whose headers lie: read to their real end, and said."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cantaor.errors import AudioError
from cantaor.io.audio import open_audio, probe, read_audio
from cantaor.io.containers.mpeg import broken_frames, mpeg_parts
from tests.recordings import (
    RATE,
    data_size,
    encode,
    encoded,
    endless,
    mp3_frames,
    patch,
    stated_frames,
    voice,
)

SECONDS = 6.0
SAMPLES = voice(SECONDS)


def without_tag(data: bytes) -> bytes:
    return data[mp3_frames(data)[1] :]


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


LIES: dict[str, tuple[str, Callable[[bytes], bytes], float, str]] = {
    "streamed FLAC": ("flac", endless, 6.0, ""),
    "open WAV": ("wav", lambda data: data_size(data, 0), 6.0, r"header 0\.0 s, decoded 6\.0 s"),
    "piped WAV": (
        "wav",
        lambda data: data_size(data, 0xFFFFFFFF),
        6.0,
        r"header 48695\.. s, decoded 6\.0 s",
    ),
    "cut WAV": ("wav", cut, 4.0, r"header 6\.0 s, decoded 4\.0 s: truncated"),
    "cut AIFF": ("aiff", cut, 4.0, r"header 6\.0 s, decoded 4\.0 s: truncated"),
    "cut Ogg": ("ogg", cut, 4.0, r"decoded [234]\.. s: truncated"),
    "cut Opus": ("opus", cut, 4.0, r"decoded [234]\.. s: truncated"),
    "chained Ogg": ("ogg", lambda data: data + data, 12.0, ""),
    "cut MP3": ("mp3", cut, 4.0, r"header 6\.0 s, decoded [234]\.. s: truncated"),
    "half stated": (
        "mp3",
        lambda data: stated_frames(data, 0.5),
        6.0,
        r"header 3\.0 s, decoded 6\.0 s: the header is wrong",
    ),
    "twice stated": (
        "mp3",
        lambda data: stated_frames(data, 2),
        6.0,
        r"header 12\.. s, decoded 6\.0 s: the header is wrong",
    ),
    "joined MP3": (
        "mp3",
        lambda data: data + data,
        12.0,
        r"header 6\.0 s, decoded 12\.0 s: 2 recordings joined",
    ),
    "MP3 without a tag": ("mp3", without_tag, 6.0, ""),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_read_to_the_end_and_said(lie: str, tmp_path: Path) -> None:
    suffix, change, seconds, words = LIES[lie]
    path = tmp_path / f"lie.{suffix}"
    path.write_bytes(change(encoded(tmp_path, suffix, SAMPLES)))
    audio = read_audio(path)
    tolerance = {"cut Ogg": 0.4, "cut Opus": 1.1, "cut MP3": 0.3}.get(
        lie, 0.07
    )  # whole pages are read
    assert audio.duration_s == pytest.approx(seconds, abs=tolerance)
    assert probe(path).duration_s == pytest.approx(audio.duration_s, abs=0.02)
    said = "; ".join(audio.warnings)
    assert said == "" if not words else re.search(words, said), said
    with open_audio(path) as stream:
        blocks = np.concatenate(list(stream.blocks()))
        part = np.concatenate(list(stream.blocks(1.0, 2.0)))
    np.testing.assert_array_equal(blocks, audio.samples)
    rate = audio.sample_rate
    np.testing.assert_array_equal(part, audio.samples[rate : 2 * rate])


def test_an_unknown_coding_is_an_error_by_name(tmp_path: Path) -> None:
    data = encoded(tmp_path, "wav", SAMPLES)
    (tmp_path / "strange.wav").write_bytes(patch(data, 20, b"\x34\x12"))
    with pytest.raises(AudioError, match=r"strange\.wav: not readable as audio: (?!Error opening)"):
        read_audio(tmp_path / "strange.wav")


def test_a_streamed_flac_has_the_same_samples(tmp_path: Path) -> None:
    data = encoded(tmp_path, "flac", SAMPLES)
    (tmp_path / "a.flac").write_bytes(data)
    (tmp_path / "b.flac").write_bytes(endless(data))
    whole, streamed = (read_audio(tmp_path / name).samples for name in ("a.flac", "b.flac"))
    np.testing.assert_array_equal(whole, streamed)
    (tmp_path / "c.flac").write_bytes(endless(data)[: len(data) * 2 // 3])
    with_end = read_audio(tmp_path / "c.flac")
    assert "truncated" in with_end.warnings[0]
    np.testing.assert_array_equal(with_end.samples, whole[: with_end.samples.size])


def test_joined_parts_are_what_each_is(tmp_path: Path) -> None:
    data = encoded(tmp_path, "mp3", SAMPLES)
    (tmp_path / "one.mp3").write_bytes(data)
    (tmp_path / "two.mp3").write_bytes(data + b"TAG" + bytes(125) + data)
    one, two = (read_audio(tmp_path / name).samples for name in ("one.mp3", "two.mp3"))
    assert two.size == 2 * one.size
    np.testing.assert_allclose(two[: one.size], one, atol=1e-4)
    np.testing.assert_allclose(two[one.size :], one, atol=1e-4)


@pytest.mark.parametrize("damage", ["random", "zero"])
@pytest.mark.parametrize("spares_headers", [False, True])
def test_damaged_frames_cost_themselves(
    damage: str, spares_headers: bool, tmp_path: Path, rng: np.random.Generator
) -> None:
    data = encoded(tmp_path, "mp3", SAMPLES)
    (tmp_path / "whole.mp3").write_bytes(data)
    frames = mp3_frames(data)
    first, last = frames[100], frames[103]
    hurt = bytearray(data)
    hurt[first:last] = rng.bytes(last - first) if damage == "random" else bytes(last - first)
    if spares_headers:
        for at in frames[100:103]:
            hurt[at : at + 4] = data[at : at + 4]
    (tmp_path / "hurt.mp3").write_bytes(hurt)
    whole, audio = (read_audio(tmp_path / f"{name}.mp3") for name in ("whole", "hurt"))
    assert audio.samples.size == whole.samples.size
    assert any("silence" in warning for warning in audio.warnings), audio.warnings
    inside = np.zeros(whole.samples.size, bool)
    inside[97 * 1152 : 109 * 1152] = True
    np.testing.assert_allclose(audio.samples[~inside], whole.samples[~inside], atol=1e-4)
    assert np.abs(audio.samples).max() < 2


def test_the_decoders_remarks_stay_off_the_terminal(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    data = encoded(tmp_path, "mp3", SAMPLES)
    frames = mp3_frames(data)
    hurt = patch(data, frames[100] + 4, rng.bytes(frames[103] - frames[100] - 4))
    (tmp_path / "hurt.mp3").write_bytes(hurt)
    code = (
        "import sys; from cantaor.io.audio import read_audio; "
        f"read_audio({str(tmp_path / 'hurt.mp3')!r}); print('mine', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "mine\n")


def test_frames_that_are_whole_are_not_called_broken(tmp_path: Path) -> None:
    data = encoded(tmp_path, "mp3", SAMPLES)
    parts = mpeg_parts(data)
    assert len(parts) == 1
    assert len(parts[0].offsets) == parts[0].tag.frames  # type: ignore[union-attr]
    assert broken_frames(data, parts[0]) == []


def test_a_cut_m4a_says_both_figures(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    encode(tmp_path / "slow.m4a", "aac", SAMPLES)
    # The index in front, as phones and servers write it.
    with (
        av.open(str(tmp_path / "slow.m4a")) as source,
        av.open(str(tmp_path / "fast.m4a"), "w", options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    (tmp_path / "cut.m4a").write_bytes(cut((tmp_path / "fast.m4a").read_bytes()))
    audio = read_audio(tmp_path / "cut.m4a")
    assert 3.0 < audio.duration_s < 4.5
    assert any("header 6.0 s, decoded" in w and "truncated" in w for w in audio.warnings)
    (tmp_path / "no-index.m4a").write_bytes(cut((tmp_path / "slow.m4a").read_bytes()))
    with pytest.raises(AudioError, match=r"no-index\.m4a"):
        read_audio(tmp_path / "no-index.m4a")


def test_a_damaged_m4a_keeps_its_times(tmp_path: Path) -> None:
    pytest.importorskip("av")
    path = encode(tmp_path / "a.m4a", "aac", SAMPLES)
    whole = read_audio(path).samples
    data = bytearray(path.read_bytes())
    at = data.find(b"mdat") + 20_000
    data[at : at + 400] = b"\xff" * 400
    (tmp_path / "hurt.m4a").write_bytes(data)
    audio = read_audio(tmp_path / "hurt.m4a")
    assert audio.samples.size == whole.size
    quiet = slice(-RATE, None)
    assert np.corrcoef(audio.samples[quiet], whole[quiet])[0, 1] > 0.99
