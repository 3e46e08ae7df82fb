"""`mine` and `demo`: from recordings to motifs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cantaor.cli.app import (
    Channel,
    Device,
    Json,
    Seed,
    Strict,
    Workers,
    app,
    parse_gap,
    parse_support,
    print_json,
    report_failures,
    report_warnings,
)
from cantaor.corpus.manifest import Manifest
from cantaor.io.channels import parse_channel
from cantaor.pipeline.stages import STAGES
from cantaor.report.terminal import (
    print_dry_run,
    print_motifs,
    print_rows,
    print_status,
    show_progress,
    show_stages,
)
from cantaor.workspace.journal import read_status
from cantaor.workspace.summary import motif_rows
from cantaor.workspace.workspace import Workspace

Dask = Annotated[
    str | None, typer.Option(help="Address of a Dask scheduler, or local, instead of processes.")
]
Clips = Annotated[bool, typer.Option(help="Write audio clips of three instances of each motif.")]
AllClips = Annotated[bool, typer.Option("--all-clips", help="Write audio clips of all instances.")]
MaxFailures = Annotated[
    int | None, typer.Option(help="Stop when more recordings than this have failed.")
]
Prune = Annotated[
    bool, typer.Option("--prune", help="Remove recordings that are no longer in the corpus.")
]


@app.command(epilog="Example: `cantaor mine recordings --out work`")
def mine(
    corpus: Annotated[
        str, typer.Argument(help="Folder, CSV or Parquet of recordings, or its URL.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the workspace to write.")],
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    workers: Workers = None,
    dask: Dask = None,
    min_recordings: Annotated[int, typer.Option(help="Skip singers with fewer recordings.")] = 1,
    style: Annotated[
        list[str] | None, typer.Option(help="Keep only this style; may be repeated.")
    ] = None,
    clips: Clips = True,
    all_clips: AllClips = False,
    pitch_method: Annotated[
        str | None, typer.Option(help="Pitch tracker: salience or essentia.")
    ] = None,
    min_hz: Annotated[
        float | None, typer.Option(help="Lowest pitch, Hz (55); lower is unvoiced.")
    ] = None,
    max_hz: Annotated[
        float | None, typer.Option(help="Highest pitch, Hz (1400); higher is unvoiced.")
    ] = None,
    k: Annotated[str | None, typer.Option(help="Number of pitch clusters, or auto.")] = None,
    vibrato: Annotated[
        str | None, typer.Option(help="Vibrato in the contour: keep, or flatten to its centre.")
    ] = None,
    gap: Annotated[
        str | None,
        typer.Option(help='Symbols that may be skipped between neighbours: "LO,HI" or "any".'),
    ] = None,
    min_support: Annotated[
        str | None, typer.Option(help="Minimum support: number (3) or fraction (0.05) of phrases.")
    ] = None,
    min_length: Annotated[int | None, typer.Option(help="Minimum motif length, symbols.")] = None,
    max_patterns: Annotated[
        int | None, typer.Option(help="Fail if a singer has more motifs.")
    ] = None,
    stage: Annotated[
        str | None, typer.Option(help=f"Stop after this stage: {', '.join(STAGES)}.")
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Recompute existing results; with --stage, of that stage only."
        ),
    ] = False,
    max_failures: MaxFailures = None,
    prune: Prune = False,
    shard: Annotated[
        str | None,
        typer.Option(help='Only the pitch of part "i/n" of the corpus, to be joined by merge.'),
    ] = None,
    audit: Annotated[
        bool,
        typer.Option(
            "--audit",
            help="Measure for an audit in the same pass, into OUT/audit: see audit --cache.",
        ),
    ] = False,
    channel: Channel = None,
    strict: Strict = False,
    only_look: Annotated[
        bool, typer.Option("--dry-run", help="Read the headers, say what lies ahead, and stop.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Mine the motifs of every singer and their instances.

    A pass over the headers comes first: number and length of the recordings, what will fail,
    expected time and disk space.
    """
    from cantaor.corpus.loaders import read_corpus
    from cantaor.corpus.manifest import select_singers
    from cantaor.pipeline.dry_run import dry_run
    from cantaor.pipeline.mine import mine as mine_corpus
    from cantaor.pipeline.shards import parse_shard

    chosen: dict[str, Any] = {
        "pitch_method": pitch_method,
        "min_hz": min_hz,
        "max_hz": max_hz,
        "k": _whole_or_word(k),
        "gap": None if gap is None else parse_gap(gap),
        "min_support": None if min_support is None else parse_support("--min-support", min_support),
        "min_length": min_length,
        "max_patterns": max_patterns,
        "channel": parse_channel(channel),
        "vibrato": vibrato,
    }
    found = read_corpus(corpus)
    chosen_entries = select_singers(found, min_recordings, tuple(style or ()))
    if shard is not None:
        chosen_entries = parse_shard(shard).share(chosen_entries)
    with show_progress(as_json) as progress:
        ahead = dry_run(
            chosen_entries,
            out,
            workers=workers,
            clips=(clips or all_clips) and shard is None,
            progress=lambda done: progress("headers", done, len(chosen_entries)),
        )
    names = _ignored(found)
    if only_look:
        if as_json:
            print_json({**ahead.to_json(), **names})
        else:
            print_dry_run(ahead.to_json(), names)
            report_warnings([(row.path, row.reason) for row in ahead.warnings])
        report_failures([(row.path, row.reason) for row in ahead.failures])
        return
    if not as_json:
        print_dry_run(ahead.to_json(), names)
    with show_stages(as_json) as watch:
        workspace = mine_corpus(
            found,
            out,
            config=config,
            workers=workers,
            dask=dask,
            min_recordings=min_recordings,
            styles=tuple(style or ()),
            clips="all" if all_clips else clips,
            stage=stage,
            force=force,
            max_failures=max_failures,
            strict=strict,
            prune=prune,
            shard=shard,
            audit_cache=out / "audit" if audit else None,
            watch=watch,
            **{name: value for name, value in chosen.items() if value is not None},
        )
    state = read_status(workspace.path)
    finished = workspace.is_mined and stage in (None, STAGES[-1])
    failures, warnings = _noted(workspace, state, finished)
    about = found if shard is None else chosen_entries
    counts = _counts(about, len(chosen_entries), failures, warnings)
    _print_run(workspace, state, finished, {**names, "counts": counts}, as_json)


