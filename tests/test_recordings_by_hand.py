"""Whole recordings by hand: clips in portions, spans, channels, answers and their plain values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from scipy.sparse import csc_array

from cantaor.chain import FoundClips, MotifFinder
from cantaor.errors import AudioError, ModelError
from cantaor.inference import batch
from cantaor.inference.batch import Input, LocatedClips, infer_recordings
from cantaor.io.audio import write_audio
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.encoders.tables import Span
from cantaor.learn.export.bundle import Bundle
from cantaor.learn.identification import identification
from cantaor.learn.identification.calibration import Calibration
from cantaor.learn.identification.enrolment import Gallery, ScoringBackend
from cantaor.learn.identification.evidence import ClipPredictions, singer_probabilities
from cantaor.learn.identification.identification import (
    Identification,
    LocatedRecording,
    aggregate_clips,
    identify,
    predict_clips,
    predict_recordings,
)
from cantaor.learn.identification.melody import Melody, MotifShares
from cantaor.learn.identification.saved_finder import finder_arrays, finder_facts
from cantaor.learn.training.trained_model import TrainedModel
from cantaor.parallel.workers import WorkerPool
from cantaor.settings import Settings
from cantaor.types import Audio, Clusters, Motifs

FINDER = MotifFinder(
    Clusters(np.array([0.0, 100.0]), np.array([50.0]), 2.5, np.array([3.0, 4.0])),
    Motifs(np.array([1, -1], np.int32), np.array([0, 2]), np.array([5], np.int32), (0, 0)),
    Settings(channel=0),
)
SURE = Calibration(2.0, 0.6, 0.1, 0.2, 0.1, 9)


def bundle(rate: int = 10, **more: Any) -> Bundle:
    """A model without a network, which tests put in its place."""
    trained = SimpleNamespace(module=SimpleNamespace(sample_rate=rate), classes=("a", "b"))
    extra = {"finder": finder_facts(FINDER), "data": "random", **more}
    return Bundle(cast(TrainedModel, trained), finder_arrays(FINDER), extra, "folder", "digest")


def located(path: str, spans: list[tuple[float, float]], *, first: int = 0) -> LocatedRecording:
    """Ten seconds at 10 Hz whose samples count up from ``first``."""
    starts, ends = np.array(spans).T
    motifs = tuple((number + 1,) for number in range(len(spans)))
    found = FoundClips(path, motifs, starts, ends, np.array([0, 2]))
    samples = np.arange(first, first + 100, dtype=np.float32)
    return LocatedRecording(path, found, samples, f"content of {path}", f"/{path}", 20.0)


class Network:
    """Answers for a clip with its first and last sample, and notes what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[int] = []
        self.spans: list[Span] = []
        self.devices: list[str] = []
        monkeypatch.setattr(identification, "embed_clips", self.embed)
        monkeypatch.setattr(identification, "predict", self.predict)

    def embed(self, _: Bundle, clips: ClipSet, spans: list[Span]) -> ClipSet:
        assert len(clips) == len(spans)
        assert clips.labels.tolist() == [-1] * len(clips)
        assert clips.classes == ("a", "b")
        self.spans.extend(spans)
        return clips

    def predict(
        self, _: TrainedModel, clips: ClipSet, *, device: str
    ) -> tuple[np.ndarray, np.ndarray]:
        self.asked.append(len(clips))
        self.devices.append(device)
        ends = np.array([[clip[0], clip[-1]] for clip in (clips[i] for i in range(len(clips)))])
        return ends, -ends


