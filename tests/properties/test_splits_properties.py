"""No split leaks without saying so, whatever the clip table."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from cantaor.corpus.splits.protocols import PROTOCOLS, Split, group_splits, split_clips
from cantaor.corpus.splits.validation import validation_split
from cantaor.errors import SplitError
from tests.reference.sharing import known, leaks

clip = st.fixed_dictionaries(
    {
        "singer": st.sampled_from(["AM", "EC", "JT"]),
        "recording": st.sampled_from(["a", "b", "c", "d", "e", "f"]),
        "group": st.sampled_from(["", "", "g", "h", "i", "j"]),
        "start": st.integers(0, 12),
        "length": st.integers(1, 4),
        "content": st.sampled_from(["", "", "", "", "x", "y", "z"]),
        "source": st.sampled_from(["p", "q", "r", "s", "t", "u", "v", "w"]),
        "side": st.sampled_from(["train", "test", "validation"]),
    }
)


@st.composite
def tables(draw: st.DrawFn) -> list[dict]:  # type: ignore[type-arg]
    rows = draw(st.lists(clip, min_size=4, max_size=40))
    timed = draw(st.booleans())
    # A tidy table, where a recording has one singer, can be split far more often.
    tidy = draw(st.booleans())
    sourced = draw(st.booleans())
    for row in rows:
        row["source"] = row["source"] if sourced else ""
        row["end"] = row["start"] + row["length"] if timed else None
        row["start"] = row["start"] if timed else None
        if tidy:
            row["recording"] = row["singer"] + row["recording"]
            row["group"] = row["singer"] + row["group"] if row["group"] else ""
    return rows


def columns(rows: list[dict]) -> dict[str, object]:  # type: ignore[type-arg]
    found: dict[str, object] = {
        "labels": [row["singer"] for row in rows],
        "recordings": [row["recording"] for row in rows],
        "groups": [row["group"] for row in rows],
        "content": [row["content"] for row in rows],
    }
    if rows[0]["source"]:
        found["sources"] = [row["source"] for row in rows]
    if rows[0]["start"] is not None:
        found["starts_s"] = [row["start"] for row in rows]
        found["ends_s"] = [row["end"] for row in rows]
    return found


def check(rows: list[dict], split: Split) -> None:  # type: ignore[type-arg]
    train, test = split.train.tolist(), split.test.tolist()
    assert split.train.dtype == split.test.dtype == np.int64
    assert train == sorted(set(train))
    assert test == sorted(set(test))
    assert train
    assert test
    assert not set(train) & set(test)
    assert split.shared_audio == known(rows, train, test)
    told = split.leaks
    assert told == (leaks(rows, train, test) or split.protocol == "paper")
    if told:
        assert split.notes


@given(tables(), st.sampled_from(PROTOCOLS), st.floats(0.05, 0.6), st.integers(0, 5))
def test_no_split_leaks_in_silence(
    rows: list[dict],  # type: ignore[type-arg]
    protocol: str,
    fraction: float,
    seed: int,
) -> None:
    subsets = [row["side"] for row in rows]
    table = columns(rows)
    try:
        split = split_clips(
            **table,  # type: ignore[arg-type]
            protocol=protocol,
            test_fraction=fraction,
            seed=seed,
            column=subsets,
        )
    except SplitError:
        assume(False)
    check(rows, split)
    if protocol in ("audio", "recording", "group"):
        assert not split.leaks
        for side in (split.train, split.test):
            assert {rows[i]["singer"] for i in side} == {row["singer"] for row in rows}
    if protocol in ("recording", "group"):
        held, learnt = (
            {(rows[i]["singer"], rows[i]["recording"]) for i in side}
            for side in (split.test, split.train)
        )
        assert not held & learnt
    if protocol == "group":
        held, learnt = ({rows[i]["group"] for i in side} for side in (split.test, split.train))
        assert not held & learnt - {""}


@given(tables(), st.sampled_from(PROTOCOLS), st.floats(0.05, 0.6), st.integers(0, 5))
def test_no_validation_split_leaks_in_silence(
    rows: list[dict],  # type: ignore[type-arg]
    protocol: str,
    fraction: float,
    seed: int,
) -> None:
    subsets = [row["side"] for row in rows]
    table = columns(rows)
    try:
        split = split_clips(**table, protocol=protocol, seed=seed, column=subsets)  # type: ignore[arg-type]
        inner = validation_split(split, **table, fraction=fraction, seed=seed)  # type: ignore[arg-type]
    except SplitError:
        assume(False)
    check(rows, inner)
    assert inner.leaks == (protocol == "paper")
    assert not set(inner.train.tolist()) & set(split.test.tolist())
    assert set(inner.train.tolist()) | set(inner.test.tolist()) <= set(split.train.tolist())
    kept = {rows[i]["singer"] for i in inner.train}
    assert kept == {rows[i]["singer"] for i in split.train}


@given(tables(), st.integers(0, 5))
def test_no_group_draw_leaks(rows: list[dict], seed: int) -> None:  # type: ignore[type-arg]
    try:
        draws = list(group_splits(**columns(rows), draws=5, seed=seed))  # type: ignore[arg-type]
    except SplitError:
        assume(False)
    for split in draws:
        check(rows, split)
        assert not split.leaks
