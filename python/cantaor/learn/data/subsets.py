"""Training, validation and test subsets of clips."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from cantaor.corpus.manifest import Manifest
from cantaor.learn.data.clips import ClipSet

#: Clips to train on, to stop early on and to test on.
ClipSubsets: TypeAlias = tuple[ClipSet, ClipSet, ClipSet]


def select_split(clips: Manifest, name: str) -> Manifest:
    """The entries on one side of a split."""
    return replace(clips, entries=tuple(e for e in clips.entries if e.split == name))
