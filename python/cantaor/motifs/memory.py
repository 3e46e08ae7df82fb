"""How much memory a search will take at most, told before it is taken."""

from __future__ import annotations

from cantaor.motifs.arguments import Gap, checked_gap

# Bytes a symbol and a sequence at most, measured: sequences in int32 codes, the index over them
# and the entries of a search, without the patterns that are found.
_CONTIGUOUS = (40, 8)
_LISTS = (32, 24)
_BITMAPS = (100, 24)
_FEW_SYMBOLS = 256


def expected_memory(symbols: int, sequences: int, distinct: int, gap: Gap = None) -> int:
    """Bytes that mining takes at most, next to the sequences and the patterns it finds.

    Parameters
    ----------
    symbols, sequences, distinct
        Size of the database: symbols in all, sequences, different symbols.
    gap
        As for :func:`cantaor.mine_closed`.

    Examples
    --------
    >>> expected_memory(1_000_000, 100_000, 1_000) // 1_000_000
    34
    """
    if checked_gap(gap) == (0, 0):
        a_symbol, a_sequence = _CONTIGUOUS
    else:
        a_symbol, a_sequence = _BITMAPS if distinct <= _FEW_SYMBOLS else _LISTS
    return symbols * a_symbol + sequences * a_sequence
