"""Recordings as the report's viewer draws them: f0, contour and motif instances as plain values."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cantaor.contour import estimate_tonic
from cantaor.report.templates import shown
from cantaor.types import Contour, PitchTrack
from cantaor.units import hz_to_cents
from cantaor.workspace.workspace import Workspace

#: Beyond so many frames of a recording only every second, third, ... is put into the page.
_MAX_FRAMES = 24_000
_UNVOICED = -1


def choose_recordings(workspace: Workspace, count: int) -> list[dict[str, Any]]:
    """Rows of at most ``count`` recordings, evenly over the singers, in the order of the corpus."""
    rows = workspace.table("recordings").to_pylist()
    turn: dict[str, int] = {}
    ranked = []
    for index, row in enumerate(rows):
        turn[row["singer"]] = turn.get(row["singer"], 0) + 1
        ranked.append((turn[row["singer"]], index))
    return [rows[index] for index in sorted(index for _, index in sorted(ranked)[:count])]


def track_data(
    workspace: Workspace, row: dict[str, Any], distinctive: set[str], tonic: float | None = None
) -> dict[str, Any]:
    """One recording for the viewer.

    Parameters
    ----------
    workspace
        A mined workspace.
    row
        Its row of the table ``recordings``.
    distinctive
        Motifs whose instances are marked.
    tonic
        Its tonic in cents above 55 Hz where that is known; None estimates it.

    Returns
    -------
    dict
        ``name``, ``singer``, ``seconds``, ``offset`` (s, of the entry in its file), ``hop`` (s),
        ``cents`` (int16 in base 64, -1 = unvoiced), ``segments`` ([start, end, cents]),
        ``spans`` ([start, end, motif]), ``tonic`` (cents or None) and ``tonic_by`` (who says so);
        times in seconds within the entry.
    """
    track = workspace.track(row["pitch_key"])
    stride = max(1, math.ceil(track.hz.size / _MAX_FRAMES))
    offset = row["start_s"] or 0.0
    contour = workspace.contour(row["contour_key"])
    return {
        "name": shown(row["recording"]),
        "singer": shown(row["singer"]),
        "seconds": round(row["duration_s"], 3),
        "offset": round(offset, 3),
        "hop": track.hop_s * stride,
        "cents": _packed_cents(track, stride),
        "segments": _segments(contour),
        "tonic": estimate_tonic(contour) if tonic is None else tonic,
        "tonic_by": "estimated" if tonic is None else "given",
        "spans": _spans(workspace, row["recording"], offset, distinctive),
    }


def _packed_cents(track: PitchTrack, stride: int) -> str:
    cents = hz_to_cents(track.hz[::stride])
    whole = np.where(np.isnan(cents), _UNVOICED, np.clip(np.rint(cents), 0, 32_767))
    return base64.b64encode(whole.astype("<i2").tobytes()).decode()


def _segments(contour: Contour) -> list[list[float]]:
    rows = zip(contour.start_s, contour.end_s, contour.cents, strict=True)
    return [[round(float(a), 3), round(float(b), 3), round(float(c))] for a, b, c in rows]


def _spans(
    workspace: Workspace, recording: str, offset: float, distinctive: set[str]
) -> list[list[float | str]]:
    rows = workspace.table(
        "instances",
        ["start_s", "end_s", "motif"],
        (pc.field("recording") == recording)
        & pc.field("motif").isin(pa.array(sorted(distinctive), pa.string())),
    )
    return [
        [round(row["start_s"] - offset, 3), round(row["end_s"] - offset, 3), shown(row["motif"])]
        for row in rows.to_pylist()
    ]
