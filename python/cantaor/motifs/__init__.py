"""Motifs: closed sequences of contour steps, their occurrences, dictionaries and log-odds."""

from __future__ import annotations

from cantaor.motifs.dictionary import MotifDictionary as MotifDictionary
from cantaor.motifs.mining import find_occurrences as find_occurrences
from cantaor.motifs.mining import mine_closed as mine_closed
from cantaor.motifs.mining import mine_right_closed as mine_right_closed
