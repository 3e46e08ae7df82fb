"""The whole chain from FLAC to motif instances, beside the same chain with Essentia's pitch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cantaor.corpus.synthetic import SyntheticCorpus
from cantaor.run.pipeline import mine
from cantaor.run.workspace import Workspace

METHODS = ("salience", "essentia")


@pytest.mark.benchmark(group="mine 6 minutes of singing, FLAC to instances")
@pytest.mark.parametrize("method", METHODS)
def test_chain(
    benchmark: Any,
    method: str,
    corpus: SyntheticCorpus,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    def fresh_folder() -> tuple[tuple[Path], dict[str, Any]]:
        return (tmp_path_factory.mktemp("work") / "w",), {}

    def run(folder: Path) -> Workspace:
        return mine(corpus.folder, folder, pitch_method=method, clips=False)

    run(fresh_folder()[0][0])  # compiled and cached kernels, warm disk
    workspace = benchmark.pedantic(run, setup=fresh_folder, rounds=3)
    found = set(workspace.table("instances")["singer"].to_pylist())
    assert found == {"V1", "V2", "V3", "V4"}
    assert workspace.table("failures").num_rows == 0
    seconds = sum(workspace.table("recordings")["duration_s"].to_pylist())
    benchmark.extra_info["times real time"] = round(seconds / benchmark.stats["median"], 1)
