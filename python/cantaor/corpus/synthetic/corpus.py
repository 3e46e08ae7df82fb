"""A synthetic a cappella corpus with known f0 and known motifs, for tests, demos and benchmarks.

Several invented voices sing phrases with silence between. Each has motifs of its own that recur in
every one of its recordings, among free notes, ornaments and vibrato. Everything follows from the
seed.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cantaor.corpus.manifest import Manifest, ManifestEntry
from cantaor.corpus.manifest_files import read_manifest, write_manifest
from cantaor.corpus.synthetic.melody import (
    CONTROL_HOP,
    PlantedSpan,
    compose_melody,
    loudness_curve,
    motif_name,
    pitch_curve,
)
from cantaor.corpus.synthetic.singers import SyntheticSinger, draw_singers
from cantaor.corpus.synthetic.synthesis import render
from cantaor.errors import ArgumentError, CorpusError
from cantaor.io.audio import write_audio
from cantaor.io.files import write_text
from cantaor.types import REFERENCE_RATE, Audio, PitchTrack

#: Samples at 44.1 kHz between two frames of the known f0.
HOP = 256
_MOTIFS_PER_VOICE = 3


@dataclass(frozen=True, slots=True)
class PlantedMotif:
    """A motif that belongs to one voice.

    Attributes
    ----------
    motif
        Name, such as ``"V1-m1"``.
    singer
        SyntheticSinger that sings it.
    cents
        Its notes, cents above 55 Hz.
    """

    motif: str
    singer: str
    cents: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SungRecording:
    """Ground truth of one synthetic recording.

    Attributes
    ----------
    recording, singer
        Its name and voice.
    pitch
        Known f0 on the 256-sample grid; salience is 1 where voiced.
    spans
        Planted motifs in order of time.
    """

    recording: str
    singer: str
    pitch: PitchTrack
    spans: tuple[PlantedSpan, ...]


@dataclass(frozen=True, slots=True)
class SyntheticCorpus:
    """A corpus on disk with its ground truth.

    Attributes
    ----------
    folder
        Holds ``SINGER-nn.flac``, ``manifest.csv`` and ``truth.json``.
    manifest
        The entries, one per recording.
    motifs
        Every planted motif.
    recordings
        The truth of each recording, in the order of the manifest.
    """

    folder: Path
    manifest: Manifest
    motifs: tuple[PlantedMotif, ...]
    recordings: tuple[SungRecording, ...]


def make_corpus(
    folder: str | os.PathLike[str],
    *,
    voices: int = 5,
    recordings: int = 6,
    seconds: float = 30.0,
    seed: int = 0,
    noise_db: float = 10.0,
    sample_rate: int = REFERENCE_RATE,
) -> SyntheticCorpus:
    """Write a synthetic corpus: ``SINGER-nn.flac``, ``manifest.csv``, ``truth.json``.

    Parameters
    ----------
    folder
        Where to write; made if missing.
    voices, recordings
        Number of singers, and of recordings of each, >= 1.
    seconds
        Length of a recording, >= 8.
    seed
        Fixes every sample.
    noise_db
        How far the noise lies below the sung parts, dB of mean power.
    sample_rate
        Hz, >= 8000.

    Raises
    ------
    ArgumentError
        An argument is out of range.

    Examples
    --------
    >>> import tempfile
    >>> corpus = make_corpus(tempfile.mkdtemp(), voices=2, recordings=1, seconds=8.0)
    >>> corpus.manifest.singers, len(corpus.motifs)
    (('V1', 'V2'), 6)
    """
    for name, value, minimum in (
        ("voices", voices, 1),
        ("recordings", recordings, 1),
        ("seconds", seconds, 8.0),
        ("sample_rate", sample_rate, 8000),
    ):
        if not value >= minimum:
            raise ArgumentError(f"{name} must be at least {minimum}, not {value}")
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    cast = draw_singers(voices, _MOTIFS_PER_VOICE, np.random.default_rng((seed, 0)))
    sung = []
    for index, voice in enumerate(cast):
        for take in range(recordings):
            rng = np.random.default_rng((seed, 1, index, take))
            name = f"{voice.singer}-{take + 1:02d}"
            audio, truth = sing(
                voice, name, seconds, noise_db=noise_db, sample_rate=sample_rate, rng=rng
            )
            write_audio(place / f"{name}.flac", audio.samples, sample_rate)
            sung.append(truth)
    return _publish(place, cast, tuple(sung), seconds)


def sing(
    voice: SyntheticSinger,
    name: str,
    seconds: float,
    *,
    noise_db: float,
    sample_rate: int,
    rng: np.random.Generator,
) -> tuple[Audio, SungRecording]:
    """Synthesise one recording of a singer, with its ground truth.

    Parameters
    ----------
    voice
        Who sings.
    name
        Name of the recording.
    seconds, noise_db, sample_rate
        As in :func:`make_corpus`.
    rng
        Source of all draws.
    """
    melody = compose_melody(voice, seconds, rng)
    hz = pitch_curve(melody, voice, seconds, rng)
    loudness = loudness_curve(melody, hz.size, rng)
    samples = render(
        melody,
        hz,
        loudness,
        voice,
        sample_rate=sample_rate,
        samples=round(seconds * sample_rate),
        noise_db=noise_db,
        rng=rng,
    )
    frames = hz[:: HOP // CONTROL_HOP].astype(np.float32)
    voiced = (frames > 0).astype(np.float32)
    track = PitchTrack(frames, voiced, HOP / REFERENCE_RATE, "truth")
    return Audio(samples, sample_rate), SungRecording(name, voice.singer, track, melody.spans)


def read_truth(folder: str | os.PathLike[str]) -> SyntheticCorpus:
    """Read back a corpus written by :func:`make_corpus`.

    Raises
    ------
    CorpusError
        ``truth.json`` or ``manifest.csv`` is missing or damaged.
    """
    place = Path(folder)
    try:
        truth = json.loads((place / "truth.json").read_text(encoding="utf-8"))
        motifs = tuple(
            PlantedMotif(row["motif"], row["singer"], tuple(row["cents"]))
            for row in truth["motifs"]
        )
        sung = tuple(_sung(row, truth["hop_s"]) for row in truth["recordings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"no usable truth.json in {place}: {error!r}") from error
    return SyntheticCorpus(place, read_manifest(place / "manifest.csv"), motifs, sung)


def _publish(
    place: Path, cast: tuple[SyntheticSinger, ...], sung: tuple[SungRecording, ...], seconds: float
) -> SyntheticCorpus:
    motifs = tuple(
        PlantedMotif(motif_name(voice, i), voice.singer, tuple(voice.scale[list(degrees)].tolist()))
        for voice in cast
        for i, degrees in enumerate(voice.motifs)
    )
    truth = {
        "hop_s": HOP / REFERENCE_RATE,
        "motifs": [asdict(motif) for motif in motifs],
        "recordings": [_row(recording) for recording in sung],
    }
    write_text(place / "truth.json", json.dumps(truth))
    entries = tuple(
        ManifestEntry(f"{one.recording}.flac", one.singer, one.recording, duration_s=seconds)
        for one in sung
    )
    manifest = Manifest(entries, place)
    write_manifest(manifest, place / "manifest.csv")
    return SyntheticCorpus(place, manifest, motifs, sung)


def _row(one: SungRecording) -> dict[str, Any]:
    # Three decimals of a hertz: a hundredth of a cent at 200 Hz.
    hz = [round(value, 3) for value in one.pitch.hz.tolist()]
    spans = [asdict(span) for span in one.spans]
    return {"recording": one.recording, "singer": one.singer, "spans": spans, "hz": hz}


def _sung(row: dict[str, Any], hop_s: float) -> SungRecording:
    hz = np.array(row["hz"], dtype=np.float32)
    track = PitchTrack(hz, (hz > 0).astype(np.float32), hop_s, "truth")
    spans = tuple(PlantedSpan(**span) for span in row["spans"])
    return SungRecording(row["recording"], row["singer"], track, spans)
