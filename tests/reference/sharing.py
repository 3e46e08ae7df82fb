"""When two clips share audio, said for one pair at a time."""

from __future__ import annotations

from itertools import product


def share(one: dict, other: dict) -> bool:  # type: ignore[type-arg]
    """Overlap in time in one recording, or the same content key."""
    if one["content"] and one["content"] == other["content"]:
        return True
    if one["recording"] != other["recording"]:
        return False
    if one["start"] is None:
        return True
    return bool(max(one["start"], other["start"]) < min(one["end"], other["end"]))


def leaks(clips: list[dict], train: list[int], test: list[int]) -> bool:  # type: ignore[type-arg]
    """Whether any training clip shares audio with any test clip."""
    return any(share(clips[a], clips[b]) for a, b in product(train, test))
