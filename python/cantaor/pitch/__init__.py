"""Fundamental frequency of one singing voice."""

from __future__ import annotations

from cantaor.pitch.tracker import PitchCandidates as PitchCandidates
from cantaor.pitch.tracker import PitchMethod as PitchMethod
from cantaor.pitch.tracker import PitchStream as PitchStream
from cantaor.pitch.tracker import extract_pitch as extract_pitch
from cantaor.pitch.tracker import pitch_candidates as pitch_candidates
