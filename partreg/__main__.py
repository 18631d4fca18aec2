"""Section 4.1 at the command line: ``partreg check DIR`` says what a data set holds and what is wrong in it."""

from __future__ import annotations

import sys

import click

from partreg import __version__
from partreg.datasets.check import check as check_folder
from partreg.errors import PartregError


@click.group()
@click.version_option(__version__, prog_name="partreg")
def commands() -> None:
    """Tools for the data sets of the companion to Part-regularized Near-duplicate Vehicle Re-identification."""


@commands.command()
@click.argument("folder", type=click.Path())
@click.option("--decode", is_flag=True, help="Decode every image whole, which also finds truncated files; slower.")
def check(folder: str, decode: bool) -> None:
    """Check the data set in FOLDER (VehicleID, VeRi-776, or a CSV); exit status 1 where there are problems."""
    report = check_folder(folder, decode=decode)
    click.echo(str(report))
    sys.exit(1 if report.problems else 0)


def main() -> None:
    """Run the command line; a PartregError is printed as its one sentence."""
    try:
        commands()
    except PartregError as error:
        click.echo(f"partreg: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
