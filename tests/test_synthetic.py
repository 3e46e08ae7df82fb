"""The synthetic corpus: what is written, what is known, that it is as hard as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cantaor.corpus.loaders import read_corpus
from cantaor.corpus.synthetic.corpus import SyntheticCorpus, make_corpus, read_truth, sing
from cantaor.corpus.synthetic.singers import draw_singers
from cantaor.errors import ArgumentError, CorpusError
from cantaor.io.audio import read_audio


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> SyntheticCorpus:
    folder = tmp_path_factory.mktemp("synthetic")
    return make_corpus(folder, voices=3, recordings=2, seconds=20.0, seed=5)


def test_files_and_labels(corpus: SyntheticCorpus) -> None:
    names = [f"V{v}-{r:02d}" for v in (1, 2, 3) for r in (1, 2)]
    files = sorted(path.name for path in corpus.folder.iterdir())
    assert files == [*(f"{name}.flac" for name in names), "manifest.csv", "truth.json"]
    assert list(corpus.manifest.recordings) == names
    assert [(e.path, e.singer) for e in read_corpus(corpus.folder).entries] == [
        (e.path, e.singer) for e in corpus.manifest.entries
    ]


def test_the_truth_can_be_read_back(corpus: SyntheticCorpus) -> None:
    again = read_truth(corpus.folder)
    assert again.manifest == corpus.manifest
    assert again.motifs == corpus.motifs
    for one, other in zip(again.recordings, corpus.recordings, strict=True):
        assert (one.recording, one.singer, one.spans) == (
            other.recording,
            other.singer,
            other.spans,
        )
        np.testing.assert_allclose(one.pitch.hz, other.pitch.hz, atol=0.0006)
    with pytest.raises(CorpusError, match=r"no usable truth\.json"):
        read_truth(corpus.folder.parent)


def test_the_grid_is_that_of_every_pitch_track(corpus: SyntheticCorpus) -> None:
    for one in corpus.recordings:
        assert one.pitch.hz.size == int(20.0 * 44100 / 256) + 1
        assert one.pitch.hop_s == 256 / 44100
    for entry in corpus.manifest.entries:
        audio = read_audio(corpus.manifest.file(entry))
        assert (audio.sample_rate, audio.samples.size) == (44100, 20 * 44100)
        assert 0.3 < np.abs(audio.samples).max() <= 0.91


def test_every_motif_recurs_in_every_recording_of_its_voice(corpus: SyntheticCorpus) -> None:
    own = {motif.motif: motif.singer for motif in corpus.motifs}
    for one in corpus.recordings:
        sung = [span.motif for span in one.spans]
        assert {own[name] for name in sung} == {one.singer}
        assert min(sung.count(name) for name in own if own[name] == one.singer) >= 2


def test_planted_spans_are_sung_where_they_are_said_to_be(corpus: SyntheticCorpus) -> None:
    notes = {motif.motif: np.array(motif.cents) for motif in corpus.motifs}
    for one in corpus.recordings:
        cents = 1200 * np.log2(np.maximum(one.pitch.hz, 1e-9) / 55)
        for span in one.spans:
            inside = (one.pitch.times >= span.start_s) & (one.pitch.times < span.end_s)
            assert (one.pitch.hz[inside] > 0).all()
            # Each note of the motif is held for several frames, within its intonation.
            near = np.abs(cents[inside][None, :] - notes[span.motif][:, None]) < 35
            assert (near.sum(axis=1) >= 6).all()


def test_motifs_do_not_hold_each_other(corpus: SyntheticCorpus) -> None:
    steps = ["".join(f"{step:+.0f}" for step in np.diff(m.cents)) for m in corpus.motifs]
    assert len(set(steps)) == len(steps) == 9
    assert not any(a in b for a in steps for b in steps if a is not b)


def test_tempo_varies_between_occurrences(corpus: SyntheticCorpus) -> None:
    for motif in corpus.motifs:
        lengths = [
            span.end_s - span.start_s
            for one in corpus.recordings
            for span in one.spans
            if span.motif == motif.motif
        ]
        assert max(lengths) > 1.1 * min(lengths)


def test_it_is_not_trivial(corpus: SyntheticCorpus) -> None:
    """Vibrato passes 50 cents, and the noise lies 10 dB below the voice."""
    for voice in draw_singers(5, 3, np.random.default_rng(0)):
        assert voice.vibrato_cents >= 50
    for entry, one in zip(corpus.manifest.entries, corpus.recordings, strict=True):
        samples = read_audio(corpus.manifest.file(entry)).samples
        frame = np.minimum(np.arange(samples.size) // 256, one.pitch.hz.size - 1)
        sung = one.pitch.hz[frame] > 0
        # 0.3 s after a phrase the room has died away.
        before = np.cumsum(np.pad(sung, (13230, 0)))
        quiet = before[13230:] == before[:-13230]
        ratio = 10 * np.log10(np.mean(samples[sung] ** 2) / np.mean(samples[quiet] ** 2))
        # The sung parts hold voice and noise, 1.1 times the power of the voice.
        assert ratio == pytest.approx(10 + 10 * np.log10(1.1), abs=0.7)


def test_the_sound_has_the_pitch_that_is_said(corpus: SyntheticCorpus) -> None:
    """On held notes the autocorrelation peaks at the known period."""
    one, entry = corpus.recordings[0], corpus.manifest.entries[0]
    samples = read_audio(corpus.manifest.file(entry)).samples
    checked = good = 0
    for frame in range(20, one.pitch.hz.size - 20, 10):
        around = one.pitch.hz[frame - 6 : frame + 7]
        if around.min() == 0 or around.max() / around.min() > 1.01:
            continue
        piece = samples[frame * 256 - 1024 : frame * 256 + 1024]
        power = np.abs(np.fft.rfft(piece * np.hanning(2048), 8192)) ** 2
        lags = np.fft.irfft(power)[:600]
        period = 60 + int(np.argmax(lags[60:600]))
        ratio = 44100 / period / one.pitch.hz[frame]
        # A multiple of the period is a peak as well.
        good += abs(ratio * round(1 / ratio) - 1) < 0.03 if ratio < 1.5 else False
        checked += 1
    assert checked > 50
    assert good / checked > 0.9


def test_a_seed_fixes_every_sample() -> None:
    def samples(seed: int) -> np.ndarray:
        voice = draw_singers(1, 3, np.random.default_rng(0))[0]
        rng = np.random.default_rng(seed)
        return sing(voice, "x", 9.0, noise_db=10.0, sample_rate=16000, rng=rng)[0].samples

    assert np.array_equal(samples(1), samples(1))
    assert not np.array_equal(samples(1), samples(2))


def test_wrong_arguments(tmp_path: Path) -> None:
    wrong = {"voices": 0, "recordings": 0, "seconds": 7.9, "sample_rate": 4000}
    for name, value in [*wrong.items(), ("seconds", np.nan)]:
        with pytest.raises(ArgumentError, match=f"{name} must be at least"):
            make_corpus(tmp_path, **{name: value})
