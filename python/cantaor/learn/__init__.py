"""All that needs torch: features, networks, training, evaluation, identification, export."""

from __future__ import annotations

from cantaor.learn._torch import check_torch

check_torch()
