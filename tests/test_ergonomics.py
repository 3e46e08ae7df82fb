"""What a user tries first works: records compare, motifs slice, paths go where recordings go."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
import torch

import cantaor
from cantaor import (
    Audio,
    Motifs,
    audit,
    cut_clips,
    extract_pitch,
    find_occurrences,
    identify,
    kmeans_1d,
    mine,
    mine_closed,
    read_audio,
)
from cantaor.chain import MotifFinder, track_pitch
from cantaor.corpus.audit.landmarks import landmarks
from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.splits.protocols import split_clips
from cantaor.corpus.synthetic.corpus import SyntheticCorpus
from cantaor.errors import ArgumentError, ModelError
from cantaor.learn.export.bundle import save_bundle
from cantaor.learn.identification.saved_finder import finder_arrays, finder_facts
from cantaor.learn.training.settings import TrainingSettings
from cantaor.learn.training.trained_model import TrainedModel, build_classifier
from cantaor.motifs.dictionary import MotifDictionary
from cantaor.pitch.tracker import pitch_candidates
from cantaor.settings import Settings
from cantaor.workspace.records import motifs_from_table
from cantaor.workspace.workspace import Workspace


def walk_modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(cantaor.__path__, "cantaor."):
        if "__main__" not in found.name:
            yield importlib.import_module(found.name)


def records() -> Iterator[type]:
    """Every dataclass of the package that holds arrays."""
    for module in walk_modules():
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__:
                fields = getattr(value, "__dataclass_fields__", {})
                if any("Array" in str(f.type) or "ndarray" in str(f.type) for f in fields.values()):
                    yield value


def test_records_that_hold_arrays_compare_by_identity() -> None:
    found = list(records())
    assert Motifs in found
    assert len(found) > 20
    wrong = [one for one in found if one.__eq__ is not object.__eq__]
    assert not wrong


def test_equal_records_compare_and_hash() -> None:
    one, other = (Audio(np.zeros(3, np.float32), 16_000) for _ in range(2))
    assert one == one
    assert one != other
    assert len({one, other, dataclasses.replace(one)}) == 3


def test_motifs_slice_iterate_and_become_a_data_frame() -> None:
    motifs = mine_closed([[1, 2, 3], [1, 4, 2, 3], [2, 3]], 2)
    assert [part.tolist() for part in motifs] == [[2, 3], [1, 2, 3]]
    last = motifs[1:]
    assert isinstance(last, Motifs)
    assert (last[0].tolist(), last.support.tolist(), last.gap) == ([1, 2, 3], [2], None)
    assert [part.tolist() for part in motifs[::-1]] == [[1, 2, 3], [2, 3]]
    assert motifs[np.int64(-1)].tolist() == [1, 2, 3]
    assert len(motifs[5:]) == 0
    frame = motifs.to_pandas()
    assert frame["support"].tolist() == [3, 2]
    assert [symbols.tolist() for symbols in frame["symbols"]] == [[2, 3], [1, 2, 3]]


@pytest.mark.parametrize("gap", [None, (0, 0), (1, 2)])
def test_motifs_remember_their_gap(gap: tuple[int, int] | None) -> None:
    rows = [[1, 9, 2, 9, 9, 3], [1, 8, 2, 8, 3, 3], [2, 7, 1, 7, 2, 3]]
    motifs = mine_closed(rows, 2, gap=gap)
    assert motifs.gap == gap
    assert motifs_from_table(motifs.to_arrow()).gap == gap
    found, told = find_occurrences(motifs, rows), find_occurrences(motifs, rows, gap)
    assert found.start.tolist() == told.start.tolist()
    held = [
        np.unique(found.sequence[a:b]).size
        for a, b in zip(found.offsets[:-1], found.offsets[1:], strict=True)
    ]
    assert held == motifs.support.tolist()


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Audio]:
    """One second of a tone of 220 Hz, on disk and in memory."""
    t = np.arange(16_000) / 16_000
    samples = sum(0.2 * np.sin(2 * np.pi * 220 * h * t) / h for h in range(1, 6))
    path = tmp_path_factory.mktemp("tone") / "tone.wav"
    soundfile.write(path, samples, 16_000, subtype="FLOAT")
    return path, read_audio(path)


def test_extract_pitch_takes_audio_a_path_or_samples(tone: tuple[Path, Audio]) -> None:
    path, audio = tone
    expected = extract_pitch(audio).hz
    for track in (
        extract_pitch(path),
        extract_pitch(str(path)),
        extract_pitch(audio.samples, sample_rate=16_000),
        extract_pitch(audio.samples.tolist(), sample_rate=16_000),
    ):
        assert np.array_equal(track.hz, expected)
    with pytest.raises(
        ArgumentError, match="sample_rate must be given with samples; got a ndarray"
    ):
        extract_pitch(audio.samples)
    with pytest.raises(
        ArgumentError, match=r"sample_rate \(8000\) must match that of audio \(16000"
    ):
        extract_pitch(audio, sample_rate=8_000)
    with pytest.raises(ArgumentError, match=r"tone\.wav states its own rate"):
        extract_pitch(path, sample_rate=16_000)


def test_what_takes_a_recording_takes_a_path(tone: tuple[Path, Audio]) -> None:
    path, audio = tone
    clips, lengths = cut_clips(audio, [0.1], [0.2])
    for cut in (
        cut_clips(path, [0.1], [0.2]),
        cut_clips(audio.samples, [0.1], [0.2], sample_rate=16_000),
    ):
        assert np.array_equal(cut[0], clips)
        assert cut[1].tolist() == lengths.tolist()
    assert np.array_equal(pitch_candidates(path).hz, pitch_candidates(audio).hz)
    assert np.array_equal(landmarks(path).hashes, landmarks(audio).hashes)
    settings = Settings()
    assert np.array_equal(track_pitch(path, settings).hz, track_pitch(audio, settings).hz)
    finder = MotifFinder(kmeans_1d([5700.0, 5900.0], 2), mine_closed([[1]], 1), settings)
    assert finder.find(path)[0].phrases == finder.find(audio)[0].phrases


def test_audit_takes_the_path_of_a_corpus(small_corpus: SyntheticCorpus) -> None:
    report = audit(small_corpus.folder)
    expected = audit(small_corpus.manifest)
    assert (report.paths, report.groups) == (expected.paths, expected.groups)
    assert json.loads(json.dumps(report.to_json(), allow_nan=False)) == report.to_json()


def test_every_to_json_gives_a_plain_dict() -> None:
    methods = {
        value.__name__: value.to_json
        for module in walk_modules()
        for value in vars(module).values()
        if isinstance(value, type) and hasattr(value, "to_json")
    }
    assert {"AuditReport", "Evaluation", "Identification"} <= set(methods)
    for name, method in methods.items():
        assert str(inspect.signature(method).return_annotation).startswith("dict"), name


def test_split_clips_takes_a_manifest() -> None:
    entries = tuple(
        ManifestEntry(f"{s}{r}.wav", s, f"{s}{r}", start_s=0.0, end_s=1.0, split=side)
        for s in "ab"
        for r, side in ((1, "train"), (2, "test"))
    )
    manifest = Manifest(entries, Path())
    split = split_clips(manifest, protocol="recording", seed=1)
    told = split_clips([e.singer for e in entries], [e.recording for e in entries],
                       protocol="recording", seed=1)  # fmt: skip
    assert split.test.tolist() == told.test.tolist()
    assert split_clips(manifest, protocol="column").test.tolist() == [1, 3]
    with pytest.raises(ArgumentError, match="recordings must be left out"):
        split_clips(manifest, ["a"], protocol="recording")
    with pytest.raises(ArgumentError, match="recordings must be given"):
        split_clips(["a", "b"], protocol="recording")


def test_mine_takes_settings(small_corpus: SyntheticCorpus, tmp_path: Path) -> None:
    workspace = mine(
        small_corpus.folder, tmp_path / "w", Settings(k=9), stage="contour", min_length=4
    )
    assert (workspace.settings.k, workspace.settings.min_length) == (9, 4)
    assert "settings" in inspect.signature(mine).parameters
    with pytest.raises(ArgumentError, match="exclude each other"):
        mine(small_corpus.folder, tmp_path / "x", Settings(), config=tmp_path / "a.toml")


@pytest.fixture(scope="module")
def model(small_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with the weights it began with: what it says is arbitrary, and always the same."""
    torch.manual_seed(3)
    settings = TrainingSettings(width=4, device="cpu")
    trained = TrainedModel(build_classifier(settings, 3).eval(), ("V1", "V2", "V3"), settings, ())
    dictionary = MotifDictionary.from_arrow(small_workspace.table("motifs"))
    finder = MotifFinder(small_workspace.clusters(), dictionary.union(), small_workspace.settings)
    facts = {"finder": finder_facts(finder), "data": "motifs", "protocol": "paper", "notes": []}
    folder = tmp_path_factory.mktemp("work") / "model"
    return save_bundle(folder, trained, finder_arrays(finder), facts)


