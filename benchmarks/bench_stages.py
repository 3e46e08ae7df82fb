"""Every case of ``cantaor bench`` under pytest-benchmark: cantaor and each peer on the same data.

The answers are checked before anything is timed. A peer that is not installed fails with the line
that installs it.
"""

from __future__ import annotations

from typing import Any

import pytest

from cantaor.bench.cases import STAGES, cases_of
from cantaor.bench.records import Case, Peer
from cantaor.bench.timing import available

CASES = [case for stage in STAGES for case in cases_of(stage)]
PAIRS = [(case, peer) for case in CASES for peer in case.peers]


def name(value: Case | Peer) -> str:
    return f"{value.stage}, {value.name}" if isinstance(value, Case) else value.name


@pytest.mark.parametrize("case", CASES, ids=name)
def test_cantaor(benchmark: Any, case: Case) -> None:
    data = case.make(case.sizes[-1])
    benchmark.group = name(case)
    benchmark.extra_info["checked"] = case.check(data, case.run(data))
    benchmark.pedantic(case.run, (data,), rounds=5, warmup_rounds=1)


@pytest.mark.parametrize(("case", "peer"), PAIRS, ids=name)
def test_peer(benchmark: Any, case: Case, peer: Peer) -> None:
    if not available(peer):
        pytest.fail(f"{peer.name} is missing: {peer.install}")
    data = case.make(case.sizes[-1])
    benchmark.group = name(case)
    benchmark.extra_info["agreement"] = peer.agree(data, case.run(data), peer.run(data))
    benchmark.pedantic(peer.run, (data,), rounds=3)