@app.command(epilog="Example: `cantaor merge shard-1 shard-2 shard-3 --out work`")
def merge(
    shards: Annotated[
        list[Path], typer.Argument(help="Workspaces of mine --shard: all of them, in any order.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the workspace to write.")],
    workers: Workers = None,
    dask: Dask = None,
    clips: Clips = True,
    all_clips: AllClips = False,
    max_failures: MaxFailures = None,
    prune: Prune = False,
    as_json: Json = False,
) -> None:
    """Join the shards of a corpus and mine it to the end, as one run would have."""
    from cantaor.pipeline.merge import merge_shards

    with show_stages(as_json) as watch:
        workspace = merge_shards(
            shards,
            out,
            workers=workers,
            dask=dask,
            clips="all" if all_clips else clips,
            max_failures=max_failures,
            prune=prune,
            watch=watch,
        )
    _print_run(workspace, read_status(workspace.path), True, {}, as_json)


@app.command(epilog="Example: `cantaor status work`")
def status(
    work: Annotated[Path, typer.Argument(help="A workspace; may be in use by a running mine.")],
    as_json: Json = False,
) -> None:
    """Show the progress of a mine run: done, failed, remaining, time left."""
    found = read_status(work)
    if as_json:
        print_json(found)
    else:
        print_status(found)


