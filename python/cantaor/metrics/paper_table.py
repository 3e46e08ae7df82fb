"""Table 2 of the paper: accuracy and AUC of three networks on three features of three data sets.

References
----------
Arronte Alvarez and Gómez-Martín (2020), Table 2.
"""

from __future__ import annotations

MODELS = ("crnn", "residual50", "residual-blstm")
FEATURES = ("mfcc", "spectrogram", "log-mel")
DATA = ("motifs", "motifs+segment", "random")

# One row for a data set and a model: accuracy and AUC of each feature.
_TABLE = """
88.59 87.66 87.13 86.54 91.05 89.11   87.31 86.55 83.47 81.98 93.19 91.77
94.78 92.02 91.62 88.66 96.29 94.42   86.48 85.12 84.26 83.29 90.33 89.03
85.01 84.32 82.41 81.11 91.89 90.25   91.88 90.02 89.98 88.02 95.23 93.36
81.11 80.21 78.33 76.95 82.82 81.76   81.31 80.25 79.58 78.92 84.89 82.52
82.19 84.26 81.73 80.32 85.96 84.01
"""


def paper_figures(model: str, features: str, data: str) -> tuple[float, float] | None:
    """Accuracy and AUC in per cent as printed, or None where the table has no such cell.

    Examples
    --------
    >>> paper_figures("residual-blstm", "log-mel", "motifs")
    (96.29, 94.42)
    """
    if data not in DATA or model not in MODELS or features not in FEATURES:
        return None
    place = DATA.index(data) * 9 + MODELS.index(model) * 3 + FEATURES.index(features)
    numbers = [float(number) for number in _TABLE.split()]
    return numbers[2 * place], numbers[2 * place + 1]
