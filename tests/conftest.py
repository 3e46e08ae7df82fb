"""What every test can rely on: a header that names the build, seeds, and where real data lie."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import settings

from cantaor._core import build_info
from cantaor.corpus.synthetic.corpus import SyntheticCorpus, make_corpus
from cantaor.pipeline.mine import mine
from cantaor.workspace.workspace import Workspace

settings.register_profile("cantaor", deadline=None, derandomize=True)
settings.load_profile("cantaor")

_CACHE = TemporaryDirectory(prefix="cantaor-cache-")
ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("CANTAOR_TEST_DATA", ROOT.parent / "shared" / "data"))


def pytest_configure() -> None:
    # A process that a script started in the background ignores Ctrl-C, which tests send themselves.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Of this run, so that nothing is written below the user's folders or found from another run.
    os.environ["CANTAOR_CACHE"] = _CACHE.name


def pytest_report_header() -> str:
    info = build_info()
    sanitizers = f", sanitizers {info['sanitizers']}" if info["sanitizers"] else ""
    return f"cantaor kernels: {info['compiler']}, {info['build_type']}{sanitizers}"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20201011)


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> SyntheticCorpus:
    """Three voices, four short recordings each, with known f0 and planted motifs."""
    folder = tmp_path_factory.mktemp("corpus")
    return make_corpus(folder, voices=3, recordings=4, seconds=15.0, seed=7)


@pytest.fixture(scope="session")
def small_workspace(
    small_corpus: SyntheticCorpus, tmp_path_factory: pytest.TempPathFactory
) -> Workspace:
    """The small corpus, mined."""
    return mine(small_corpus.folder, tmp_path_factory.mktemp("work") / "w")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data that is never part of the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"no test data at {SHARED}; set CANTAOR_TEST_DATA to its folder")
    return SHARED
