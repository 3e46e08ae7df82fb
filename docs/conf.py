"""How Sphinx makes the site: ``python -m sphinx -W --keep-going -b html docs build/site``."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path

from sphinx.ext.autodoc.mock import _MockObject

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

#: What the package imports from its extras; a stand-in takes the place of what is not installed.
EXTRAS = (
    "torch",
    "torchaudio",
    "torchmetrics",
    "lightning",
    "sklearn",
    "safetensors",
    "matplotlib",
)

project = "cantaor"
author = "The cantaor developers"
project_copyright = "The cantaor developers, Apache-2.0"
version = release = version_of("cantaor")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "citations",
    "from_code",
]
exclude_patterns = ["extensions", "examples", "laboratory/results"]

# Options are written with two hyphens.
smartquotes = False

# Links between pages are file names with anchors, so they work on a code host too.
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_mock_imports = [name for name in EXTRAS if find_spec(name) is None]
# Annotations such as ``Tensor | None`` are evaluated where torch is a stand-in too.
_MockObject.__or__ = _MockObject.__ror__ = lambda self, other: self
napoleon_google_docstring = False
napoleon_use_ivar = True
# Several rooms have a record or a callable of one name; a name alone then links to one of them.
# A list of references may hold one that no sentence names.
suppress_warnings = ["ref.python", "ref.citation"]

html_theme = "furo"
html_title = "cantaor"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}

# A build needs no network: of all links only those to files and headings are looked at.
linkcheck_ignore = [r"https?://", r"mailto:"]
