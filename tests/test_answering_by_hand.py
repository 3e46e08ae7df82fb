"""Answers for recordings without a network: portions, ranks, neighbours, what a model holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cantaor.chain import FoundClips
from cantaor.errors import ArgumentError, ModelError
from cantaor.learn.data.clips import ClipSet
from cantaor.learn.identification import identification
from cantaor.learn.identification.evidence import ClipPredictions
from cantaor.learn.identification.identification import (
    LocatedRecording,
    aggregate_clips,
    predict_recordings,
)
from cantaor.learn.identification.nearest import nearest
from cantaor.learn.identification.saved_finder import (
    finder_facts,
    finder_from_bundle,
)
from cantaor.settings import Settings, settings_to_plain

RATE = 100


def recording(
    name: str, spans: Sequence[tuple[float, float]], offset_s: float = 0
) -> LocatedRecording:
    """Ten seconds in which every sample is its own number."""
    starts, ends = np.array(spans, np.float64).T
    found = FoundClips(name, tuple((i + 1,) for i in range(len(spans))), starts, ends)
    samples = np.arange(10 * RATE, dtype=np.float32)
    return LocatedRecording(name, found, samples, f"content of {name}", f"/{name}", offset_s)


class Network:
    """Tells of each clip its first sample and its length, and counts what it is given at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given: list[int] = []
        self.spans: list[tuple[str, float, float]] = []
        self.bundle: Any = SimpleNamespace(
            extra={},
            path="model",
            digest="digest",
            trained=SimpleNamespace(
                classes=("ana", "luz"), module=SimpleNamespace(sample_rate=RATE)
            ),
        )
        monkeypatch.setattr(identification, "embed_clips", self._embed)
        monkeypatch.setattr(identification, "predict", self._predict)

    def _embed(self, _: object, clips: ClipSet, spans: Sequence[Any]) -> ClipSet:
        self.spans += [(one.location, one.start_s, one.end_s) for one in spans]
        assert len(spans) == len(clips)
        return clips

    def _predict(self, _: object, clips: ClipSet, device: str) -> tuple[np.ndarray, np.ndarray]:
        assert device == "cpu"
        self.given.append(len(clips))
        rows = [np.asarray(clips[i]) for i in range(len(clips))]
        told = np.array([[row[0], len(row)] for row in rows], np.float32)
        return told, told * 2


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return Network(monkeypatch)


RECORDINGS = (
    ("a", [(0.5, 1.0), (2.0, 2.5)], 0.0),
    ("b", [(1.0, 3.0)], 7.0),
    ("c", [(0.0, 1.0), (4.0, 6.0)], 0.0),
)


@pytest.mark.parametrize(("portion", "given"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (9, [5])])
def test_recordings_are_judged_in_portions_and_told_apart(
    portion: int, given: list[int], network: Network
) -> None:
    recordings = [recording(*one) for one in RECORDINGS]
    found = list(predict_recordings(network.bundle, recordings, "cpu", portion))
    assert network.given == given
    assert [one.probabilities.tolist() for one in found] == [
        [[50, 50], [200, 50]],
        [[100, 200]],
        [[0, 100], [400, 200]],
    ]
    assert all(np.array_equal(one.embeddings, one.probabilities * 2) for one in found)
    assert [(one.path, one.content, one.model) for one in found] == [
        (name, f"content of {name}", "digest") for name in "abc"
    ]
    assert [one.start_s.tolist() for one in found] == [[0.5, 2.0], [1.0], [0.0, 4.0]]
    # Where a clip lies in its file counts from the file's beginning.
    assert network.spans[:3] == [("/a", 0.5, 1.0), ("/a", 2.0, 2.5), ("/b", 8.0, 10.0)]


def test_singers_are_ranked_and_equal_ones_keep_their_order() -> None:
    probabilities = np.array([[0.2, 0.4, 0.4]] * 2, np.float32)
    predictions = ClipPredictions(
        "x.wav",
        ((1,), (2,)),
        np.array([0.0, 1.0]),
        np.array([1.0, 2.0]),
        probabilities,
        np.array([[1.0, 3.0], [3.0, 5.0]], np.float32),
    )
    found = aggregate_clips(predictions, ("ana", "luz", "eva"))
    assert [one.singer for one in found.ranked] == ["luz", "eva", "ana"]
    assert found.embedding.tolist() == [2.0, 4.0]
    assert (found.clips, found.unknown, found.calibrated, found.melody) == (2, None, False, None)
    told = found.to_json()
    assert (told["singer"], told["path"], told["decision"]) == ("luz", "x.wav", None)
    assert [row["singer"] for row in told["ranked"]] == ["luz", "eva", "ana"]
    assert told["probability"] == found.ranked[0].probability


POINTS = [[1.0, 0.0], [0.0, 2.0], [3.0, 3.0], [0.0, 5.0]]


def test_neighbours_are_ordered_and_equal_ones_as_given() -> None:
    index, cosine = nearest(POINTS, [[0.0, 1.0]], 4)
    assert index.tolist() == [[1, 3, 2, 0]]
    np.testing.assert_allclose(cosine, [[1, 1, 0.5**0.5, 0]], atol=1e-7)
    assert index.dtype == np.dtype(np.int64)
    assert cosine.dtype == np.dtype(np.float32)
    assert nearest(POINTS, [[0.0, 1.0]], 1)[0].tolist() == [[1]]
    assert nearest(POINTS, [[0.0, 1.0]], 9)[0].shape == (1, 4)