def test_one_object_identifies_scores_and_embeds(
    model: Path, small_corpus: SyntheticCorpus
) -> None:
    identifier = cantaor.SingerIdentifier.load(model)
    assert identifier.singers == ("V1", "V2", "V3")
    path = small_corpus.manifest.file(small_corpus.manifest.entries[0])
    audio = read_audio(path)
    expected = identify(model, path)
    found = [
        identifier.identify(path),
        identifier.identify(audio),
        identifier.identify(audio.samples, sample_rate=audio.sample_rate),
    ]
    for one in found:
        assert [score.singer for score in one.ranked] == [s.singer for s in expected.ranked]
    np.testing.assert_array_equal(identifier.embed(path), expected.embedding)
    clips, lengths = cut_clips(audio, [1.0, 2.0], [1.4, 2.2])
    rows = [clip[:length] for clip, length in zip(clips, lengths, strict=True)]
    probabilities = identifier.predict_proba(rows, sample_rate=audio.sample_rate)
    assert probabilities.shape == (2, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    alone = identifier.predict_proba([Audio(rows[1], audio.sample_rate)])
    np.testing.assert_allclose(alone[0], probabilities[1], atol=1e-5)
    assert identifier.predict_proba([]).shape == (0, 3)
    with pytest.raises(ArgumentError, match="clips must be a sequence of clips"):
        identifier.predict_proba(audio)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="is missing"):
        cantaor.SingerIdentifier.load(model / "nowhere")
