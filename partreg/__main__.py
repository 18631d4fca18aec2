"""``partreg check`` says what a data set holds (Section 4.1), ``partreg verify`` whether results are what they say."""

from __future__ import annotations

import sys
from pathlib import Path

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
    """Check the data set in FOLDER: VehicleID, VeRi-776, a CSV, or a folder for each vehicle.

    Exit status 1 where there are problems.
    """
    report = check_folder(folder, decode=decode)
    click.echo(str(report))
    sys.exit(1 if report.problems else 0)


@commands.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("again", type=click.Path(path_type=Path), required=False)
@click.option("--tolerance", default=0.0, help="Numbers that differ by no more than this count as the same.")
def verify(run: Path, again: Path | None, tolerance: float) -> None:
    """Check the results folder RUN against its SHA256SUMS, or against a re-run in the folder AGAIN.

    Exit status 1 where they differ.
    """
    from partreg import verify as verification

    found = verification.against_rerun(run, again, tolerance) if again else verification.against_record(run)
    click.echo(verification.report(found, len(verification.results(run))))
    sys.exit(1 if found else 0)


def main() -> None:
    """Run the command line; a PartregError is printed as its one sentence."""
    try:
        commands()
    except PartregError as error:
        click.echo(f"partreg: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
