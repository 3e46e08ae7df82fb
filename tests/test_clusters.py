"""The clusters stage: optimality against a peer, merging bit for bit, and its errors."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import kmeans1d
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantaor._gather import add_to_bins
from cantaor.clustering.histogram import ClusterHistogram
from cantaor.clustering.kmeans import kmeans_1d, kmeans_path
from cantaor.errors import ArgumentError
from cantaor.types import Clusters
from tests.reference.clusters import bins_of


def peer_inertia(values: np.ndarray, k: int) -> float:
    labels = np.asarray(kmeans1d.cluster(values, k).clusters)
    return sum(((values[labels == j] - values[labels == j].mean()) ** 2).sum() for j in range(k))


def shapes(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    return {
        "normal": rng.normal(size=n),
        "uniform": rng.uniform(size=n) * 1e12,
        "tiny": rng.normal(size=n) * 1e-9,
        "heavy": rng.standard_cauchy(n),
        "lognormal": np.exp(3 * rng.normal(size=n)),
        "notes": rng.integers(0, 24, n) * 100 + rng.normal(size=n) * 20,
        "rounded": np.round(rng.normal(size=n) * 300),
    }


@pytest.mark.parametrize("n", [300, 12_000])
@pytest.mark.parametrize("k", [2, 3, 24, 64])
def test_inertia_is_the_peers_optimum(n: int, k: int, rng: np.random.Generator) -> None:
    for name, values in shapes(rng, n).items():
        expected = peer_inertia(values, k)
        assert kmeans_1d(values, k).inertia == pytest.approx(expected, rel=1e-6), name


def test_a_large_offset_changes_nothing(rng: np.random.Generator) -> None:
    values = np.round(rng.normal(size=2000) * 4096)
    near, far = kmeans_1d(values, 8), kmeans_1d(values + 1e12, 8)
    np.testing.assert_allclose(far.centers - 1e12, near.centers, atol=1e-3)
    assert far.inertia == pytest.approx(near.inertia, rel=1e-6)


def test_record_fits_the_values(rng: np.random.Generator) -> None:
    values = rng.normal(size=5000)
    clusters = kmeans_1d(values, 7)
    labels = clusters.assign(values)
    assert (np.diff(clusters.centers) > 0).all()
    np.testing.assert_array_equal(np.bincount(labels), clusters.counts)
    np.testing.assert_allclose(clusters.edges, (clusters.centers[1:] + clusters.centers[:-1]) / 2)
    np.testing.assert_allclose(
        ((values - clusters.centers[labels]) ** 2).sum(), clusters.inertia, rtol=1e-12
    )


def test_nan_is_ignored_and_order_does_not_matter(rng: np.random.Generator) -> None:
    values = np.append(rng.normal(size=500), [np.nan] * 20)
    one, other = kmeans_1d(values, 5), kmeans_1d(rng.permutation(values), 5)
    assert one.counts.sum() == 500
    np.testing.assert_array_equal(one.centers, other.centers)


def test_weights_count_as_repeats(rng: np.random.Generator) -> None:
    values = rng.normal(size=200)
    weights = rng.integers(0, 4, 200)
    weighted = kmeans_1d(values, 6, weights=weights)
    repeated = kmeans_1d(np.repeat(values, weights), 6)
    np.testing.assert_allclose(weighted.centers, repeated.centers, rtol=1e-12)
    assert weighted.inertia == pytest.approx(repeated.inertia, rel=1e-9)


def test_auto_finds_separate_notes(rng: np.random.Generator) -> None:
    values = rng.integers(0, 9, 4000) * 100.0 + rng.normal(size=4000) * 12
    assert kmeans_1d(values, "auto").centers.size == 9
    histogram = ClusterHistogram()
    histogram.update(values)
    assert histogram.solve("auto").centers.size == 9


def test_auto_of_a_corpus_is_as_fine_as_semitones(rng: np.random.Generator) -> None:
    histogram = ClusterHistogram()
    histogram.update(rng.normal(2000, 320, 20_000))  # voices that gather nowhere in common
    found = histogram.solve("auto")
    assert 12 <= found.centers.size <= 20
    assert (found.inertia / histogram.total) ** 0.5 <= 100 / 12**0.5


def test_ladder_falls_and_ends_at_the_distinct_values() -> None:
    path = kmeans_path([1.0, 2.0, 2.0, 9.0, 30.0])
    inertias = [clusters.inertia for clusters in path]
    assert [clusters.centers.size for clusters in path] == [1, 2, 3, 4]
    assert sorted(inertias, reverse=True) == inertias
    assert inertias[-1] == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kmeans_1d([1.0, 1.0, 2.0], 3), r"k \(3\) .* distinct values \(2\)"),
        (lambda: kmeans_1d([1.0], 0), "k must be"),
        (lambda: kmeans_1d([1.0], 1.5), "k must be"),  # type: ignore[arg-type]
        (lambda: kmeans_1d([1.0, np.inf], 1), "infinite"),
        (lambda: kmeans_1d([], 1), "at least one"),
        (lambda: kmeans_1d([np.nan], 1), "at least one"),
        (lambda: kmeans_1d([1.0, 2.0], 1, weights=[1.0]), r"weights \(1\) must match values \(2\)"),
        (lambda: kmeans_1d([1.0, 2.0], 1, weights=[1.0, -1.0]), "weights"),
        (lambda: ClusterHistogram().solve(1), "empty"),
        (lambda: ClusterHistogram().update([1e6]), "1000000.0"),
        (lambda: ClusterHistogram().update([np.inf]), "inf"),
        (lambda: ClusterHistogram().update([1.0], weights=[-1.0]), "weights"),
        (lambda: ClusterHistogram.from_arrays({}), "missing"),
    ],
)
def test_bad_input_is_named(call: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call()  # type: ignore[operator]


def same_bits(one: Clusters, other: Clusters) -> bool:
    return (
        one.centers.tobytes() == other.centers.tobytes()
        and one.edges.tobytes() == other.edges.tobytes()
        and one.counts.tobytes() == other.counts.tobytes()
        and one.inertia == other.inertia
    )


def test_any_partition_gives_the_same_bits(rng: np.random.Generator) -> None:
    values = np.append(rng.normal(2400, 400, 20_000), np.nan)
    whole = ClusterHistogram()
    whole.update(values)
    merged = ClusterHistogram()
    for part in np.array_split(rng.permutation(values), 7):
        piece = ClusterHistogram()
        piece.update(part)
        merged.merge(ClusterHistogram.from_arrays(piece.to_arrays()))
    assert merged.total == whole.total == 20_000
    assert same_bits(whole.solve(24), merged.solve(24))


@given(
    st.lists(st.tuples(st.floats(-4, 3.9999) | st.just(float("nan")), st.integers(0, 99))),
    st.booleans(),
)
def test_bins_are_those_of_plain_integers(rows: list[tuple[float, int]], alike: bool) -> None:
    weights = [7 if alike else weight for _, weight in rows]
    bins = np.zeros((3, 8 << 5), np.int64)
    values = np.array([value for value, _ in rows])
    given_weights = np.array([7] if alike else weights, np.int64)
    add_to_bins(values, given_weights, -4 << 5, 13, 8, bins)
    plain = bins_of(values.tolist(), weights, -4 << 5, 13, 8, bins.shape[1])
    found = {i: tuple(bins[:, i].tolist()) for i in range(bins.shape[1])}
    assert found == {i: plain.get(i, (0, 0, 0)) for i in found}


@pytest.mark.parametrize("k", [2, 24, 64])
def test_histogram_is_as_good_as_the_values(k: int, rng: np.random.Generator) -> None:
    values = rng.integers(10, 34, 30_000) * 100 + rng.normal(size=30_000) * 25
    histogram = ClusterHistogram()
    histogram.update(values)
    exact = kmeans_1d(values, k)
    found = histogram.solve(k)
    assert found.inertia == pytest.approx(exact.inertia, rel=1e-6)
    labels = found.assign(values)
    actual = ((values - found.centers[labels]) ** 2).sum()
    assert actual == pytest.approx(exact.inertia, rel=1e-6)


def test_histogram_weights_count_as_repeats(rng: np.random.Generator) -> None:
    values = rng.normal(2400, 400, 300)
    weights = rng.integers(0, 4, 300)
    weighted, repeated = ClusterHistogram(), ClusterHistogram()
    weighted.update(values, weights)
    repeated.update(np.repeat(values, weights))
    single = ClusterHistogram()
    for value, weight in zip(values, weights, strict=True):
        single.update([value], [weight])
    assert same_bits(weighted.solve(5), repeated.solve(5))
    assert same_bits(single.solve(5), repeated.solve(5))


def test_import_leaves_numba_alone() -> None:
    code = "import sys, cantaor.clustering.kmeans; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_kernels_compile_where_no_cache_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    from cantaor.clustering import _kernels

    compile_now = numba.njit

    def refusing(*functions: object, cache: bool = False, **options: object) -> object:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return compile_now(*functions, **options)

    monkeypatch.setattr(numba, "njit", refusing)
    assert _kernels.compiled(lambda x: x + 1)(1) == 2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="drops the rights of root as Linux does it")
def test_a_read_only_install_keeps_a_cache(tmp_path: Path) -> None:
    package = Path(sys.modules["cantaor"].__path__[0])
    installed = tmp_path / "installed" / "cantaor"
    shutil.copytree(package, installed, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [*installed.rglob("*"), installed, installed.parent]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    home.mkdir(mode=0o555)
    scratch.mkdir(mode=0o700)
    code = (
        "import os, cantaor; from cantaor.clustering import _kernels, kmeans;"
        "assert not os.access(cantaor.__path__[0], os.W_OK);"
        "assert clusters.kmeans_1d([1.0, 2.0, 9.0], 2).centers[1] == 9;"
        "print(cantaor.__path__[0], sum(_kernels.best_boundaries.stats.cache_hits.values()))"
    )
    # Root writes anywhere, whatever the permissions say, unless its capabilities are taken away.
    drop = ["setpriv", "--securebits=+noroot", "--inh-caps=-all", "--bounding-set=-all"]
    command = [*(drop if os.geteuid() == 0 else []), sys.executable, "-c", code]
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("NUMBA")},
        "PYTHONPATH": str(installed.parent),
        "HOME": str(home),
        "TMPDIR": str(scratch),
    }
    outputs = [
        subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout
        for _ in range(2)
    ]
    assert [line.split() for line in outputs] == [[str(installed), "0"], [str(installed), "1"]]
