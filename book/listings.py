"""Lay out code for the pages: at most 88 columns wide, the width of a page, with its docstrings in folds."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat

from partreg.workflow.profile import REPOSITORY

WIDTH = 88
QUOTED = re.compile(r"```\{literalinclude\} (?P<file>\S+)\n:pyobject: (?P<name>[\w.]+)\n(?P<options>(?::.*\n)*)```")
FOLDED = """```{{code-block}} python
:caption: {caption}

{code}
```

:::{{dropdown}} What `{name}` takes and returns
```{{eval-rst}}
.. auto{kind}:: {module}.{name}
   :no-index:{members}
```
:::"""


def laid_out(sources: list[str]) -> list[str]:
    """Return pieces of Python, formatted anew for the width of a page; one process formats all of them.

    Raises:
        subprocess.CalledProcessError: one is not Python.
    """
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    command = [str(Path(sys.executable).with_name("ruff")), "format", "--stdin-filename", "cells.ipynb", "-"]
    command += ["--line-length", str(WIDTH)]
    ran = subprocess.run(  # noqa: S603
        command, input=nbformat.writes(notebook), capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    return [cell.source for cell in nbformat.reads(ran.stdout, as_version=4).cells]


def quoted(text: str, folder: Path) -> str:
    """Return a page in which each function, class or method that it quotes is code, with its docstring in a fold below.

    Args:
        text: in Markdown; it quotes by ``literalinclude`` with ``:pyobject:``.
        folder: of the page, in the repository.
    """

    def folded(one: re.Match) -> str:
        path, name = (folder / one["file"]).resolve(), one["name"]
        options = dict(re.findall(r":([\w-]+): (.*)\n", one["options"]))
        node, code = definition(path, name)
        [code] = laid_out([code.split(options["end-before"])[0] if "end-before" in options else code])
        kind, members = ("class", "\n   :members:") if isinstance(node, ast.ClassDef) else ("function", "")
        kind = "method" if "." in name else kind
        module = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        return FOLDED.format(
            caption=options["caption"], code=code, name=name, kind=kind, module=module, members=members
        )

    return QUOTED.sub(folded, text)


def definition(path: Path, name: str) -> tuple[ast.FunctionDef | ast.ClassDef, str]:
    """Return a function, class or "Class.method" of a module, parsed, and its code without docstrings and remarks."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = ast.parse("\n".join(lines))
    for word in name.split("."):
        found = next(node for node in found.body if getattr(node, "name", "") == word)
    first = min([found.lineno, *(decorator.lineno for decorator in found.decorator_list)])
    hidden: set[int] = set()
    for node in ast.walk(found):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            hidden |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    kept = [number for number in range(first, found.end_lineno + 1) if number not in hidden]
    code = "\n".join(re.sub("  # type: ignore.*", "", lines[number - 1]) for number in kept)
    return found, textwrap.dedent(code)
