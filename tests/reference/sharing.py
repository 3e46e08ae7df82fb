"""When two clips share audio, said for one pair at a time."""

from __future__ import annotations

from itertools import product


def share(one: dict, other: dict) -> bool:  # type: ignore[type-arg]
    """Overlap in time in one source, or the same content key."""
    if one["content"] and one["content"] == other["content"]:
        return True
    if _source(one) != _source(other):
        return False
    if one["start"] is None:
        return True
    return bool(max(one["start"], other["start"]) < min(one["end"], other["end"]))


def _source(clip: dict) -> object:  # type: ignore[type-arg]
    """The audio that times count in; the singer's recording where it is not known."""
    return clip["source"] if clip["source"] else (clip["singer"], clip["recording"])


def known(clips: list[dict], train: list[int], test: list[int]) -> float:  # type: ignore[type-arg]
    """The fraction of test clips that share audio with a training clip."""
    return sum(any(share(clips[a], clips[b]) for a in train) for b in test) / len(test)


def leaks(clips: list[dict], train: list[int], test: list[int]) -> bool:  # type: ignore[type-arg]
    """Whether any training clip shares audio with any test clip."""
    return any(share(clips[a], clips[b]) for a, b in product(train, test))
