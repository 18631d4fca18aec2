"""The command line: check a data set (Section 4.1), verify results, export a network, search pictures of your own."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import click

from partreg import __version__
from partreg.datasets.check import check as check_folder
from partreg.errors import PartregError


@click.group()
@click.version_option(__version__, prog_name="partreg")
def commands() -> None:
    """Tools of the companion to "Part-regularized Near-duplicate Vehicle Re-identification"."""
    # Each command imports what it needs when it runs, since torch takes seconds to load.


@commands.command()
@click.argument("folder", type=click.Path())
@click.option("--decode", is_flag=True, help="Decode every image whole, which also finds truncated files; slower.")
def check(folder: str, decode: bool) -> None:
    """Check a data set, or pictures of your own.

    FOLDER holds VehicleID, VeRi-776, a CSV, or a folder for each vehicle. Exit status 1 where there are problems.
    """
    report = check_folder(folder, decode=decode)
    click.echo(str(report))
    sys.exit(1 if report.problems else 0)


@commands.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("again", type=click.Path(path_type=Path), required=False)
@click.option("--tolerance", default=0.0, help="Numbers that differ by no more than this count as the same.")
def verify(run: Path, again: Path | None, tolerance: float) -> None:
    """Check results against their hashes, or against a re-run.

    RUN is the results folder, with its SHA256SUMS, AGAIN that of the re-run. Exit status 1 where they differ.
    """
    from partreg import verify as verification

    found = verification.against_rerun(run, again, tolerance) if again else verification.against_record(run)
    click.echo(verification.report(found, len(verification.results(run))))
    sys.exit(1 if found else 0)


@commands.command()
@click.argument("annotations", type=click.Path())
@click.argument("photographs", type=click.Path())
@click.option("--to", required=True, help="Folder of the detector.")
@click.option("--start", default="", help="weights.pt of another detector to start from; by default random weights.")
@click.option("--size", default=128, show_default=True, help="Pixels of an image's longer side, a multiple of 32.")
@click.option(
    "--epochs", default=12, show_default=True, type=click.IntRange(1), help="How often each photograph is seen."
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0, 2**31 - 1), help="Seed of everything random."
)
@click.option("--names", default="{}", help="What the file's categories are, such as '{windshield: front_window}'.")
def detector(
    annotations: str, photographs: str, to: str, start: str, size: int, epochs: int, seed: int, names: str
) -> None:
    """Train a part detector on photographs of your own.

    ANNOTATIONS is a COCO file of boxes, PHOTOGRAPHS the folder of the pictures that it names. Two thirds are learnt.
    The others test the detector: the command prints its average precision.
    """
    if size < 32 or size % 32:
        raise PartregError(f"--size {size}: expected a multiple of 32, such as 128; choose one.")
    from partreg.guard import checked
    from partreg.parts import finetune
    from partreg.workflow.profile import Names

    meant = checked(Names, names, "--names")
    how = {"size": size, "epochs": epochs, "batch": 8, "seed": seed}
    weights, scores = finetune.learn_photographs(annotations, photographs, to, start, meant, **how)
    click.echo(f"{weights}:\n{finetune.report(scores)}")


@commands.command()
@click.argument("network", type=click.Path())
@click.option("--to", required=True, help="The file to write.")
def backbone(network: str, to: str) -> None:
    """Write the backbone of a network, to start a training from.

    NETWORK is the folder of the trained network.
    """
    from partreg.reid.start import write_backbone

    write_backbone(network, to)
    click.echo(to)


NETWORK = click.option(
    "--network",
    "--model",
    "network",
    default="",
    help="The trained network: its folder, with run.json and weights.pt, or the .onnx file of `partreg export`.",
)
PORT = click.option("--port", default=0, help="Port of the page on this machine; by default any free one.")
PICTURES = click.argument("pictures", nargs=-1, required=True, type=click.Path())


@commands.command()
@click.argument("folder", type=click.Path())
@NETWORK
@click.option("--to", default="", help="Folder of the index; by default FOLDER.index.")
def index(folder: str, network: str, to: str) -> None:
    """Index all pictures under FOLDER, or bring an index up to date.

    Exit status 1 where pictures were left out.
    """
    from partreg.search.index import index_folder

    done = index_folder(folder, network, to)
    click.echo(str(done))
    sys.exit(1 if done.left_out else 0)


@commands.command()
@click.argument("index_folder", metavar="INDEX", type=click.Path())
@PICTURES
@NETWORK
@click.option("--top", default=10, show_default=True, help="Length of each rank list.")
@click.option("--exact", is_flag=True, help="Search an index of more than a million pictures whole, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--page", default="", help="Write a page with the pictures to this file, too.")
def search(
    index_folder: str, pictures: tuple[str, ...], network: str, top: int, exact: bool, as_json: bool, page: str
) -> None:
    """Find the pictures of INDEX nearest to each of PICTURES."""
    from partreg.search.answer import answer
    from partreg.search.store import read_index

    check_page(page)
    found = read_index(index_folder)
    answered = answer(found, pictures, top, network, exact)
    if page:
        write_page(page, answered.to_page(found))
    click.echo(answered.to_json() if as_json else str(answered))


@commands.command()
@click.argument("source", type=click.Path())
@click.argument("images", type=click.Path())
@click.option("--rate", default=0.01, show_default=True, help="Share of pairs of different vehicles that may match.")
def calibrate(source: str, images: str, rate: float) -> None:
    """Choose the distance up to which pictures show one vehicle.

    At this distance, a share of the pairs of different vehicles match. SOURCE is an index, or a .npy file of
    features in the order of IMAGES. IMAGES is a CSV of pictures with their vehicles, from which the network has
    not learnt; for an index, also the folder with a folder for each vehicle. The result is threshold.json, in
    the index or beside the features.
    """
    from partreg.search import labelled, threshold

    found = labelled.read_labelled(source, images).held_out()
    pairs = threshold.pairs_of(found.features, found.images["vehicle"].to_numpy(), images)
    chosen = threshold.calibrate(pairs, rate, found.weights, images)
    path = threshold.write_threshold(found.folder, chosen)
    click.echo(f"{path}: {chosen}")
    if "split" not in found.images:
        click.echo("All vehicles count. If the network learnt some, this distance is wrong: list the others.")


@commands.command()
@click.argument("index_folder", metavar="INDEX", type=click.Path())
@click.argument("first", type=click.Path())
@click.argument("second", type=click.Path())
@NETWORK
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def same(index_folder: str, first: str, second: str, network: str, as_json: bool) -> None:
    """Say whether two pictures show one vehicle.

    The answer is yes, no or unsure, by the threshold of INDEX.
    """
    import json
    from dataclasses import asdict

    from partreg.search.answer import compare
    from partreg.search.store import read_index

    said = compare(read_index(index_folder), first, second, network)
    click.echo(json.dumps(asdict(said)) if as_json else str(said))


@commands.command()
@click.argument("first", type=click.Path())
@click.argument("second", type=click.Path())
@click.option(
    "--network", "networks", multiple=True, required=True, help="Folder of a trained network; may be repeated."
)
@click.option("--to", default="", help="Write the maps to this picture file, such as likeness.png.")
@click.option("--page", default="", help="Write a page with the maps to this file.")
def likeness(first: str, second: str, networks: tuple[str, ...], to: str, page: str) -> None:
    """Show what in the picture FIRST is like what in SECOND."""
    from partreg.search import likeness as maps
    from partreg.search.extract import load_network

    check_page(page)
    if to and os.path.realpath(to) in map(os.path.realpath, (first, second)):
        raise PartregError(f"--to {to}: this is one of the two pictures; name another file.")
    found = [maps.alike(load_network(folder), first, second) for folder in networks]
    if to:
        maps.write_figure(to, first, second, found)
    if page:
        write_page(page, maps.likeness_page(first, second, found))
    click.echo("\n".join(map(str, found)))


@commands.command()
@click.argument("index_folder", metavar="INDEX", type=click.Path())
@NETWORK
@click.option("--detector", default="", help="Folder of a trained part detector, with weights.pt; shows parts, too.")
@PORT
def page(index_folder: str, network: str, detector: str, port: int) -> None:
    """Open INDEX as a page: drop a picture, see its matches.

    The page also shows what is alike, and the verdict on each match. It is for this machine alone.
    """
    from partreg.local import wait
    from partreg.search import live
    from partreg.search.store import read_index

    with live.page(live.open_desk(read_index(index_folder), network, detector), port) as address:
        click.echo(f"Open {address} in a browser; Ctrl-C stops.")
        wait()


@commands.command()
@click.argument("index_folder", metavar="INDEX", type=click.Path())
@click.option("--threshold", type=float, help="Mean distance up to which groups join; by default the calibrated one.")
@click.option("--csv", "table", default="", help="File for picture and group; by default groups.csv in INDEX.")
def group(index_folder: str, threshold: float | None, table: str) -> None:
    """Group the pictures of INDEX by vehicle."""
    from partreg.files import write_text
    from partreg.search import groups
    from partreg.search.store import read_index
    from partreg.search.threshold import read_threshold

    found = read_index(index_folder)
    limit = read_threshold(found.folder, found.weights).distance if threshold is None else threshold
    grouped = groups.Groups(found.names, groups.group(found.features, limit), limit)
    write_text(path := Path(table or found.folder / "groups.csv"), grouped.to_csv())
    click.echo(f"{path}: {grouped}")


@commands.command()
@click.argument("features", type=click.Path())
@click.argument("images", type=click.Path(), required=False)
@click.option("--cosine", is_flag=True, help="Compare the directions of features alone.")
@click.option("--csv", "table", default="", help="Write the table to this file, too.")
def judge(features: str, images: str | None, cosine: bool, table: str) -> None:
    """Score FEATURES by every rule in use.

    The table says which toolbox would print each score. FEATURES is an index, or a .npy file of features in the
    order of IMAGES, a CSV of pictures with their vehicles; for an index, IMAGES may also be the folder with a
    folder for each vehicle. Without IMAGES, FEATURES is a .npz file with the arrays of torchreid or fast-reid.
    """
    from partreg.files import write_text
    from partreg.search import judge as judging
    from partreg.search.labelled import read_labelled

    if images is None:
        scores = judging.judge_sides(judging.read_sides(features), cosine)
    else:
        scores = judging.judge(read_labelled(features, images), cosine)
    if table:
        write_text(table, scores.to_csv(index=False, lineterminator="\n"))
    click.echo(judging.report(scores))


@commands.command()
@click.argument("source", metavar="IN", type=click.Path())
@click.argument("target", metavar="OUT", type=click.Path())
@click.option("--to", type=click.Choice(["coco", "yolo", "voc"]), required=True, help="What to write.")
@click.option("--pictures", default="", help="The folder of the pictures, for files that do not say their sizes.")
def convert(source: str, target: str, to: str, pictures: str) -> None:
    """Convert the boxes of another tool.

    IN is its file or folder. Read are COCO, YOLO, Pascal VOC, CVAT for images 1.1, labelme and Label Studio's
    JSON. Rotated boxes and polygons become the boxes around them.
    """
    from partreg.annotate import formats
    from partreg.search.pictures import counted

    found, notes = formats.read(source, pictures or None)
    formats.write(found, target, to)
    said = f"{counted(len(found.pictures))} with {counted(found.count, 'box', 'es')}"
    click.echo(f"{target}: {said}. {notes}".rstrip())


@commands.command()
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--classes", default="", help="Names with commas between; by default the parts of this book.")
@click.option("--detector", default="", help="Folder of a trained detector, whose boxes are to be corrected.")
@click.option("--annotator", default="", help="Your name, if several annotate: each has a file.")
@click.option("--to", default="", help="The COCO file; by default DIR.annotations.json, or DIR.<annotator>.json.")
@PORT
def annotate(folder: str, classes: str, detector: str, annotator: str, to: str, port: int) -> None:
    """Draw boxes in the pictures of DIR, in a page on this machine.

    The file is written after each picture, and the next call goes on where this one stopped.
    """
    from partreg import local
    from partreg.annotate.page import FILES, routes
    from partreg.annotate.session import begin
    from partreg.parts.boxes import OWN_NAME

    session, left_out = begin(folder, classes, detector, annotator, to)
    for name, why in left_out.items():
        click.echo(f"left out: {name}: {why}", err=True)
    for label in session.classes:
        if not OWN_NAME.fullmatch(label):
            click.echo(f"{label!r}: no detector takes such a name; use letters, digits, spaces, - and _.", err=True)
    if session.kept:
        what = "it holds more than boxes and their classes, and only these are written again"
        click.echo(f"{session.path}: {what}; before the first change it is copied to {session.kept}.")
    with local.serving(routes(session, len(left_out)), FILES, port) as address:
        click.echo(f"{session.path}: {session.progress()['done']} of {len(session.queue)} pictures are finished.")
        click.echo(f"Open {address} and draw. Ctrl-C ends it.")
        local.wait()


@commands.command()
@click.argument("first", type=click.Path())
@click.argument("second", type=click.Path())
def agreement(first: str, second: str) -> None:
    """Say how well two annotators agree.

    FIRST and SECOND are files of boxes, of any kind that `convert` reads.
    """
    from partreg.annotate.agreement import compare, report
    from partreg.annotate.formats import read

    click.echo(report(compare(read(first)[0], read(second)[0], f"{first} and {second}")))


@commands.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--onnx", is_flag=True, help="Only network.onnx, for ONNX runtimes: pictures in, features out.")
@click.option("--safetensors", is_flag=True, help="Only network.safetensors, all weights with their description.")
@click.option("--check", default="", help="Compare the ONNX file on the first 1,000 pictures of this folder, too.")
@click.option(
    "--out", type=click.Path(path_type=Path), default="export", show_default=True, help="The folder to write."
)
def export(run: Path, onnx: bool, safetensors: bool, check: str, out: Path) -> None:
    """Write a trained network for other programs, with a model card.

    RUN is its folder. Both formats where neither is named.
    """
    from partreg import baselines, files
    from partreg.figures.card import model_card
    from partreg.reid import export as exporting
    from partreg.search.pictures import find_pictures

    method = baselines.method(exporting.described(run).method)
    if check and safetensors and not onnx:
        raise PartregError("--check compares an ONNX file; leave out --safetensors, or say --onnx too.")
    if onnx or not safetensors:
        pictures = [Path(check, name) for name in find_pictures(check)[0][:1000]] if check else []
        if check and not pictures:
            raise PartregError(f"{check}: expected pictures such as .jpg or .png, found none; check the folder.")
        difference = exporting.to_onnx(run, out / "network.onnx", method, pictures)
        shown = f"{len(pictures):,} pictures and " if pictures else ""
        said = f"ONNX Runtime's features differ by at most {difference:.1e}, on {shown}4 random ones"
        click.echo(f"{out / 'network.onnx'}: {said}")
    if safetensors or not onnx:
        exporting.to_safetensors(run, out / "network.safetensors", method)
        click.echo(str(out / "network.safetensors"))
    files.write_text(out / "MODEL_CARD.md", model_card(run))
    click.echo(str(out / "MODEL_CARD.md"))


def check_page(page: str) -> None:
    """Refuse a page that would take the place of a picture: its file must be called .html.

    Raises:
        PartregError: it is not.
    """
    if page and Path(page).suffix.lower() not in (".html", ".htm"):
        raise PartregError(f"--page {page}: expected a file that ends in .html; name one.")


def write_page(page: str, text: str) -> None:
    """Write a page; what is no UTF-8 in the name of a file becomes an escape."""
    from partreg.files import write_text

    write_text(page, text.encode("utf-8", "backslashreplace").decode("utf-8"))


def main() -> None:
    """Run the command line; a PartregError, or a path that cannot be used, is printed as one sentence."""
    for stream in (sys.stdout, sys.stderr):  # a name of a file may hold what the terminal cannot write
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        commands()
    except PartregError as error:
        folder = error.__cause__.filename if isinstance(error.__cause__, IsADirectoryError) else ""
        stop(f"{folder}: a folder, expected a file; give the file itself." if folder else str(error))
    except OSError as error:
        if not (path := error.filename2 or error.filename):
            raise
        stop(f"{path}: could not be used ({error.strerror}); give another path.")


def stop(sentence: str) -> None:
    """End with exit status 2 and a sentence for the user."""
    click.echo(f"partreg: {sentence}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
