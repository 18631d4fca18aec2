"""Commands that a page of the book shows, and what `partreg` makes of them."""

from __future__ import annotations

import re
import shlex
from typing import Any

import click

from partreg.__main__ import commands


def shown(page: str) -> list[str]:
    """The lines of a page's shell blocks that call ``partreg``."""
    blocks = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("partreg ")]


def understood(line: str) -> dict[str, Any]:
    """The options that a command line gives; one that is not understood raises `click.UsageError`."""
    _, name, *words = shlex.split(line)
    with click.Context(commands) as parent:
        return commands.commands[name].make_context(name, words, parent=parent).params
