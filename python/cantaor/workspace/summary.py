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


def family_rows(workspace: Workspace) -> dict[str, list[dict[str, Any]]]:
    """By singer, the motif that stands for each family that is shown, in the order of families.

    Each is a row of the table of motifs with ``members``: the symbols of the family's other
    motifs, the longest first. Families that are not shown share more than half of their moments
    with one that is. In a workspace mined before there were families, every motif is one.
    """
    rows = workspace.table("motifs").to_pylist()
    if rows and "family" not in rows[0]:
        rows.sort(key=lambda row: (-row["z_score"], row["motif"]))
        for number, row in enumerate(rows):
            row |= {"family": number, "representative": True, "shown": True}
    members: dict[tuple[str, int], list[list[int]]] = {}
    for row in rows:
        if not row["representative"]:
            members.setdefault((row["singer"], row["family"]), []).append(row["symbols"])
    found: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: (row["singer"], row["family"])):
        if row["representative"] and row["shown"]:
            others = members.get((row["singer"], row["family"]), [])
            row["members"] = sorted(others, key=lambda one: (-len(one), one))
            found.setdefault(row["singer"], []).append(row)
    return found


def motif_rows(workspace: Workspace) -> list[dict[str, Any]]:
    """Per singer: recordings, seconds of audio, motifs, families, instances, and the first family.

    ``marking_motif`` is the motif that stands for the first family.
    """
    families = family_rows(workspace)
    recordings = workspace.table("recordings").to_pylist()
    motifs = workspace.table("motifs").to_pylist()
    instances = workspace.table("instances", ["singer"])["singer"].value_counts().to_pylist()
    count = {row["values"]: row["counts"] for row in instances}
    rows = []
    for singer in sorted({row["singer"] for row in recordings}):
        own = [row for row in recordings if row["singer"] == singer]
        found = [row for row in motifs if row["singer"] == singer]
        shown = families.get(singer, [])
        rows.append(
            {
                "singer": singer,
                "recordings": len(own),
                "seconds": round(sum(row["duration_s"] for row in own), 1),
                "motifs": len(found),
                "families": len(shown),
                "instances": count.get(singer, 0),
                "marking_motif": list(shown[0]["symbols"]) if shown else [],
            }
        )
    return rows
