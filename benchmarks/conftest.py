"""What every benchmark can rely on: one synthetic corpus, and a header that names the build."""

from __future__ import annotations

import pytest

from cantaor._core import build_info
from cantaor.corpus.synthetic.corpus import SyntheticCorpus, make_corpus
from cantaor.io.audio import read_audio
from cantaor.types import Audio


def pytest_report_header() -> str:
    info = build_info()
    return f"cantaor kernels: {info['compiler']}, {info['build_type']}"


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> SyntheticCorpus:
    """Four voices, three recordings of 30 s each."""
    return make_corpus(tmp_path_factory.mktemp("corpus"), voices=4, recordings=3, seed=11)


@pytest.fixture(scope="session")
def recording(corpus: SyntheticCorpus) -> Audio:
    """One recording of the corpus, 30 s at 44.1 kHz."""
    return read_audio(corpus.manifest.file(corpus.manifest.entries[0]))