@app.command(epilog="Example: `cantaor demo`")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for corpus, workspace and picture.")] = Path(
        "cantaor-demo"
    ),
    seed: Seed = 0,
    workers: Workers = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Run the whole chain on a synthetic a cappella corpus."""
    from cantaor.demo import run_demo

    with show_progress(as_json) as progress:
        result = run_demo(out, seed=seed, workers=workers, device=device, progress=progress)
    if as_json:
        print_json(result)
        return
    print_motifs(result["singers"])
    figures = ("n", "accuracy", "balanced_accuracy", "recording_accuracy")
    rows = [[split, *(one[name] for name in figures)] for split, one in result["splits"].items()]
    columns = ["split", "clips", "accuracy", "balanced", "by recording"]
    print_rows("Accuracy on held-out clips", columns, rows)
    print_rows("Seconds per stage", ["stage", "seconds"], list(result["seconds"].items()))
    typer.echo(f"figure: {result['figure']}")
    typer.echo(f"model: {result['model']}")


def _noted(
    workspace: Workspace, state: dict[str, Any], finished: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What failed and what was warned of, by the table of a finished run or by the journal."""
    if not finished:
        return state["failures"], state["warnings"]
    rows = workspace.table("failures").to_pylist()
    return (
        [row for row in rows if row["kind"] == "failed"],
        [row for row in rows if row["kind"] == "warned"],
    )


def _print_run(
    workspace: Workspace,
    state: dict[str, Any],
    finished: bool,
    facts: dict[str, Any],
    as_json: bool,
) -> None:
    """Print what a run of mine or merge did; ends the command where recordings failed."""
    for path, kind in state["passed_over"]:
        typer.echo(f"passed over: {path}: {kind}", err=True)
    rows = motif_rows(workspace) if finished else []
    failures, warnings = _noted(workspace, state, finished)
    if as_json:
        found: dict[str, Any] = {"workspace": str(workspace.path), "singers": rows}
        found |= {"failures": failures, "warnings": warnings, **facts}
        if state["shard"]:
            found["shard"] = state["shard"]
        print_json({**found, "stages": state["stages"]})
    elif finished:
        print_motifs(rows)
        _explain_missing_motifs(workspace, rows)
    else:
        print_status({**state, "failures": []})
    if not as_json:
        counts = facts.get("counts", {})
        if counts:
            typer.echo(", ".join(f"{number} {name}" for name, number in counts.items() if number))
        report_warnings([(row["path"], row["reason"]) for row in warnings])
    report_failures([(row["path"], row["reason"]) for row in failures])


def _ignored(found: Manifest) -> dict[str, list[dict[str, str]]]:
    """What lay in the folder and is no recording; hidden names apart."""
    rows = [{"path": path, "reason": reason} for path, reason in found.ignored]
    return {
        "ignored": [row for row in rows if row["reason"] != "hidden"],
        "hidden": [row for row in rows if row["reason"] == "hidden"],
    }


def _counts(
    found: Manifest, chosen: int, failures: list[dict[str, Any]], warnings: list[dict[str, Any]]
) -> dict[str, int]:
    """What became of everything that was found; all but the first add up to the first."""
    failed = {(row["path"], row["recording"]) for row in failures}
    warned = {(row["path"], row["recording"]) for row in warnings} - failed
    hidden = sum(reason == "hidden" for _, reason in found.ignored)
    total = len(found) + len(found.skipped) + len(found.ignored)
    others = {
        "warned": len(warned),
        "failed": len(failed),
        "not chosen": len(found) - chosen,
        "ignored": len(found.ignored) - hidden,
        "hidden": hidden,
    }
    return {"found": total, "read": total - sum(others.values()), **others}


def _explain_missing_motifs(workspace: Workspace, rows: list[dict[str, Any]]) -> None:
    poor = [row["singer"] for row in rows if row["motifs"] == 0]
    if poor:
        s = workspace.settings
        typer.echo(
            f"no motif for {', '.join(poor)} with min_length {s.min_length} and min_support "
            f"{s.min_support}; try --min-length {max(2, s.min_length - 2)} or add recordings",
            err=True,
        )


def _whole_or_word(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.lstrip("-").isdigit() else text
