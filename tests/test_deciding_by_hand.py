"""What a model's files say of motifs and decisions, and a model as one object, by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from scipy.sparse import csc_array

from cantaor.chain import MotifFinder
from cantaor.errors import ArgumentError, ModelError
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.export.bundle import Bundle
from cantaor.learn.export.deployed import Decision
from cantaor.learn.identification import deployment, singer_identifier
from cantaor.learn.identification.calibration import Calibration
from cantaor.learn.identification.decisions import score_recording
from cantaor.learn.identification.deployment import decision_of, export_bundle
from cantaor.learn.identification.enrolment import Gallery, ScoringBackend, backend_parts
from cantaor.learn.identification.evidence import ClipPredictions, find_evidence
from cantaor.learn.identification.melody import Melody, MotifShares
from cantaor.learn.identification.saved_calibration import calibration_facts, calibration_from
from cantaor.learn.identification.saved_finder import (
    finder_arrays,
    finder_facts,
    finder_from_bundle,
)
from cantaor.learn.identification.singer_identifier import SingerIdentifier
from cantaor.learn.networks.ensemble import EnsembleClassifier
from cantaor.learn.training.settings import TrainingSettings
from cantaor.learn.training.trained_model import TrainedModel
from cantaor.settings import Settings
from cantaor.types import Audio, Clusters, Motifs

FINDER = MotifFinder(
    Clusters(np.array([0.0, 100.0, 250.0]), np.array([50.0, 170.0]), 2.5, np.array([3.0, 4.0, 1])),
    Motifs(np.array([1, -2, 2], np.int32), np.array([0, 2, 3]), np.array([5, 7], np.int32), (0, 2)),
    Settings(channel=1, gap=(0, 2)),
)
SURE = Calibration(2.0, 0.6, 0.1, 0.2, 0.1, 9)


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return TrainedModel(EnsembleClassifier(2, 1).eval(), ("a", "b"), TrainingSettings(), ())


def with_finder(trained: TrainedModel, **arrays: Any) -> Bundle:
    extra = {"finder": finder_facts(FINDER), "data": "motifs"}
    return Bundle(trained, {**finder_arrays(FINDER), **arrays}, extra, "folder")


def test_a_finder_comes_back(trained: TrainedModel) -> None:
    found = finder_from_bundle(with_finder(trained))
    assert found.clusters.centers.tolist() == [0.0, 100.0, 250.0]
    assert found.clusters.edges.tolist() == [50.0, 170.0]
    assert (found.clusters.inertia, found.clusters.counts.tolist()) == (2.5, [3, 4, 1])
    assert [motif.tolist() for motif in found.motifs] == [[1, -2], [2]]
    assert found.motifs.support.tolist() == [5, 7]
    assert found.motifs.gap == (0, 2)
    assert found.settings == FINDER.settings


SIZES = "must be float64 ({0},) beside {1} cluster_centers, not {2} {3}"
RISE = "motif_offsets must rise from 0 to the length of motif_values (3), not from {} to {}"
STEPS = "motif_values must be steps between 3 clusters, none of 0"
ASCENDING = "cluster_centers and cluster_edges must be ascending numbers"


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (
            *("cluster_edges", np.array([1.0])),
            "cluster_edges " + SIZES.format(2, 3, "float64", "(1,)"),
        ),
        (
            *("cluster_counts", np.ones(4)),
            "cluster_counts " + SIZES.format(3, 3, "float64", "(4,)"),
        ),
        (
            *("cluster_centers", np.arange(3)),
            "cluster_centers " + SIZES.format(3, 3, "int64", "(3,)"),
        ),
        (
            *("cluster_centers", np.zeros(0)),
            "cluster_centers " + SIZES.format(1, 0, "float64", "(0,)"),
        ),
        ("cluster_centers", np.array([0.0, 100.0, 99.0]), ASCENDING),
        ("cluster_centers", np.array([0.0, 100.0, np.inf]), ASCENDING),
        ("cluster_edges", np.array([50.0, 49.0]), ASCENDING),
        ("cluster_edges", np.array([np.nan, 49.0]), ASCENDING),
        (
            *("motif_values", np.array([1.0, 1, 1])),
            "motif_values must be int32 of one dimension, not float64 (3,)",
        ),
        (
            *("motif_offsets", np.array([[0, 2, 3]])),
            "motif_offsets must be int64 of one dimension, not int64 (1, 3)",
        ),
        (
            *("motif_support", np.array([5, 7])),
            "motif_support must be int32 of one dimension, not int64 (2,)",
        ),
        (
            *("motif_offsets", np.array([0, 3])),
            "length of motif_offsets (2) must be that of motif_support (2) and 1",
        ),
        ("motif_offsets", np.array([1, 2, 3]), RISE.format(1, 3)),
        ("motif_offsets", np.array([0, 2, 2]), RISE.format(0, 2)),
        ("motif_offsets", np.array([0, 3, 3]), RISE.format(0, 3)),
        ("motif_values", np.array([1, 0, 2], np.int32), STEPS),
        ("motif_values", np.array([1, 3, 2], np.int32), STEPS),
        ("motif_values", np.array([1, -3, 2], np.int32), STEPS),
        ("motif_values", np.array([1, -(2**31), 2], np.int32), STEPS),
    ],
)
def test_arrays_of_a_finder_must_fit(
    trained: TrainedModel, name: str, values: np.ndarray, message: str
) -> None:
    with pytest.raises(ModelError) as caught:
        finder_from_bundle(with_finder(trained, **{name: values}))
    assert str(caught.value) == f"model folder: {message}"


def test_clusters_at_one_pitch_and_motifs_of_one_step_are_taken(trained: TrainedModel) -> None:
    same = {"cluster_centers": np.zeros(3), "cluster_edges": np.zeros(2)}
    assert finder_from_bundle(with_finder(trained, **same)).clusters.centers.tolist() == [0, 0, 0]
    none = {
        **{"motif_values": np.zeros(0, np.int32), "motif_offsets": np.zeros(1, np.int64)},
        "motif_support": np.zeros(0, np.int32),
    }
    assert len(finder_from_bundle(with_finder(trained, **none)).motifs) == 0


def test_what_a_model_says_of_its_finder_must_be_there(trained: TrainedModel) -> None:
    arrays, facts = finder_arrays(FINDER), finder_facts(FINDER)
    with pytest.raises(ModelError) as caught:
        finder_from_bundle(Bundle(trained, arrays, {"data": "motifs"}))
    assert str(caught.value) == (
        "the model was trained on clips alone and holds no motif dictionary; "
        "train on a workspace to identify whole recordings"
    )
    with pytest.raises(ModelError) as caught:
        finder_from_bundle(Bundle(trained, arrays, {"finder": facts, "data": "clips"}))
    assert str(caught.value) == (
        "model: 'data' must be one of motifs, motifs+segment, random, not 'clips'"
    )
    for less in ("settings", "inertia"):
        extra = {"finder": {k: v for k, v in facts.items() if k != less}, "data": "motifs"}
        with pytest.raises(ModelError) as caught:
            finder_from_bundle(Bundle(trained, arrays, extra, "m"))
        expected = f"model m: its motif dictionary is damaged: KeyError('{less}')"
        assert str(caught.value) == expected


@pytest.mark.parametrize(
    "change", [{"temperature": 0}, {"temperature": -1.0}, {"votes": None}, {"unknown_below": True}]
)
def test_a_calibration_is_numbers_with_a_temperature_above_0(change: dict[str, Any]) -> None:
    facts = calibration_facts(SURE)
    assert facts["rule"] == "geometric mean"
    assert calibration_from({**facts, "temperature": 0.001}, "m").temperature == 0.001
    with pytest.raises(ModelError, match=r"^m: 'calibration' must hold numbers under temperature,"):
        calibration_from({**facts, **change}, "m")


def test_a_calibration_for_other_votes_is_refused() -> None:
    facts = calibration_facts(SURE)
    assert calibration_from(facts, "m") == SURE
    for rule, name in (("median", "median"), (None, "None")):
        with pytest.raises(ModelError, match=f"^m: was calibrated for votes by {name}, but this"):
            calibration_from({**facts, "rule": rule}, "m")
    del facts["rule"]
    with pytest.raises(ModelError, match="votes by arithmetic mean, but this cantaor votes by geo"):
        calibration_from(facts, "m")


def with_backend(trained: TrainedModel, backend: ScoringBackend) -> Bundle:
    arrays, extra = backend_parts(backend)
    return Bundle(trained, arrays, extra, "folder")


def gallery(*names: str) -> Gallery:
    rows = np.arange(96.0)
    enrolled = np.stack([rows + 3 for _ in names]) if names else np.empty((0, 96))
    return Gallery(np.stack([rows, rows + 1]), names, enrolled, 0.25)


def test_a_file_decides_as_the_model_was_calibrated_and_enrolled(trained: TrainedModel) -> None:
    def decision(backend: ScoringBackend) -> Decision:
        found = decision_of(with_backend(trained, backend))
        assert found is not None
        return found

    both = decision(ScoringBackend(SURE, gallery("d", "e")))
    assert (both.temperature, both.unknown_below) == (2.0, 0.6)
    assert (both.names, both.cosine_temperature) == (("d", "e"), 0.25)
    assert both.trained[:, 0].tolist() == [0.0, 1.0]
    assert both.enrolled[:, 0].tolist() == [3.0, 3.0]
    alone = decision(ScoringBackend(SURE))
    assert (alone.temperature, alone.unknown_below) == (2.0, 0.6)
    assert (alone.trained.shape, alone.enrolled.shape) == ((0, 96), (0, 96))
    assert (alone.names, alone.cosine_temperature) == ((), 1.0)
    # Without a calibration probabilities stay and nobody is unknown.
    enrolled = decision(ScoringBackend(None, gallery("d")))
    assert (enrolled.temperature, enrolled.unknown_below) == (1.0, 0.0)
    assert decision_of(with_backend(trained, ScoringBackend())) is None
    assert decision_of(with_backend(trained, ScoringBackend(None, gallery()))) is None
    other = TrainedModel(cast(Any, SimpleNamespace()), ("a", "b"), TrainingSettings(), ())
    assert decision_of(with_backend(other, ScoringBackend(SURE))) is None


def test_a_whole_model_is_written_with_its_decision(
    trained: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(model: TrainedModel, path: str, decision: Decision | None) -> Path:
        assert model is trained
        assert decision is not None
        return Path(path, str(decision.temperature))

    monkeypatch.setattr(deployment, "export_model", export)
    bundle = with_backend(trained, ScoringBackend(SURE))
    assert export_bundle(bundle, "m.pt2") == Path("m.pt2", "2.0")


def test_melody_and_its_calibration_take_the_place_of_the_sounds() -> None:
    # The only motif heard is sung nine times as much by the second singer.
    shares = MotifShares(csc_array(np.array([[0.1], [0.9]])), np.array([1, 1]))
    melody = Melody(shares, 6.0, Calibration(1.0, 0.99, 0.1, 0.2, 0.1, 9))
    backend, clip = ScoringBackend(SURE, None, melody), np.array([[0.64, 0.36]], np.float32)
    none = np.zeros((1, 1), np.float32)
    expected = melody.join(np.array([0.64, 0.36]), np.array([0]))
    scores, unknown = score_recording(clip, none, backend, np.array([0]))
    assert scores.tolist() == pytest.approx(expected.tolist())
    assert scores[1] > 0.5
    assert unknown is True
    # Without motifs the sound answers, with its own temperature: roots are .8 and .6.
    for sung in (None, np.zeros(0, np.int64)):
        scores, unknown = score_recording(clip, none, backend, sung)
        assert scores[0] == pytest.approx(4 / 7, rel=1e-6)
        assert unknown is False


def test_clips_without_length_are_moments_of_their_own() -> None:
    starts = np.array([0.0, 0.5, 0.5, 1.0])
    ends = np.array([1.0, 0.5, 0.5, 2.0])
    rows = np.full((4, 2), 0.5, np.float32)
    clips = ClipPredictions("a", ((1,), (2,), (3,), (4,)), starts, ends, rows, rows)
    assert [one.motif for one in find_evidence(clips, np.full(4, 0.5))] == [(1,), (2,), (3,), (4,)]


def test_members_of_a_moment_are_named_once_in_the_order_of_their_weight() -> None:
    starts, rows = np.zeros(5), np.full((5, 2), 0.5, np.float32)
    motifs = ((1,), (2,), (3,), (2,), (1,))
    clips = ClipPredictions("a", motifs, starts, starts + 1, rows, rows)
    found = find_evidence(clips, np.array([0.9, 0.1, 0.3, 0.2, 0.4]))
    assert [(one.motif, one.probability) for one in found] == [((1,), 0.9)]
    assert found[0].members == ((1,), (3,), (2,))


def test_a_model_is_found_in_its_folder_or_in_a_workspace(
    tmp_path: Path, trained: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(path: Path) -> Bundle:
        return Bundle(trained, {}, {}, str(path))

    monkeypatch.setattr(singer_identifier, "load_bundle", load)
    (tmp_path / "model").mkdir()
    assert SingerIdentifier.load(tmp_path).bundle.path == str(tmp_path)
    (tmp_path / "model" / "model.json").touch()
    assert SingerIdentifier.load(str(tmp_path)).bundle.path == str(tmp_path / "model")
    with pytest.raises(ModelError, match=r"without an encoder; e\.pt2 cannot"):
        SingerIdentifier.load(tmp_path, cast(Any, SimpleNamespace(path="e.pt2")))


def test_a_model_knows_its_singers_and_who_was_enrolled(trained: TrainedModel) -> None:
    found = SingerIdentifier(with_backend(trained, ScoringBackend(None, gallery("d"))))
    assert found.singers == ("a", "b", "d")
    assert SingerIdentifier(with_backend(trained, ScoringBackend())).singers == ("a", "b")
    assert found.sample_rate == 22_050


def test_paths_go_as_they_are_and_samples_with_their_rate(
    trained: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, str]] = []

    def answer(_: Bundle, audio: object, windows: str) -> SimpleNamespace:
        asked.append((audio, windows))
        return SimpleNamespace(embedding=[1.0, 2.0])

    monkeypatch.setattr(singer_identifier, "identify", answer)
    model = SingerIdentifier(with_finder(trained))
    model.identify("a.wav")
    model.identify(Path("a.wav"), windows="fixed")
    assert asked == [("a.wav", "motifs"), (Path("a.wav"), "fixed")]
    assert model.embed([0.0, 0.5], 8_000) == [1.0, 2.0]
    audio = cast(Audio, asked[2][0])
    assert (audio.samples.tolist(), audio.sample_rate) == ([0.0, 0.5], 8_000)
    assert asked[2][1] == "motifs"
    with pytest.raises(ArgumentError, match="states its own rate"):
        model.identify("a.wav", 8_000)


def test_clips_are_brought_to_the_models_rate_and_enrolled_singers_take_their_share(
    trained: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[list[int]] = []
    embedding = np.arange(96.0)

    def answer(_: TrainedModel, clips: ClipSet) -> tuple[np.ndarray, np.ndarray]:
        lengths.append(clips.lengths.tolist())
        assert clips.labels.tolist() == [-1] * len(clips)
        assert clips.classes == ("a", "b")
        row = np.array([0.25, 0.75], np.float32)
        return np.stack([row] * len(clips)), np.stack([embedding] * len(clips))

    monkeypatch.setattr(singer_identifier, "predict", answer)
    plain = SingerIdentifier(with_backend(trained, ScoringBackend(None, gallery())))
    clips = [np.zeros(22_050, np.float32), np.zeros(11_025, np.float32)]
    assert plain.predict_proba(clips, 44_100).tolist() == [[0.25, 0.75]] * 2
    assert lengths == [[11_025, 5_513]]
    ready = ClipSet.from_arrays(clips[:1], [-1], ("a", "b"))
    assert plain.predict_proba(ready).tolist() == [[0.25, 0.75]]
    means = Gallery(np.stack([-embedding, -embedding]), ("d",), embedding[None], 1.0)
    found = SingerIdentifier(with_backend(trained, ScoringBackend(None, means)))
    shares = found.predict_proba(clips, 22_050)
    # Cosines -1, -1 and 1.
    new = np.e / (np.e + 2 / np.e)
    expected = [0.25 * (1 - new), 0.75 * (1 - new), new]
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares, np.array([expected, expected]), rtol=1e-6)
    none = found.predict_proba([])
    assert none.shape == (0, 3)
    assert none.dtype == np.float32
    for single in ("a.wav", Path("a.wav"), Audio(clips[0], 8_000)):
        with pytest.raises(ArgumentError, match="must be a sequence of clips, not a single"):
            found.predict_proba(cast(Any, single))
