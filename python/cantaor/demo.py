"""The whole chain on a synthetic corpus, small enough for a laptop."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from cantaor.corpus.synthetic.corpus import make_corpus
from cantaor.errors import WorkspaceError
from cantaor.experiments.clip_splits import MAX_CLIPS as MAX_TRAINING_CLIPS
from cantaor.experiments.clip_splits import prepare_clips
from cantaor.experiments.evaluation import evaluate_workspace
from cantaor.experiments.train_evaluate import train_workspace
from cantaor.learn.export.bundle import load_bundle
from cantaor.learn.export.formats import export_model
from cantaor.learn.training.recipes import recipe_settings
from cantaor.learn.training.settings import TrainingSettings
from cantaor.pipeline.mine import Progress, mine
from cantaor.report.contour_figure import draw_distinctive_contour
from cantaor.workspace.summary import motif_rows
from cantaor.workspace.workspace import Workspace

#: Small enough to train in seconds on two cores; the paper's width is 128.
WIDTH = 8
#: Training clips of one singer for the network.
MAX_CLIPS = 150
#: Passes over them at most.
EPOCHS = 12
#: Recordings never heard, with the recipe that is built for them.
ROBUST = "recording, robust"


def run_demo(
    out: str | os.PathLike[str],
    *,
    seed: int = 0,
    workers: int | None = 1,
    device: str = "auto",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make a corpus, mine it, train and test in three ways, and draw a contour.

    The paper's network under the paper's random split, the same network on recordings never heard,
    and the recipe ``robust`` on the same recordings; the model of the last one is kept.

    Parameters
    ----------
    out
        Folder for ``corpus``, ``work`` and the picture.
    seed, workers, device
        As for the commands.
    progress
        Called as ``progress(stage, done, total)``.

    Returns
    -------
    dict
        ``singers``, ``splits`` (evaluations), ``seconds`` per stage, ``figure``, ``model`` and
        ``torchscript`` (paths).
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(f"{folder}: cannot be written: {error}") from error
    report = progress or (lambda _stage, _done, _total: None)
    seconds: dict[str, float] = {}
    timed = _Stopwatch(seconds)
    timed("corpus", lambda: make_corpus(folder / "corpus", seed=seed))
    workspace = timed(
        "mine", lambda: mine(folder / "corpus", folder / "work", workers=workers, progress=report)
    )
    splits = {
        name: _train_and_test(workspace, name, seed, device, report, timed)
        for name in ("paper", "recording", ROBUST)
    }
    model = workspace.path / "model"
    trained = load_bundle(model).trained
    exported = timed("export", lambda: export_model(trained, folder / "singer.ts"))
    figure = timed("figure", lambda: draw_distinctive_contour(workspace, folder / "contour.png"))
    return {
        "singers": motif_rows(workspace),
        "splits": splits,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "figure": str(figure),
        "model": str(model),
        "torchscript": str(exported),
    }


class _Stopwatch:
    """Runs steps and adds up what each took."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds

    def __call__(self, name: str, step: Callable[[], Any]) -> Any:
        start = perf_counter()
        result = step()
        self._seconds[name] = self._seconds.get(name, 0.0) + perf_counter() - start
        return result


def _train_and_test(
    workspace: Workspace,
    name: str,
    seed: int,
    device: str,
    progress: Progress,
    timed: _Stopwatch,
) -> dict[str, Any]:
    def stage(step: str, done: int, total: int) -> None:
        progress(f"{step} {name}", done, total)

    robust = name == ROBUST
    prepared = prepare_clips(
        workspace,
        "recording" if robust else name,
        max_clips=MAX_TRAINING_CLIPS if robust else MAX_CLIPS,
        seed=seed,
    )
    settings = (
        recipe_settings("robust", seed=seed, device=device)
        if robust
        else TrainingSettings(width=WIDTH, epochs=EPOCHS, seed=seed, device=device)
    )
    # The last one is the workspace's own model; the others stand beside it.
    folder = None if robust else workspace.path / f"model-{name}"
    model = timed(
        f"train ({name})",
        lambda: train_workspace(workspace, prepared, settings, folder, stage),
    )
    result = timed(f"evaluate ({name})", lambda: evaluate_workspace(workspace, model, stage))
    return dict(result.to_json())