@pytest.mark.parametrize(
    ("portion", "asked"), [(1, [1] * 5), (2, [2, 2, 1]), (4, [4, 1]), (5, [5]), (2048, [5])]
)
def test_clips_of_recordings_are_asked_about_in_portions(
    monkeypatch: pytest.MonkeyPatch, portion: int, asked: list[int]
) -> None:
    network = Network(monkeypatch)
    one = located("one", [(0.0, 1.0), (0.5, 9.0), (2.0, 2.1)])
    other = located("other", [(3.0, 4.0), (9.0, 10.0)], first=1000)
    found = list(predict_recordings(bundle(), [one, other], "cpu", portion))
    assert network.asked == asked
    assert network.devices == ["cpu"] * len(asked)
    # At 10 Hz from 0 to 1 s samples 0 to 9, from .5 to 9 s 5 to 89, and a single one at 2 s.
    assert found[0].probabilities.tolist() == [[0, 9], [5, 89], [20, 20]]
    assert found[1].probabilities.tolist() == [[1030, 1039], [1090, 1099]]
    assert found[1].embeddings.tolist() == [[-1030, -1039], [-1090, -1099]]
    assert [(one.path, one.content, one.model) for one in found] == [
        ("one", "content of one", "digest"),
        ("other", "content of other", "digest"),
    ]
    assert found[0].motifs == ((1,), (2,), (3,))
    assert found[0].start_s.tolist() == [0.0, 0.5, 2.0]
    assert found[0].end_s.tolist() == [1.0, 9.0, 2.1]
    assert found[0].sung is not None
    assert found[0].sung.tolist() == [0, 2]
    assert found[0].backend == ScoringBackend()
    # Samples begin 20 s into the file.
    assert network.spans == [
        *(Span("/one", 20.0, 21.0), Span("/one", 20.5, 29.0), Span("/one", 22.0, 22.1)),
        *(Span("/other", 23.0, 24.0), Span("/other", 29.0, 30.0)),
    ]


def test_2048_clips_are_in_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch)
    many = located("one", [(0.0, 0.1)] * 2049)
    assert len(next(predict_recordings(bundle(), [many])).probabilities) == 2049
    assert network.asked == [2048, 1]
    assert network.devices == ["auto"] * 2


def two_channels(path: Path) -> Path:
    """Two seconds at 20 Hz; the second channel is half as loud."""
    samples = np.full((40, 2), 0.5, np.float32)
    samples[:, 1] = 0.25
    write_audio(path, samples, 20)
    return path


def test_a_file_is_heard_in_the_models_channel_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[object, ...]] = []

    def find(
        finder: MotifFinder, kind: str, blocks: Iterable[np.ndarray], rate: int, *name: str
    ) -> FoundClips:
        samples = np.concatenate(list(blocks))
        heard.append((kind, rate, samples.size, round(float(samples.mean()), 3), *name))
        ends = np.array([0.4, 1.2])
        return FoundClips("x", ((1,), (2,)), np.array([0.0, 0.4]), ends, np.array([0]))

    network = Network(monkeypatch)
    monkeypatch.setattr(identification, "find_clips", find)
    path = str(two_channels(tmp_path / "a.wav"))
    found = predict_clips(bundle(20), path)
    predict_clips(bundle(20), Path(path), 1)
    predict_clips(bundle(20), path, "mean")
    assert heard == [("random", 20, 40, level, path) for level in (0.5, 0.25, 0.375)]
    assert network.asked == [2, 2, 2]
    assert (found.path, found.content) == (path, "")
    assert network.spans[:2] == [Span(path, 0.0, 0.4), Span(path, 0.4, 1.2)]
    # 1.2 s at the median of .4 and .8 are two windows.
    fixed = predict_clips(bundle(20), path, windows="fixed")
    np.testing.assert_allclose(fixed.start_s, [0.0, 0.6])
    # Samples in memory are brought to the model's rate and have no place.
    heard.clear()
    network.spans.clear()
    audio = Audio(np.full(80, 0.125, np.float32), 40)
    found = predict_clips(bundle(20), audio)
    assert heard == [("random", 40, 80, 0.125)]
    assert (found.path, network.spans[1]) == ("", Span("", 0.4, 1.2))
    fixed = predict_clips(bundle(20), audio, windows="fixed")
    np.testing.assert_allclose(fixed.end_s, [0.6, 1.2])

    def fail(*_: object) -> FoundClips:
        raise ValueError("odd")

    monkeypatch.setattr(identification, "find_clips", fail)
    with pytest.raises(AudioError) as caught:
        predict_clips(bundle(20), path)
    assert str(caught.value) == f"{path}: cannot be used: ValueError: odd"


