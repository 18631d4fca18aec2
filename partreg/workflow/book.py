"""From executed notebooks and prose to the rendered book."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import nbformat

from partreg import files
from partreg.errors import PartregError
from partreg.workflow.claims import ledger, read_claims
from partreg.workflow.driver import chapter_path, run_path
from partreg.workflow.effects import WITHDRAWN, Evidence, read_evidence
from partreg.workflow.evidence import of_older_code
from partreg.workflow.facts import marks_table, paper_recipe
from partreg.workflow.keep import PAGES, own_part
from partreg.workflow.profile import CHAPTERS, REPOSITORY, Workspace, open_workspace
from partreg.workflow.promises import faults, fuzz, gpu, machines, scores
from partreg.workflow.provenance import device, provenance
from partreg.workflow.runs import networks
from partreg.workflow.verify import record


def build(ws: Workspace) -> Path:
    """Assemble the book's sources under ``site/`` and render them, warnings counting as errors, and record all results.

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
    record(ws.folder)
    return page


def assemble(ws: Workspace, site: Path) -> None:
    """Lay configuration, prose, executed notebooks and the code that they quote side by side in ``site``."""
    for path in [REPOSITORY / "_config.yml", REPOSITORY / "_toc.yml"]:
        _write(site / path.name, path.read_bytes())
    for folder in ("book", "partreg", "reference"):
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                _write(site / path.relative_to(REPOSITORY), path.read_bytes())
    for name in CHAPTERS:
        _write(site / "notebooks" / f"{name}.ipynb", nbformat.writes(readable(chapter_path(ws, name))).encode())
    mathjax = distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline/static/mathjax/tex-svg.js")
    _write(site / "book" / "_static" / "mathjax" / "tex-svg.js", Path(str(mathjax)).read_bytes())
    _write(site / "book" / "statistics.md", statistics(ws).encode())
    evidence = read_evidence()
    _write(site / "book" / "ledger.md", ledger(read_claims(), evidence).encode())
    _write(site / "book" / "runs_table.md", runs_table(evidence).encode())
    for facts in (paper_recipe, marks_table):
        _write(site / "book" / f"{facts.__name__}.md", facts().encode())
    for name in PAGES:
        _write(site / "book" / f"own_{name}.md", own_part(ws, name).encode())
    for figures in (faults, fuzz, gpu, machines, scores):
        _write(site / "book" / f"promises_{figures.__name__}.md", figures().encode())


def readable(path: Path) -> nbformat.NotebookNode:
    """An executed notebook as the book shows it: without folders of one machine, and with provenance under figures.

    A figure carries its line with it (`partreg.figures.origins.Sourced`); one that draws what no run has made has none.
    """
    notebook = nbformat.read(path, as_version=4)
    cells = []
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.source = "\n".join(line for line in cell.source.splitlines() if "/" not in line)
        cells.append(cell)
        for number, line in enumerate(carried(cell)):
            cells.append(nbformat.v4.new_markdown_cell(line, id=f"{cell.id}-provenance-{number}"))
    notebook.cells = cells
    return notebook


def carried(cell: nbformat.NotebookNode) -> list[str]:
    """The lines that the figures of a cell carry."""
    lines = [output.get("metadata", {}).get("provenance", "") for output in cell.get("outputs", [])]
    return [line for line in lines if line]


def _write(target: Path, content: bytes) -> None:
    """Write where the bytes differ, so that Sphinx renders again only what changed."""
    if not target.exists() or target.read_bytes() != content:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def statistics(ws: Workspace) -> str:
    """The page of run times: each chapter and each network, and the machine that they ran on."""
    facts = provenance(ws)
    commit = f"`{facts['commit']}`{'' if facts['clean'] else ' with uncommitted changes'}"
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    lines = [
        "# Run times",
        "",
        f"This copy of the book was made with the profile `{facts['profile']}` on {device()}, Python "
        f"{platform.python_version()}, commit {commit}.",
        f"Versions: {versions}. Times are wall-clock seconds; two notebooks may run at a time.",
        "",
        "## Chapters",
        "",
        "| chapter | finished (UTC) | seconds |",
        "|---|---|---:|",
    ]
    for name in CHAPTERS:
        ran = nbformat.read(chapter_path(ws, name), as_version=4).metadata.papermill
        lines.append(
            f"| {{doc}}`/notebooks/{name}` | {ran['end_time'][:16].replace('T', ' ')} | {ran['duration']:.0f} |"
        )
    lines += [
        "",
        "## Networks",
        "",
        "| network | folder under `runs/` | commit | seconds, training | seconds, notebook |",
        "|---|---|---|---:|---:|",
    ]
    for run in sorted(networks(ws).values(), key=lambda run: run.name):
        path = run_path(ws, run)
        trained = files.read_json(path.parent / "provenance.json")
        ran = nbformat.read(path, as_version=4).metadata.papermill
        commit = f"`{trained['commit']}`{'' if trained['clean'] else ' with uncommitted changes'}"
        seconds = f"{trained['seconds']:.0f} | {ran['duration']:.0f}"
        lines.append(f"| {run.name} | `{run.key}` | {commit} | {seconds} |")
    return "\n".join(lines) + "\n"


def runs_table(evidence: Evidence) -> str:
    """For the page of all runs: how many trainings of each row there are, and each one that failed."""
    withdrawn = evidence.runs.outcome.str.startswith(WITHDRAWN)
    runs = evidence.runs.assign(failed=(evidence.runs.outcome != "done") & ~withdrawn)
    if runs.empty:
        return "None has been run yet.\n"
    lines = [
        f"{len(runs)} trainings are kept, {int(runs.failed.sum())} of them failed; together they took "
        f"{runs.seconds.sum() / 3600:.1f} hours of training on one thread each. "
        f"{int(of_older_code(runs).sum())} of them are of older code than this copy's, see [](promises.md)."
        + f" {int(withdrawn.sum())} of them count for nothing."
        * bool(withdrawn.any()),
        "",
        "| row | trainings | failed | minutes | study | budget | data set | cell |",
        "|---|---:|---:|---:|---|---|---|---|",
    ]
    for (row, *names), some in runs.groupby(["row", "study", "budget", "dataset", "cell"], sort=False):
        counts = f"{len(some)} | {int(some.failed.sum())} | {some.seconds.sum() / 60:.0f}"
        lines.append(f"| {row} | {counts} | {' | '.join(names)} |")
    failures = [f"- `{one.key}` ({one.row}, seed {one.seed}): {one.outcome}" for one in runs[runs.failed].itertuples()]
    remarks = [f"- {one}" for study in sorted(evidence.said) for one in evidence.said[study]]
    return "\n".join([*lines, "", *failures, *remarks, ""])


if __name__ == "__main__":
    try:
        ws = open_workspace(**json.loads(sys.argv[1]))
        with files.writable(ws.folder):
            build(ws)
    except PartregError as error:
        sys.exit(f"partreg: book: FAILED: {error}")
    print("partreg: book: done")
