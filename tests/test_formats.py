"""Every format gives the pitch of the WAV, at its times; parts of files are parts of the whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cantaor.errors import AudioError
from cantaor.io import audio as audio_module
from cantaor.io.audio import open_audio, probe, read_audio, write_audio
from cantaor.io.formats import EXTENSIONS, known_formats, recognise
from cantaor.pitch import extract_pitch
from cantaor.pitch.tracker import PitchTrack
from cantaor.types import Audio
from tests.recordings import RATE, encode, voice

SECONDS = 4.0
BY_SOUNDFILE = {
    "aiff": ("AIFF", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
    "a-law.wav": ("WAV", "ALAW"),
    "8-bit.wav": ("WAV", "PCM_U8"),
    "24-bit.wav": ("WAV", "PCM_24"),
    "32-bit.wav": ("WAV", "PCM_32"),
    "float.wav": ("WAV", "FLOAT"),
}
BY_FFMPEG = {
    "aac.m4a": ("aac", RATE, {}),
    "alac.m4a": ("alac", RATE, {}),
    "wma.wma": ("wmav2", RATE, {"bit_rate": 128_000}),
    "video.mp4": ("aac", RATE, {"video": "mpeg4"}),
    "video.mov": ("aac", RATE, {"video": "mpeg4"}),
    "video.mkv": ("aac", RATE, {"video": "mpeg4"}),
    "video.webm": ("libopus", 48_000, {"video": "libvpx"}),
    "video.avi": ("libmp3lame", RATE, {"video": "mpeg4"}),
    "sound.aac": ("aac", RATE, {}),
    "opus.mka": ("libopus", 48_000, {}),
}


def write(folder: Path, name: str, samples: np.ndarray) -> Path:
    path = folder / name
    if name in BY_FFMPEG:
        pytest.importorskip("av")
        codec, rate, options = BY_FFMPEG[name]
        return encode(path, codec, samples, rate, **options)
    form, subtype = BY_SOUNDFILE[name]
    soundfile.write(path, samples, RATE, format=form, subtype=subtype)
    return path


@pytest.fixture(scope="module")
def sung() -> tuple[np.ndarray, PitchTrack]:
    samples = voice(SECONDS)
    return samples, extract_pitch(Audio(samples, RATE))


@pytest.mark.parametrize("name", [*BY_SOUNDFILE, *BY_FFMPEG])
def test_the_same_pitch_at_the_same_time(
    name: str, sung: tuple[np.ndarray, PitchTrack], tmp_path: Path
) -> None:
    samples, truth = sung
    path = write(tmp_path, name, samples)
    audio = read_audio(path)
    assert audio.warnings == ()
    assert probe(path).duration_s == pytest.approx(SECONDS, abs=0.2)
    # Padding at the end may stay; nothing may be missing.
    assert -0.01 < audio.duration_s - SECONDS < 0.08
    track = extract_pitch(audio)
    n = min(track.hz.size, truth.hz.size)
    common = (track.hz[:n] > 0) & (truth.hz[:n] > 0)
    assert common.sum() > 0.9 * np.count_nonzero(truth.hz)
    # The voice glides: only within a hop of the truth are 5 cents kept nearly everywhere.
    best = min(np.mean(cents(track.hz, truth.hz, n, shift) > 5) for shift in (-1, 0, 1))
    assert best <= 0.01


def cents(ours: np.ndarray, truth: np.ndarray, n: int, shift: int) -> np.ndarray:
    inner = np.arange(4, n - 4)
    one, other = ours[inner + shift], truth[inner]
    both = (one > 0) & (other > 0)
    return np.abs(1200 * np.log2(one[both] / other[both]))


def test_float_above_full_scale_is_kept(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 3 * voice(0.5), RATE, subtype="FLOAT")
    np.testing.assert_array_equal(read_audio(tmp_path / "a.wav").samples, 3 * voice(0.5))


@pytest.mark.parametrize("name", ["aac.m4a", "alac.m4a", "video.mkv", "video.webm"])
def test_parts_are_parts_of_the_whole(name: str, tmp_path: Path) -> None:
    path = write(tmp_path, name, voice(SECONDS))
    whole = read_audio(path).samples
    with open_audio(path) as stream:
        rate = stream.sample_rate
        for start, end in ((1.0, 2.5), (0.0, 0.5), (3.0, 99.0)):
            part = np.concatenate(list(stream.blocks(start, end)))
            np.testing.assert_array_equal(part, whole[int(start * rate) : int(end * rate)])
        with pytest.raises(AudioError, match="lies past its end"):
            list(stream.blocks(60.0, 61.0))


@pytest.mark.parametrize("name", ["aac.m4a", "video.mkv"])
def test_far_parts_are_sought(name: str, tmp_path: Path) -> None:
    path = write(tmp_path, name, np.tile(voice(4.0), 11))
    whole = read_audio(path).samples
    with open_audio(path) as stream:
        part = np.concatenate(list(stream.blocks(40.0, 41.0)))
    # AAC fills bands with noise of its own: the same sound at the same place, not the same bits.
    there = whole[40 * RATE : 41 * RATE]
    assert part.size == there.size
    assert np.corrcoef(part, there)[0, 1] > 0.999


def test_urls(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    path = write(tmp_path, "aac.m4a", voice(1.0))
    np.testing.assert_array_equal(read_audio(f"file://{path}").samples, read_audio(path).samples)


def test_without_the_extra_a_file_fails_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "aac.m4a", voice(0.5))
    monkeypatch.setattr(audio_module, "has_ffmpeg", lambda: False)
    with pytest.raises(AudioError) as caught:
        read_audio(path)
    for words in (str(path), "cantaor[formats]", f"ffmpeg -i {path} -vn {tmp_path / 'aac.flac'}"):
        assert words in str(caught.value)
    (tmp_path / "text.m4a").write_text("no audio at all")
    with pytest.raises(AudioError, match=r"text\.m4a.*cantaor\[formats\]"):
        read_audio(tmp_path / "text.m4a")


def test_text_is_no_audio_and_opens_nothing_else(tmp_path: Path) -> None:
    write_audio(tmp_path / "secret.wav", voice(0.5), RATE)
    for name, text in (
        ("list.m3u8", f"#EXTM3U\n#EXTINF:1,\n{tmp_path / 'secret.wav'}\n"),
        ("list.m4a", f"ffconcat version 1.0\nfile {tmp_path / 'secret.wav'}\n"),
        ("text.wav", "not audio at all, whatever the name says"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(AudioError, match="not readable as audio"):
            read_audio(tmp_path / name)


def test_decoders_print_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "aac.m4a", voice(2.0))
    data = path.read_bytes()
    (tmp_path / "hurt.m4a").write_bytes(data[:9000] + bytes(200) + data[9200:])
    code = f"from cantaor.io.audio import read_audio; read_audio({str(tmp_path / 'hurt.m4a')!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_formats_are_told_by_their_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, "aac.m4a", voice(0.5))
    assert recognise(path.read_bytes()[:256]) == "MP4"
    renamed = path.rename(tmp_path / "wrong.wav")
    assert probe(renamed).decoder == "ffmpeg"
    assert {".m4a", ".aiff", ".opus", ".wma"} < set(EXTENSIONS)
    listed = [end for row in known_formats() for end in row.extensions]
    assert sorted(listed) == sorted(EXTENSIONS)
