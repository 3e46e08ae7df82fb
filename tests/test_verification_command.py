"""`evaluate --verification`: pairs of recordings, of which a model has not met one at least."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import det_curve as sklearn_det_curve

from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.errors import SplitError
from cantaor.experiments.train_evaluate import clips_manifest
from cantaor.experiments.verification import verify
from cantaor.learn.training.recipes import recipe_settings
from cantaor.metrics.verification import cross_group_trials
from tests.test_cli import cantaor


def write_clips(path: Path, rows: list[tuple[str, float, str, str, str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "start_s", "end_s", "singer", "recording", "group", "split"])
        for name, start, singer, recording, group, side in rows:
            writer.writerow([name, start, start + 0.5, singer, recording, group, side])
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Clips of three voices in three recordings each, and a model that has met two of each."""
    from cantaor.experiments.train_evaluate import train_clips

    folder = tmp_path_factory.mktemp("verification")
    made = make_corpus(folder / "voices", voices=3, recordings=3, seconds=8.0, seed=5)
    rows = []
    seen: dict[str, int] = {}
    for entry in made.manifest.entries:
        number = seen[entry.singer] = seen.get(entry.singer, 0) + 1
        side = "test" if number == 3 else "train"
        place = str(Path(made.manifest.location(entry)))
        rows += [
            (place, start, entry.singer, entry.recording, entry.recording, side)
            for start in np.arange(0.5, 5.0, 0.5).tolist()
        ]
    clips = write_clips(folder / "clips.csv", rows)
    model = train_clips(clips_manifest(clips), recipe_settings("robust"), folder / "model")
    return clips, model


def test_trials_pair_what_is_not_met_with_all_other_groups(corpus: tuple[Path, Path]) -> None:
    found = verify(corpus[1])
    # Three recordings that were held out, six that were learnt from: 3 pairs among the former and
    # 18 across; of one singer are the two learnt recordings of each.
    assert (found.recordings, found.unheard) == (9, 3)
    assert (found.same.size, found.different.size) == (6, 15)
    facts = found.to_json()
    scores = np.concatenate([found.same, found.different])
    labels = np.repeat([1, 0], [found.same.size, found.different.size])
    alarms, misses, _ = sklearn_det_curve(labels, scores)
    place = int(np.argmin(np.abs(alarms - misses)))
    nearest = (alarms[place] + misses[place]) / 2
    assert facts["equal_error_rate"] == pytest.approx(nearest, abs=1e-12)
    least = min(0.05 * misses + 0.95 * alarms) / 0.05
    assert facts["detection_cost"]["0.05"] == pytest.approx(min(least, 1.0), abs=1e-12)


def test_the_command_says_the_same(corpus: tuple[Path, Path]) -> None:
    result = cantaor("evaluate", str(corpus[1]), "--verification", "--json")
    assert result.returncode == 0
    facts = json.loads(result.stdout)
    assert facts["trials"] == {"same": 6, "different": 15}
    assert facts["equal_error_rate"] == verify(corpus[1]).to_json()["equal_error_rate"]
    table = cantaor("evaluate", str(corpus[1]), "--verification")
    assert "equal error rate" in table.stdout
    assert "6, 15" in table.stdout


def test_singers_that_the_model_does_not_know_can_be_compared(corpus: tuple[Path, Path]) -> None:
    clips = clips_manifest(corpus[0])
    strangers = [entry for entry in clips.entries if entry.split == "test"]
    rows = [
        (clips.location(e), e.start_s or 0.0, f"new {e.singer}", f"new {e.recording}", "", "")
        for e in strangers
    ]
    listed = write_clips(corpus[0].parent / "strangers.csv", rows)
    with pytest.raises(SplitError, match="no trial of one singer: 3 recordings that it has not"):
        verify(corpus[1], clips_manifest(listed))


def test_what_the_model_has_met_is_not_asked(corpus: tuple[Path, Path]) -> None:
    clips = clips_manifest(corpus[0])
    met = [entry for entry in clips.entries if entry.split == "train"]
    rows = [(clips.location(e), e.start_s or 0.0, e.singer, "again", "", "") for e in met]
    listed = write_clips(corpus[0].parent / "met.csv", rows)
    with pytest.raises(SplitError, match="0 recordings that it has not met"):
        verify(corpus[1], clips_manifest(listed))


def test_training_recordings_that_are_gone_are_named(
    corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    import shutil

    model = tmp_path / "model"
    shutil.copytree(corpus[1], model)
    text = (model / "clips.csv").read_text(encoding="utf-8")
    gone = next(e for e in clips_manifest(corpus[0]).entries if e.split == "train")
    assert gone.path in text
    (model / "clips.csv").write_text(text.replace(gone.path, "/nowhere/gone.wav"), encoding="utf-8")
    found = verify(model)
    assert found.unread == ("/nowhere/gone.wav",)
    assert found.recordings == 8


def test_one_kind_at_a_time(corpus: tuple[Path, Path]) -> None:
    result = cantaor("evaluate", str(corpus[1]), "--verification", "--grid")
    assert result.returncode == 1
    assert "give one of" in result.stderr


def test_only_pairs_with_an_asked_recording_count() -> None:
    vectors = np.eye(4)
    same, different = cross_group_trials(
        vectors, [0, 0, 1, 1], [0, 1, 2, 3], [True, False, False, False]
    )
    assert (same.size, different.size) == (1, 2)
