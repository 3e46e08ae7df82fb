"""Folders that cantaor itself wrote: they are results, never recordings to begin with."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from cantaor.io.locations import list_names

#: The settings of a workspace; a file of this name alone may be anyone's ``--config``.
SETTINGS_FILE = "cantaor.toml"
#: What only a workspace holds beside its settings.
WORKSPACE_SIGNS = (".lock", "progress.json", "journal.jsonl", "recordings.parquet")
#: A hidden file in the folder of a workspace's clips.
CLIPS_MARK = ".cantaor-clips"
_MODEL_FILES = ("model.json", "model.safetensors")


def is_workspace(folder: Path) -> bool:
    """Whether a folder is a workspace of ``mine``, finished or not."""
    if not (folder / SETTINGS_FILE).is_file():
        return False
    return any((folder / name).exists() for name in WORKSPACE_SIGNS)


def own_output(folder: Path) -> str:
    """What cantaor wrote a folder as: "workspace", "model" or "clips"; empty: it did not."""
    if is_workspace(folder):
        return "workspace"
    if all((folder / name).is_file() for name in _MODEL_FILES):
        return "model"
    return "clips" if (folder / CLIPS_MARK).is_file() else ""


def own_folders(url: str) -> dict[str, str]:
    """Folders below a URL that cantaor wrote, relative to it, with what as.

    Raises
    ------
    OSError
        The URL cannot be listed.
    """
    files: dict[str, set[str]] = defaultdict(set)
    for name in list_names(url):
        files[str(name.parent)].add(name.name)
    return {folder: kind for folder, names in files.items() if (kind := _kind_of(names))}


def _kind_of(names: set[str]) -> str:
    if SETTINGS_FILE in names and names & set(WORKSPACE_SIGNS):
        return "workspace"
    if names.issuperset(_MODEL_FILES):
        return "model"
    return "clips" if CLIPS_MARK in names else ""
