"""Which channel of a recording is listened to, and whether the mean of all says what they say."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from cantaor.errors import ArgumentError
from cantaor.settings import check_channel
from cantaor.types import Float32Array, Float64Array

#: The mean of all channels, one by name, or one by its index counted from 0.
Channel: TypeAlias = str | int

# The mean of n channels that have nothing in common, or of which one sounds, has 1/n of their mean
# power. Below this share of that, channels cancel each other.
_CANCELLED = 0.1
_SILENT = 1e-12


def parse_channel(text: str | None) -> Channel | None:
    """A channel as a command line has it: a name, or an index in digits."""
    return int(text) if text is not None and text.isdigit() else text


def channel_index(channel: Channel, channels: int, name: str) -> int | None:
    """Index of a channel, None for the mean; ``"loudest"`` must have been found out before.

    Parameters
    ----------
    channel
        As for :func:`cantaor.io.audio.read_audio`. Mono has one channel, whatever it is called.
    channels
        How many the recording has.
    name
        Of the recording, for messages.

    Raises
    ------
    ArgumentError
        There is no such channel.
    """
    check_channel(channel)
    if channel == "mean":
        return None
    index = {"left": 0, "first": 0, "loudest": 0, "right": min(1, channels - 1)}.get(
        str(channel), channel
    )
    if not isinstance(index, int) or index >= channels:
        raise ArgumentError(
            f'channel must be "mean" or an index below {channels} for {name}, not {channel!r}'
        )
    return index


class ChannelLevels:
    """Power of every channel and of their mean, added up over blocks."""

    def __init__(self, channels: int) -> None:
        self._power: Float64Array = np.zeros(channels)
        self._mean = 0.0
        self._frames = 0

    def add(self, block: Float32Array, mean: Float32Array | None = None) -> None:
        """Take a block, float32 (n, channels), and its mean where that is at hand."""
        self._power += np.einsum("ij,ij->j", block, block)
        if mean is not None:
            self._mean += float(np.dot(mean, mean))
        self._frames += block.shape[0]

    @property
    def loudest(self) -> int:
        """Index of the channel with most power; the first of equals."""
        return int(np.argmax(self._power))

    def cancellation(self) -> str:
        """What to say where the mean loses what the channels hold; empty where it does not."""
        count = self._power.size
        apart = float(self._power.sum()) / count**2
        if count < 2 or self._frames == 0 or apart / self._frames < _SILENT:
            return ""
        if self._mean >= _CANCELLED * apart:
            return ""
        names = ("left", "right") if count == 2 else tuple(f"channel {i}" for i in range(count))
        levels = ", ".join(
            f"{name} {self._level(power)}"
            for name, power in zip(names, self._power.tolist(), strict=True)
        )
        return (
            f"channels cancel in the mean: {levels}, mean {self._level(self._mean)}; "
            "choose one with --channel left"
        )

    def _level(self, power: float) -> str:
        mean = power / self._frames
        return f"{10 * math.log10(mean):.1f} dB" if mean > _SILENT else "silent"
