"""A workspace in a few rows: its recordings as a manifest, its motifs by singer."""

from __future__ import annotations

from typing import Any

from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.workspace.workspace import Workspace


def workspace_manifest(workspace: Workspace) -> Manifest:
    """The recordings of a workspace as a manifest, such as ``audit`` takes."""
    entries = tuple(
        ManifestEntry(
            row["path"],
            row["singer"],
            row["recording"],
            group=row["group"],
            style=row["style"],
            start_s=row["start_s"],
            end_s=row["end_s"],
        )
        for row in workspace.table("recordings").to_pylist()
    )
    return Manifest(entries, workspace.path, channel=workspace.settings.channel)


def motif_rows(workspace: Workspace) -> list[dict[str, Any]]:
    """Per singer: recordings, seconds of audio, motifs, instances, and the strongest motif."""
    recordings = workspace.table("recordings").to_pylist()
    motifs = workspace.table("motifs").to_pylist()
    instances = workspace.table("instances", ["singer"])["singer"].value_counts().to_pylist()
    count = {row["values"]: row["counts"] for row in instances}
    rows = []
    for singer in sorted({row["singer"] for row in recordings}):
        own = [row for row in recordings if row["singer"] == singer]
        found = [row for row in motifs if row["singer"] == singer]
        best = max(found, key=lambda row: row["z_score"], default=None)
        rows.append(
            {
                "singer": singer,
                "recordings": len(own),
                "seconds": round(sum(row["duration_s"] for row in own), 1),
                "motifs": len(found),
                "instances": count.get(singer, 0),
                "marking_motif": [] if best is None else list(best["symbols"]),
            }
        )
    return rows
