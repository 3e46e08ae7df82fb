"""The check that the installed torch and torchaudio can be used together."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from cantaor.errors import MissingExtraError, require_extra

#: What the ``learn`` extra asks for.
WANTED = "'torch>=2.11,<2.13' 'torchaudio==2.11.*'"


def check_torch() -> None:
    """Import torch and torchaudio or say what stands in the way.

    Raises
    ------
    MissingExtraError
        torch or torchaudio is not installed (the message has the line that installs them), or
        torchaudio was built for another torch or CUDA (the message names both versions found).
    """
    require_extra("torch", "learn")
    if _installed("torchaudio") is None:
        require_extra("torchaudio", "learn")
    try:
        import_module("torchaudio")
    except (ImportError, OSError, RuntimeError) as error:
        raise MissingExtraError(
            f"torchaudio {_installed('torchaudio')} does not load beside torch "
            f"{_installed('torch')} ({_first_line(error)}); they must be built for each other: "
            f"pip install {WANTED}"
        ) from error


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