def test_a_model_is_read_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def load(path: Path) -> Bundle:
        read.append(path)
        return bundle()

    def clips(model: Bundle, audio: object, *, windows: str) -> ClipPredictions:
        assert (model.digest, audio) == ("digest", "a.wav")
        return replace(predictions(), path=windows)

    monkeypatch.setattr(identification, "load_bundle", load)
    monkeypatch.setattr(identification, "predict_clips", clips)
    assert identify("model", "a.wav").path == "motifs"
    assert read == [Path("model")]
    assert identify(bundle(), "a.wav", "fixed").path == "fixed"
    assert len(read) == 1


def predictions(
    backend: ScoringBackend | None = None, sung: list[int] | None = None
) -> ClipPredictions:
    """Two clips of different moments, of odds 1 : 4 and 1 : 1, so 1 : 2 together."""
    return ClipPredictions(
        "a.wav",
        ((1, -1), (2,)),
        np.array([0.0, 2.0]),
        np.array([1.0, 3.5]),
        np.array([[0.2, 0.8], [0.5, 0.5]], np.float32),
        np.array([[1.0, 0.0], [0.0, 3.0]], np.float32),
        ScoringBackend() if backend is None else backend,
        sung=None if sung is None else np.array(sung),
    )


def ranked(found: Identification) -> list[tuple[str, Any]]:
    return [(one.singer, one.probability) for one in found.ranked]


def test_an_answer_as_plain_values() -> None:
    rows = np.array([[1.0, 2.0, 0.0], [3.0, 5.0, 0.0]], np.float32)
    found = aggregate_clips(replace(predictions(), embeddings=rows), ("a", "b"))
    assert found.embedding.tolist() == [2.0, 3.5, 0.0]
    third = pytest.approx(1 / 3, rel=1e-6)
    two_thirds = pytest.approx(2 / 3, rel=1e-6)
    plain = {
        **{"path": "a.wav", "singer": "b", "probability": two_thirds, "decision": None},
        **{"unknown": None, "calibrated": False, "clips": 2, "melody": None},
        "ranked": [
            {"singer": "b", "probability": two_thirds},
            {"singer": "a", "probability": third},
        ],
        "evidence": [
            {
                **{"motif": [1, -1], "start_s": 0.0, "end_s": 1.0, "members": []},
                "probability": pytest.approx(0.8),
            },
            {"motif": [2], "start_s": 2.0, "end_s": 3.5, "probability": 0.5, "members": []},
        ],
    }
    assert found.to_json() == plain
    assert list(found.to_json()) == list(plain)
    joined = replace(predictions(), start_s=np.array([0.0, 0.4]), end_s=np.array([1.0, 1.0]))
    assert aggregate_clips(joined, ("a", "b")).to_json()["evidence"][0]["members"] == [[2]]


def test_a_calibrated_answer_is_decided() -> None:
    # Roots of 2/3 and 1/3 are sqrt(2) to 1; two thirds are above .6.
    found = aggregate_clips(predictions(ScoringBackend(SURE)), ("a", "b"))
    share = np.sqrt(2) / (1 + np.sqrt(2))
    assert ranked(found) == [("b", pytest.approx(share)), ("a", pytest.approx(1 - share))]
    assert (found.unknown, found.calibrated, found.decision) == (False, True, "unsure")
    found = aggregate_clips(
        predictions(ScoringBackend(replace(SURE, temperature=0.5, unknown_below=0.5))), ("a", "b")
    )
    # Squares are 4 to 1.
    assert ranked(found)[0] == ("b", pytest.approx(0.8))
    assert found.decision == "named"
    found = aggregate_clips(
        predictions(ScoringBackend(replace(SURE, unknown_below=0.7))), ("a", "b")
    )
    assert (found.unknown, found.decision) == (True, "unknown")


def test_of_equals_the_first_singer_comes_first() -> None:
    even = replace(predictions(), probabilities=np.full((2, 2), 0.5, np.float32))
    assert ranked(aggregate_clips(even, ("z", "y"))) == [("z", 0.5), ("y", 0.5)]


