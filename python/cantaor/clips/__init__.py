"""Clips of a recording: where they lie, and their samples in one padded buffer."""

from __future__ import annotations

from cantaor.clips.batches import cut_clips as cut_clips
from cantaor.clips.spans import random_spans as random_spans
from cantaor.clips.spans import segment_spans as segment_spans
