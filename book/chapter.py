"""Make a chapter of an executed notebook: its times and its command under its title, its provenance in folds."""

from __future__ import annotations

import math
import re
import shlex
import textwrap
from typing import Any

from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from listings import WIDTH, laid_out
from needs import NEEDS, Needs
from partreg.figures.tables import markdown

WORDS_A_MINUTE = 180  # of prose and of code, for readers whose first language is another
TABLES = {"controls": "the controls", "strong": "the strong baseline"}  # the others are the paper's: table_4 is Table 4

IN_THE_PAGE = {  # what one chapter alone loads
    "by_hand": """```{raw} html
<link rel="stylesheet" href="../_static/by_hand.css">
<script src="../_static/by_hand.js" defer></script>
```""",
    "17_in_the_page": """```{raw} html
<script src="../_static/in_page.js" defer></script>
```""",
}
PROVENANCE = re.compile(r'<p class="provenance">(.*?)</p>', re.DOTALL)


def readable(name: str, notebook: NotebookNode) -> NotebookNode:
    """Return an executed chapter as the book shows it.

    It names no folder of this machine. Its times and its command are under its title. The provenance of figures is
    under them (`partreg.figures.origins.Sourced`), each line in a fold and once in a section. Its code is formatted
    anew for the width of a page. Widgets are left out with their state, because a page has no kernel; the HTML beside
    one is shown (`partreg.touch`).
    """
    notebook.cells[0].source = opened(name, notebook)
    for left_out in ("widgets", "papermill"):
        notebook.metadata.pop(left_out, None)
    notebook, _ = CoalesceStreamsPreprocessor().preprocess(notebook, {})  # what a cell prints is one text
    cells, said = [], set()
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("#"):
            said = set()
        tags = cell.metadata.get("tags", [])
        if "parameters" in tags:  # the table under the title has them
            cell.metadata.tags = [*tags, "hide-input"]
        if "injected-parameters" in tags:  # the command there has them
            continue
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            data.pop("application/vnd.jupyter.widget-view+json", None)
            data |= {kind: quiet("".join(html), said) for kind, html in data.items() if kind.endswith("text/html")}
        lines = [folded for line in carried(cell) if (folded := quiet(line, said))]
        cells += [
            cell,
            *(new_markdown_cell(line, id=f"{cell.id}-provenance-{number}") for number, line in enumerate(lines)),
        ]
    if name in IN_THE_PAGE:
        cells.append(new_markdown_cell(IN_THE_PAGE[name], id="run-in-the-page"))
    code = [cell for cell in cells if cell.cell_type == "code"]
    for cell, source in zip(code, laid_out([cell.source for cell in code]), strict=True):
        cell.source = source
    notebook.cells = cells
    return notebook


def quiet(html: str, said: set[str]) -> str:
    """Fold each line of provenance behind its data and profile; drop those in ``said``, and add the others to it."""

    def folded(found: re.Match[str]) -> str:
        if found[1] in said:
            return ""
        said.add(found[1])
        words = found[1].split(" · ")
        if len(words) < 3:
            return found[0]
        shown = " · ".join(words[:2])
        return f'<details class="provenance"><summary>{shown}</summary><p>{" · ".join(words[2:])}</p></details>'

    return PROVENANCE.sub(folded, html)


def carried(cell: NotebookNode) -> list[str]:
    """Return the provenance lines of a cell's figures."""
    lines = [output.get("metadata", {}).get("provenance", "") for output in cell.get("outputs", [])]
    return [line for line in lines if line]


def opening(name: str, notebook: NotebookNode) -> str:
    """Return the lines under the title of an executed chapter, in Markdown."""
    ran = notebook.metadata.papermill
    needs, opens = NEEDS[name], any("workflow.open_notebook(" in cell.source for cell in notebook.cells)
    lines = [
        f"*{reading_minutes(notebook)} minutes to read, {lasted(ran['duration'])} to run in this copy"
        f"{with_profile(ran['parameters'])}.*",
        "",
        ":::{dropdown} Run this chapter by itself",
        "This command made what you read, in the repository's folder, after `. .venv/bin/activate`:",
        "",
        "```bash",
        command(name, ran["parameters"]),
        "```",
        "",
        f"It reads {reads(needs, opens)}. {writes(needs, opens)} [](../book/running.md) explains the folders.",
        *parameter_table(notebook),
        ":::",
    ]
    return "\n".join(lines) + "\n"