def test_evidence_for_who_was_enrolled_comes_from_each_clip() -> None:
    gallery = Gallery(np.array([[1.0, 0.0], [1.0, 0.0]]), ("new",), np.array([[0.0, 1.0]]), 0.5)
    found = aggregate_clips(predictions(ScoringBackend(None, gallery)), ("a", "b"))
    # The mean (.5, 1.5) has cosines 1 and 3 to the root of 10.
    one, three = np.exp(2 / np.sqrt(10)), np.exp(6 / np.sqrt(10))
    share = three / (2 * one + three)
    assert ranked(found)[0] == ("new", pytest.approx(share))
    assert ranked(found)[1] == ("b", pytest.approx((1 - share) * 2 / 3, rel=1e-6))
    # A clip at a time: cosines 1, 1, 0 and 0, 0, 1, over .5.
    e = np.exp(2)
    evidence: list[tuple[Any, Any]] = [(one.motif, one.probability) for one in found.evidence]
    assert evidence == [
        ((2,), pytest.approx(e / (2 + e))),
        ((1, -1), pytest.approx(1 / (2 * e + 1))),
    ]
    # What the network gives a trained singer is not divided further.
    trained = singer_probabilities(predictions(ScoringBackend(None, gallery)), 1)
    assert trained.tolist() == pytest.approx([0.8, 0.5])
    assert trained.dtype == np.float64


def test_the_melody_names_who_sings_such_motifs_where_some_were_heard() -> None:
    # The first motif is sung by the first singer, the second by the other.
    shares = MotifShares(csc_array(np.array([[0.9, 0.1], [0.1, 0.9]])), np.array([1, 1]))
    backend = ScoringBackend(SURE, None, Melody(shares, 1.0, SURE))
    assert aggregate_clips(predictions(backend, [0, 0, 1]), ("a", "b")).melody == "a"
    assert aggregate_clips(predictions(backend, [0, 1, 1]), ("a", "b")).melody == "b"
    assert aggregate_clips(predictions(backend), ("a", "b")).melody is None
    assert aggregate_clips(predictions(ScoringBackend(SURE), [0]), ("a", "b")).melody is None
    # Without a motif nobody is more likely than another.
    assert aggregate_clips(predictions(backend, []), ("a", "b")).melody is None


def test_each_recording_of_many_comes_with_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[batch.InferenceJob] = []
    opened: list[int] = []

    def locate(job: batch.InferenceJob) -> LocatedClips:
        jobs.append(job)
        if job.input.location == "bad":
            raise AudioError("bad: silent")
        np.zeros(100, np.float32).tofile(job.samples_path)
        return LocatedClips(FoundClips("x", ((1,),), np.zeros(1), np.ones(1)), "content")

    def answers(
        _: Bundle, recordings: list[LocatedRecording], device: str
    ) -> Iterator[ClipPredictions]:
        assert device == "cpu"
        for one in recordings:
            yield replace(predictions(), path=one.path)

    network = batch._open_network

    def opening(number: int) -> Any:
        opened.append(number)
        return network(1)

    monkeypatch.setattr(batch, "locate_recording_clips", locate)
    monkeypatch.setattr(batch, "_open_network", opening)
    monkeypatch.setattr(identification, "predict_recordings", answers)
    inputs = [Input("a"), Input("bad"), Input("c", 1.0, 2.0)]
    found = list(infer_recordings(bundle(20), iter(inputs), None, "cpu"))
    assert [one for one, _ in found] == inputs
    assert [getattr(answer, "path", str(answer)) for _, answer in found] == [
        *("a", "bad: silent", "c#t=1,2")
    ]
    assert [job.samples_path.name for job in jobs] == ["0.f32", "1.f32", "2.f32"]
    assert [(job.rate, job.kind, job.windows) for job in jobs] == [(20, "random", "motifs")] * 3
    assert {job.finder.settings.channel for job in jobs} == {0}
    # Scratch files go with their folder.
    assert jobs[0].samples_path.parent.name.startswith("cantaor-")
    assert not jobs[0].samples_path.parent.exists()
    jobs.clear()
    pool = WorkerPool(None, 3)
    list(infer_recordings(bundle(20), inputs, pool, "cpu", 1, "fixed"))
    assert {(job.finder.settings.channel, job.windows) for job in jobs} == {(1, "fixed")}
    # As many threads as workers.
    assert opened == [1, 3]
    with pytest.raises(ModelError, match="holds no motif dictionary"):
        next(infer_recordings(bundle(finder=None), inputs))
