"""Matching of landmarks: the definition, in memory and in files."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from cantaor.corpus.audit.landmarks import Landmarks
from cantaor.corpus.audit.near_copies import LandmarkTable, near_copies
from cantaor.errors import WorkspaceError


def random_prints(rng: np.random.Generator, recordings: int, distinct: int) -> list[Landmarks]:
    """Few distinct hashes, so that many are shared; parts of the first return later, shifted."""
    prints = []
    for number in range(recordings):
        size = int(rng.choice([0, 1, 40, 200, 4000]))
        hashes = rng.integers(0, distinct, size).astype(np.uint64) << np.uint64(number % 3)
        frames = rng.integers(0, 30, size).astype(np.int32)
        if prints and size and rng.random() < 0.5:
            source = prints[int(rng.integers(len(prints)))]
            kept = rng.random(source.hashes.size) < 0.7
            hashes = np.concatenate([hashes, source.hashes[kept]])[-4000:]
            frames = np.concatenate([frames, source.frames[kept] + np.int32(number)])[-4000:]
        order = np.argsort(hashes, kind="stable")
        prints.append(Landmarks(hashes[order], frames[order]))
    return prints


def plain_near_copies(
    prints: list[Landmarks], most: int
) -> dict[tuple[int, int], tuple[int, float]]:
    """Landmarks in common and their share for each pair, by the definition."""
    meetings: Counter[tuple[int, int, int]] = Counter()
    total, parts = 0, 0
    for part in range(64):
        places: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for owner, one in enumerate(prints):
            for value, frame in zip(one.hashes.tolist(), one.frames.tolist(), strict=True):
                if value % 64 == part:
                    places[value].append((owner, frame))
        by_size: Counter[int] = Counter()
        for found in places.values():
            by_size[len(found)] += len(found) * (len(found) - 1) // 2
        # The commonest are left out.
        allowed = [s for s in by_size if sum(n for t, n in by_size.items() if t <= s) <= most // 4]
        rows = [
            (one, other, at - there)
            for found in places.values()
            if len(found) in allowed
            for (one, at), (other, there) in combinations(found, 2)
            if one != other
        ]
        if parts and total + len(rows) > most:
            break
        total, parts = total + len(rows), parts + 1
        meetings.update(rows)
    best: dict[tuple[int, int], tuple[int, float]] = {}
    for (one, other, shift), number in sorted(meetings.items()):
        common = number + meetings.get((one, other, shift + 1), 0)
        ends = [int(p.hashes[-1]) for p in (prints[one], prints[other]) if p.hashes.size == 4000]
        last = min(ends, default=2**64)
        looked_at = [[h for h in prints[n].hashes.tolist() if h % 64 < parts] for n in (one, other)]
        fewest = min(sum(h <= last for h in hashes) for hashes in looked_at)
        share = min(common / fewest, 1.0)
        if common >= 12 and share >= 0.05 and common > best.get((one, other), (0, 0.0))[0]:
            best[one, other] = common, share
    return best


@pytest.mark.parametrize(
    ("seed", "most"), [(0, 10**9), (1, 10**9), (2, 20_000), (3, 3_000), (4, 200_000)]
)
def test_near_copies_by_their_definition_in_memory_and_in_files(
    seed: int, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cantaor.corpus.audit.near_copies._MAX_MEETINGS", most)
    prints = random_prints(np.random.default_rng(seed), 8, 3_000)
    wanted = plain_near_copies(prints, most)
    answers = []
    for held in (10**9, 100):
        with LandmarkTable(held, tmp_path) as table:
            # In any order: files are not read in that of their entries.
            for owner in np.random.default_rng(1).permutation(len(prints)).tolist():
                table.add(owner, prints[owner])
            assert any(tmp_path.iterdir()) == (held == 100)
            answers.append(table.near_copies())
        assert not any(tmp_path.iterdir())
    assert answers[0] == answers[1] == near_copies(prints)
    assert {(p.one, p.other): (p.common, p.share) for p in answers[0]} == wanted
    assert wanted or most == 3_000


def test_copies_are_found_where_landmarks_meet_by_chance_most_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every hash is in many recordings; a sample of them tells the one copy all the same."""
    monkeypatch.setattr("cantaor.corpus.audit.near_copies._MAX_MEETINGS", 40_000)
    rng = np.random.default_rng(0)
    prints = []
    for _ in range(30):
        hashes = np.sort(rng.choice(40_000, 4_000, replace=False)).astype(np.uint64)
        prints.append(Landmarks(hashes, rng.integers(0, 10_000, 4_000).astype(np.int32)))
    kept = np.sort(rng.choice(4_000, 2_500, replace=False))
    prints.append(Landmarks(prints[7].hashes[kept], prints[7].frames[kept] + np.int32(40)))
    with LandmarkTable() as table:
        for owner, one in enumerate(prints):
            table.add(owner, one)
        (pair,) = table.near_copies()
        assert 1 / 64 <= table.share < 0.5
    assert (pair.one, pair.other) == (7, 30)
    assert pair.share > 0.3
    with LandmarkTable() as table:
        assert table.near_copies() == ()
        assert table.share == 1


def test_landmarks_without_room_are_named(tmp_path: Path) -> None:
    one = Landmarks(np.arange(9, dtype=np.uint64), np.arange(9, dtype=np.int32))
    with (
        LandmarkTable(1, tmp_path / "nowhere") as table,
        pytest.raises(WorkspaceError, match=r"landmarks cannot be written.*nowhere"),
    ):
        table.add(0, one)
