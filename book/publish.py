"""Render the book from executed notebooks and prose: ``python book/publish.py '{"profile": "smoke"}'``."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
from matplotlib.figure import Figure
from PIL import Image

import plan
from chapter import readable
from claims import ledger, read_claims
from finish import KATEX, finish
from found import found
from listings import quoted
from needs import NEEDS, chapter_path
from packages import package_file
from pages import (
    PAGES,
    copy_time,
    marks_table,
    methods_reference,
    own_part,
    paper_recipe,
    runs_table,
    statistics,
)
from partreg import files
from partreg.errors import PartregError
from partreg.figures import methods
from partreg.studies.effects import read_evidence
from partreg.touch import thing
from partreg.verify import record
from partreg.workflow.profile import REPOSITORY, Workspace, open_workspace
from promises import faults, fuzz, gpu, machines, scores, start
from ranked import ranking
from started import actions, annotated, annotated_figure, detectors, photographs, starts, walked
from tried import layouts, recipes, variations

# Pyodide's own files, without packages, which run the cells of one chapter in its page; see by_hand.js.
ORT = "ort-wasm-simd-threaded.wasm"  # ONNX Runtime without a GPU; a quarter of its bytes when compressed
PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
# Parts of pages that report kept results, by the beginning of their files' names.
REPORTS = {
    "promises": (faults, fuzz, gpu, machines, scores, start),
    "tried": (recipes, variations, layouts),
    "started": (detectors, annotated, starts, walked, actions, photographs),
    "ranked": (ranking,),
}


def build(ws: Workspace) -> Path:
    """Assemble the book's sources under ``site/``, render them with warnings as errors, and record all results.

    Returns:
        The path of the first page.

    Raises:
        PartregError: Jupyter Book reported a warning or an error; its last lines are in the sentence's file.
    """
    site = ws.folder / "site"
    assemble(ws, site)
    log = ws.folder / "book.log"
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(site), "-W", "-n", "--keep-going"]
    with open(log, "w", encoding="utf-8") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)  # noqa: S603
    page = site / "_build" / "html" / "index.html"
    if done.returncode or not page.exists():
        complaints = [
            line for line in log.read_text(encoding="utf-8").splitlines() if "WARNING" in line or "ERROR" in line
        ]
        raise PartregError(
            f"{log}: the book has {len(complaints)} complaints, first: {(complaints or ['?'])[0].strip()}"
        )
    finish(page.parent)
    record(ws.folder)
    return page


def assemble(ws: Workspace, site: Path) -> None:
    """Put configuration, prose, executed notebooks and the code that they quote side by side in ``site``."""
    for path in [REPOSITORY / "_config.yml", REPOSITORY / "_toc.yml"]:
        _write(site / path.name, path.read_bytes())
    for folder in ("book", "partreg", "reference"):
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                content = path.read_bytes()
                if path.suffix == ".md":
                    content = quoted(content.decode(), path.parent).encode()
                _write(site / path.relative_to(REPOSITORY), content)
    for name in NEEDS:
        chapter = readable(name, nbformat.read(chapter_path(ws, name), as_version=4))
        _write(site / "notebooks" / f"{name}.ipynb", nbformat.writes(chapter).encode())
    for method in re.findall(
        r"methods/(\w+)\.svg", (REPOSITORY / "book" / "other_methods.md").read_text(encoding="utf-8")
    ):
        _write(site / "book" / "methods" / f"{method}.svg", as_svg(methods.draw(method)))
    katex = package_file(KATEX).parents[1]
    for path in [package_file(KATEX), *katex.glob("dist/fonts/*.woff2"), katex / "LICENSE"]:
        _write(site / "book" / "_static" / "katex" / path.relative_to(katex), path.read_bytes())
    for name in PYODIDE:
        _write(site / "book" / "_static" / "pyodide" / name, package_file(f"pyodide/{name}").read_bytes())
    runtime, in_page = site / "book" / "_static" / "onnxruntime", ws.folder / "in_page"
    _write(runtime / f"{ORT}.gz", gzip.compress(package_file(f"onnxruntime-web/dist/{ORT}").read_bytes(), mtime=0))
    name = "ort.wasm.bundle.min.mjs"
    _write(runtime / name, package_file(f"onnxruntime-web/dist/{name}").read_bytes())
    for path in sorted(in_page.glob("*.onnx")) + sorted(in_page.glob("page.json")):
        _write(site / "book" / "_static" / "in_page" / path.name, path.read_bytes())
    for name, text in written(ws).items():
        _write(site / "book" / name, text.encode())
    _write(site / "book" / "two_alike.jpg", picture(chapter_path(ws, "00_near_duplicates"), "two-alike"))
    _write(site / "book" / "_static" / "plan.svg", as_svg(plan.drawn(plan.arrows())))
    _write(site / "book" / "annotated.svg", as_svg(annotated_figure()))


def written(ws: Workspace) -> dict[str, str]:
    """Return what is written from results and code, by its place in ``book/``: parts of pages, scripts and a style."""
    evidence = read_evidence()
    return {
        "_static/in_page.js": thing.alone("in_page"),
        "_static/touch.js": thing.script(),
        "_static/touch.css": thing.style(),
        "statistics.md": statistics(ws),
        "copy_time.md": copy_time(ws),
        "found.md": found(evidence),
        "ledger.md": ledger(read_claims(), evidence),
        "runs_table.md": runs_table(evidence),
        "plan.md": plan.page(plan.arrows()),
        **{f"{facts.__name__}.md": facts() for facts in (paper_recipe, marks_table, methods_reference)},
        **{f"own_{name}.md": own_part(ws, name) for name in PAGES},
        **{f"{name}_{report.__name__}.md": report() for name, some in REPORTS.items() for report in some},
    }


def as_svg(figure: Figure) -> bytes:
    """Return a figure as SVG, the same bytes on every day."""
    file = io.BytesIO()
    with plt.rc_context({"svg.hashsalt": "book", "svg.fonttype": "path"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def picture(path: Path, cell: str) -> bytes:
    """Return the picture of a cell, by its id, in an executed notebook, as JPEG."""
    outputs = [output for one in nbformat.read(path, as_version=4).cells if one.id == cell for output in one.outputs]
    shown = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    if not shown:
        raise PartregError(f"{path}: no picture in a cell {cell!r}; run make book, which runs this chapter again.")
    png = base64.b64decode(shown[0])
    small = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(small, "JPEG", quality=88)
    return small.getvalue()


def _write(target: Path, content: bytes) -> None:
    """Write a file only where the bytes differ, so that Sphinx renders again only what changed."""
    if not target.exists() or target.read_bytes() != content:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


if __name__ == "__main__":
    try:
        ws = open_workspace(**json.loads(sys.argv[1]))
        with files.writable(ws.folder):
            build(ws)
    except PartregError as error:
        sys.exit(f"partreg: book: FAILED: {error}")
    print("partreg: book: done")