def opened(name: str, notebook: NotebookNode) -> str:
    """Return a chapter's first cell with its `opening` under the line that says what to read first."""
    return re.sub(
        r"(?<=\n)\*\*Read first:\*\*.*?(?=\n\n|\Z)",
        lambda found: f"{found[0]}\n\n{opening(name, notebook)}",
        notebook.cells[0].source,
        count=1,
        flags=re.DOTALL,
    )


def reading_minutes(notebook: NotebookNode) -> int:
    """Return the minutes that a chapter's prose and code take to read, at least 1."""
    words = sum(len(re.findall(r"\w+", cell.source)) for cell in notebook.cells if shown(cell))
    return math.ceil(words / WORDS_A_MINUTE)


def shown(cell: NotebookNode) -> bool:
    """Whether a reader sees a cell's source at once: parameters are in a table, hidden cells are folded."""
    folded = {"parameters", "injected-parameters", "hide-input", "hide-cell", "remove-input", "remove-cell"}
    return not folded & set(cell.metadata.get("tags", []))


def lasted(seconds: float) -> str:
    """Write a time in seconds, or in minutes from two minutes on."""
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def with_profile(parameters: dict[str, Any]) -> str:
    """Name the profile that a chapter was run with; "" where it takes none."""
    return f" (profile `{parameters['profile']}`)" if "profile" in parameters else ""


def command(name: str, parameters: dict[str, Any]) -> str:
    """Return the papermill command of an executed chapter; FOLDER stands for a path, which is this machine's own.

    A long value, such as a dictionary of overrides, goes on in the next line.
    """
    words = [f"papermill notebooks/{name}.ipynb out.ipynb"]
    for parameter, value in parameters.items():
        if parameter != "output":
            word = shlex.join(["-p", parameter, "FOLDER" if "/" in str(value) else str(value)])
            words.append("\n        ".join(textwrap.wrap(word, WIDTH - 10, break_on_hyphens=False)))
    return " \\\n    ".join(words)


def reads(needs: Needs, opens: bool) -> str:
    """Say what a chapter reads, by `needs.NEEDS` and by whether it opens a workspace."""
    found = ["the data sets (`data-*/`, or your own folders)"] if opens else []
    if needs.boxes or needs.copied:
        found.append("annotations and part boxes (`parts-*/`)")
    if needs.networks:
        tables = [TABLES.get(table, table.replace("_", " ").title()) for table in needs.networks]
        found.append(f"the networks of {' and of '.join(tables)} (`runs/`)")
    if needs.methods:
        found.append("the other methods' distances (`methods/`)")
    if needs.points:
        found.append("this copy's own points (`studies/`)")
    if needs.kept:
        found.append("the tables that are kept in `reference/`")
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found) or "nothing"


def writes(needs: Needs, opens: bool) -> str:
    """Say what a chapter writes into ``build/<profile>``."""
    if needs.copied:
        return "It writes one network, with its history, features and scores (`runs/`)."
    return "It makes what is not there yet, in the same places." if opens else "It writes nothing."


def _with_code(words: str) -> str:
    """Mark what is to be typed as code: a page would take ``<name>`` for a tag, and print other quotes."""
    return re.sub(r'\{.*\}|"[^"]*"|\S*<\w+>\S*', r"`\g<0>`", words)


def parameter_table(notebook: NotebookNode) -> list[str]:
    """Return a table of a chapter's parameters in Markdown; nothing where it has none."""
    sources = [cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    found = re.findall(r"^(\w+) = (.*?)  # (.*)$", "\n".join(sources), re.MULTILINE)
    if not found:
        return []
    rows = [(f"`{name}`", f"`{value}`", _with_code(meaning)) for name, value, meaning in found]
    return ["", "Its parameters, each as `-p name value`:", "", *markdown(["name", "value", "meaning"], rows)]
