"""`cantaor find`: figures by their steps and from recordings, exact and near, and the page."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from cantaor.cli import app
from cantaor.corpus.synthetic.corpus import SyntheticCorpus, make_corpus
from cantaor.errors import ArgumentError
from cantaor.pipeline.figures import figure_of, find_similar
from cantaor.pipeline.mine import mine
from cantaor.workspace.summary import family_rows
from cantaor.workspace.workspace import Workspace


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> tuple[SyntheticCorpus, Workspace]:
    folder = tmp_path_factory.mktemp("find")
    corpus = make_corpus(folder / "corpus", voices=2, recordings=3, seconds=15.0, seed=5)
    return corpus, mine(folder / "corpus", folder / "work", clips=False)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["find", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_exact_places_are_the_instances_of_a_motif(mined):
    _, workspace = mined
    for rows in family_rows(workspace).values():
        row = rows[0]
        sung = [
            (one["recording"], round(one["start_s"], 6))
            for one in workspace.table("instances").to_pylist()
            if one["motif"] == row["motif"]
        ]
        found = find_similar(workspace, row["symbols"], max_distance=0, limit=10_000)
        own = {(one.recording, round(one.start_s, 6)) for one in found}
        assert own
        # Overlapping instances are one place.
        assert own & set(sung)
        assert all(list(one.symbols) == row["symbols"] and one.distance == 0 for one in found)
        assert all(len(one.cents) == len(one.symbols) + 1 for one in found)


def test_a_planted_figure_is_found_from_a_cut(mined):
    corpus, workspace = mined
    one = next(one for one in corpus.recordings if one.spans)
    span = one.spans[0]
    path = Path(
        corpus.manifest.file(
            next(e for e in corpus.manifest.entries if e.recording == one.recording)
        )
    )
    figure = figure_of(workspace, path, span.start_s, span.end_s)
    found = find_similar(workspace, figure)
    assert found[0].distance == 0
    assert any(
        place.recording == one.recording and abs(place.start_s - figure.start_s) < 0.02
        for place in found
        if place.distance == 0
    )
    timed = find_similar(workspace, figure, durations=True)
    assert timed[0].distance < 0.5
    assert timed[0].recording == one.recording
    page = workspace.path.parent / "found.html"
    told = json.loads(
        run(
            workspace.path,
            path,
            "--from",
            span.start_s,
            "--to",
            span.end_s,
            "--html",
            page,
            "--json",
        )
    )
    assert told["steps"] == figure.steps.tolist()
    assert page.read_text().count("data-sound") >= len(told["found"])


def test_a_figure_may_begin_with_a_step_down(mined):
    _, workspace = mined
    assert "places of -1 1" in run(workspace.path, "-1 1", "--limit", 3)


def test_the_index_follows_the_corpus(mined, tmp_path):
    corpus, _ = mined
    folder = Path(corpus.manifest.file(corpus.manifest.entries[0])).parent
    work = mine(folder, tmp_path / "work", clips=False)
    before = find_similar(work, [1, -1], limit=100_000)
    again = mine(folder, tmp_path / "work", clips=False, k=12)
    after = find_similar(again, [1, -1], limit=100_000)
    assert [one.start_s for one in before] != [one.start_s for one in after]


@pytest.mark.parametrize(
    ("figure", "options", "message"),
    [
        ("", {}, "1 to 64"),
        ("a b", {}, "audio file"),
        ("1 0 1", {}, "step of 0"),
        ([1] * 65, {}, "64"),
        ("1 2", {"durations": True}, "durations"),
        ("1 2", {"limit": 0}, "limit"),
        ("1 2", {"max_distance": 2}, "max_distance"),
    ],
)
def test_bad_figures_are_named(mined, figure, options, message):
    with pytest.raises(ArgumentError, match=message):
        find_similar(mined[1], figure, **options)


def test_bad_cuts_are_named(mined):
    corpus, workspace = mined
    path = Path(corpus.manifest.file(corpus.manifest.entries[0]))
    with pytest.raises(ArgumentError, match="no cut"):
        figure_of(workspace, path, 5.0, 4.0)
    with pytest.raises(ArgumentError, match="no two notes"):
        figure_of(workspace, path, 0.0, 0.01)


def test_a_hundred_hours_take_no_second(mined, tmp_path, monkeypatch):
    """4.5 million segments, as many as 100 hours of the published recordings have."""
    from cantaor.io.files import write_table
    from cantaor.pipeline import figures

    _, workspace = mined
    random = np.random.default_rng(0)
    steps = random.choice([-2, -1, -1, 1, 1, 2], 4_500_000).astype(np.int32)
    steps[random.integers(0, steps.size, 300_000)] = 0
    keys = workspace.table("recordings")["contour_key"].to_pylist()
    facts = {"version": 1, "keys": keys, "counts": [steps.size, *[0] * (len(keys) - 1)]}
    index = pa.table({"step": steps, "rhythm": np.zeros(steps.size, np.float32)})
    path = workspace.path / "figures.parquet"
    write_table(
        path, index.replace_schema_metadata({b"cantaor.figures": json.dumps(facts).encode()})
    )
    monkeypatch.setattr(figures._Reader, "place", lambda *_: None)
    began = time.process_time()
    found = find_similar(workspace, "1 -1 2 1 -1")
    spent = time.process_time() - began
    path.unlink()
    assert len(found) == 50
    print(f"\n4.5 million segments searched in {spent:.2f} s of processor time")
    # A machine that is busy with other work counts twice as much.
    assert spent < 3.0