def test_the_index_finds_the_same_neighbours() -> None:
    pytest.importorskip("usearch")
    rng = np.random.default_rng(0)
    base, asked = rng.normal(size=(50, 8)), rng.normal(size=(3, 8))
    exact, cosine = nearest(base, asked, 5)
    index, found = nearest(base, asked, 5, "index")
    np.testing.assert_array_equal(index, exact)
    np.testing.assert_allclose(found, cosine, atol=1e-5)


def test_nothing_is_near_to_zero() -> None:
    assert nearest(POINTS, [[0.0, 0.0]], 2)[1].tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((POINTS, [[1.0]], 1), r"dimension of queries \(1\) must match embeddings \(2\)"),
        ((POINTS, POINTS, 0), "count must be at least 1; got 0"),
        ((POINTS, POINTS, 1, "near"), "method must be exact or index; got 'near'"),
        (([1.0], POINTS, 1), r"embeddings must be \(n, dim\) and not empty; got \(1,\)"),
        ((POINTS, np.zeros((0, 2)), 1), r"queries must be \(n, dim\) and not empty; got \(0, 2\)"),
    ],
)
def test_what_cannot_be_searched_is_said(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        nearest(*arguments)


def holding(**changes: Any) -> Any:
    """A model with three clusters and two motifs, and what is changed of it."""
    arrays: dict[str, Any] = {
        "cluster_centers": np.array([100.0, 200.0, 300.0]),
        "cluster_edges": np.array([150.0, 250.0]),
        "cluster_counts": np.array([4.0, 5.0, 6.0]),
        "motif_values": np.array([2, -2, 1], np.int32),
        "motif_offsets": np.array([0, 2, 3], np.int64),
        "motif_support": np.array([3, 4], np.int32),
    }
    facts = {"settings": settings_to_plain(Settings(gap=(0, 1))), "inertia": 2.5}
    extra = {"finder": facts, "data": "motifs"} | changes.pop("extra", {})
    arrays = {key: value for key, value in (arrays | changes).items() if value is not None}
    return SimpleNamespace(arrays=arrays, extra=extra, path="folder/model")


def test_a_model_holds_its_finder() -> None:
    finder = finder_from_bundle(holding())
    assert finder.clusters.centers.tolist() == [100.0, 200.0, 300.0]
    assert finder.clusters.inertia == 2.5
    assert [motif.tolist() for motif in finder.motifs] == [[2, -2], [1]]
    assert finder.motifs.gap == finder.settings.gap == (0, 1)
    assert finder_facts(finder) == holding().extra["finder"]
    one = holding(
        cluster_centers=np.array([100.0]),
        cluster_edges=np.zeros(0),
        cluster_counts=np.ones(1),
        motif_values=np.zeros(0, np.int32),
        motif_offsets=np.zeros(1, np.int64),
        motif_support=np.zeros(0, np.int32),
    )
    assert len(finder_from_bundle(one).motifs) == 0
    same = holding(cluster_centers=np.array([100.0, 100.0, 300.0]))
    assert finder_from_bundle(same).clusters.centers[1] == 100.0


def changed(array: str, change: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
    return {array: change(holding().arrays[array])}


DAMAGE: list[tuple[dict[str, Any], str]] = [
    ({"extra": {"finder": None}}, "trained on clips alone and holds no motif dictionary"),
    ({"extra": {"data": "songs"}}, "'data' must be one of .* not 'songs'"),
    ({"extra": {"finder": {"inertia": 1.0}}}, "its motif dictionary is damaged: KeyError"),
    ({"motif_support": None}, "damaged: KeyError"),
    (
        changed("cluster_centers", lambda a: a.astype(np.float32)),
        r"cluster_centers must be float64",
    ),
    (changed("cluster_edges", lambda a: a[:1]), r"cluster_edges must be float64 \(2,\) beside 3"),
    (changed("cluster_counts", lambda a: a[:2]), r"cluster_counts must be float64 \(3,\)"),
    (changed("cluster_centers", lambda a: a[::-1].copy()), "must be ascending numbers"),
    (changed("cluster_edges", lambda a: a[::-1].copy()), "must be ascending numbers"),
    (changed("cluster_edges", lambda a: a * np.nan), "must be ascending numbers"),
    (changed("motif_values", lambda a: a.astype(np.int64)), "motif_values must be int32 of one"),
    (changed("motif_offsets", lambda a: a[None]), "motif_offsets must be int64 of one dimension"),
    (changed("motif_support", lambda a: a[:1]), r"motif_offsets \(3\) must be that .*\(1\) and 1"),
    (changed("motif_offsets", lambda a: a + 1), r"\(3\), not from 1 to 4"),
    (changed("motif_offsets", lambda a: np.array([0, 2, 2])), "must rise from 0"),
    (changed("motif_offsets", lambda a: np.array([0, 3, 3])), "must rise from 0"),
    (changed("motif_values", lambda a: a * 0), "must be steps between 3 clusters, none of 0"),
    (changed("motif_values", lambda a: a + np.int32(1)), "must be steps between 3 clusters"),
    (changed("motif_values", lambda a: a - np.int32(1)), "must be steps between 3 clusters"),
]


@pytest.mark.parametrize(("change", "message"), DAMAGE)
def test_a_damaged_finder_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        finder_from_bundle(holding(**change))


def test_clips_of_two_moments_are_evidence_both() -> None:
    predictions = ClipPredictions(
        "",
        ((1,), (2,)),
        np.array([0.0, 5.0]),
        np.array([1.0, 6.0]),
        np.array([[0.75, 0.25], [0.75, 0.25]], np.float32),
        np.zeros((2, 2), np.float32),
    )
    found = aggregate_clips(predictions, ("ana", "luz"))
    assert [one.motif for one in found.evidence] == [(1,), (2,)]
    assert replace(found, unknown=True).decision == "unknown"
