"""What a wheel holds: the package and its licences; no tests, no sources, nobody's data.

python .ci/wheel_check.py WHEEL
"""

from __future__ import annotations

import re
import sys
import zipfile

ALLOWED = re.compile(
    r"cantaor/(\w+/)*\w+\.(py|pyi|typed|html|css|js)"
    r"|cantaor/py\.typed"
    r"|cantaor/_(core|gather)\.[\w.-]+\.so"
    r"|cantaor-[\w.]+\.dist-info/(METADATA|WHEEL|RECORD|entry_points\.txt|sboms/.+)"
    r"|cantaor-[\w.]+\.dist-info/licenses/(LICENSE|licenses/\w+\.txt)"
)
NEEDED = ("cantaor/_core.", "cantaor/_gather.", "cantaor/report/page/report.html", "/LICENSE")


def faults(names: list[str]) -> list[str]:
    """What is there and should not be, and the other way round."""
    strangers = [f"should not be there: {name}" for name in names if not ALLOWED.fullmatch(name)]
    missing = [f"is missing: {part}" for part in NEEDED if not any(part in name for name in names)]
    return strangers + missing


def main(wheel: str) -> int:
    with zipfile.ZipFile(wheel) as archive:
        found = faults([name for name in archive.namelist() if not name.endswith("/")])
    print("\n".join(found) or f"{wheel}: nothing but the package and its licences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
