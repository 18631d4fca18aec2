"""The model card of a trained network: what it learnt, where and how well, written from the files of its folder."""

from __future__ import annotations

from importlib.metadata import metadata, version
from pathlib import Path
from typing import Any

from partreg import files
from partreg.baselines import declarations
from partreg.figures.origins import RENDERED
from partreg.figures.tables import markdown
from partreg.reid.run import Run, from_dict

CITATION = (
    "Bing He, Jia Li, Yifan Zhao, Yonghong Tian. Part-regularized Near-duplicate Vehicle Re-identification. IEEE/CVF "
    "Conference on Computer Vision and Pattern Recognition (CVPR), 2019, pages 3997 to 4005."
)
UNKNOWN = "not recorded"
LAYOUTS = {"vehicleid": "VehicleID", "veri": "VeRi-776"}
VEHICLEID = "One image of each vehicle is in the gallery, drawn several times; all other images are queries."
VERI = "Images of the query's vehicle that its own camera took do not count."
SCORES = {"cmc1": "CMC@1", "cmc5": "CMC@5", "mAP": "mAP", "hit1": "HIT@1", "hit5": "HIT@5"}
TEXT = """\
# Model card: {run.name}

Written by `partreg export` {version} from the files of the trained network `{folder}`. What those files do not say is
called "{unknown}".

## What it does

It turns a picture of a vehicle into a feature of {width} numbers. The smaller the L2 distance between two features, the
more alike are the two vehicles.

{what}

## What it learnt

{learnt}

## Scores

{scores}

## Intended use

Research and teaching: to rank pictures of vehicles by their likeness to a query, and to compare methods. A ranking is
a proposal. Let a person look at the pictures before anything follows from it.

## Limits

{limits}

## Citation and licence

Cite the paper for the method:

> {citation}

The licence of partreg, which trained this network, is {licence}. Pictures that others own, such as those of VehicleID
and VeRi-776, come with terms of their own, which may also bind networks that learnt from them.
"""


def model_card(folder: str | Path) -> str:
    """Return the model card of a trained network as Markdown.

    Args:
        folder: the folder of the network. Of its files run.json must be there; training.json, provenance.json,
            features_test.json and scores.json add what they know.

    Raises:
        PartregError: run.json is missing, or one of the files is not what it should be.
    """
    folder = Path(folder)
    run = from_dict(files.read_json(folder / "run.json"), str(folder / "run.json"))
    names = ("training", "provenance", "features_test", "scores")
    training, made, features, scores = (known(folder / f"{name}.json") for name in names)
    data = made.get("data") or next((one["data"] for one in made.get("boxes", ())), UNKNOWN)
    return TEXT.format(
        run=run,
        version=version("partreg"),
        folder=folder.resolve().name,
        unknown=UNKNOWN,
        width=run.dim * (1 if run.use_global else len(run.parts)),
        what=table(network(run, training)),
        learnt=table(learnt(run, training, made, data)),
        scores=judged(run, scores, features),
        limits="\n".join(f"- {limit}" for limit in limits(run, data)),
        citation=CITATION,
        licence=metadata("partreg")["License-Expression"],
    )


def known(path: Path) -> dict[str, Any]:
    """Return what a JSON file says; nothing where there is none."""
    return dict(files.read_json(path)) if path.exists() else {}


def table(facts: dict[str, Any]) -> str:
    """Lay facts out as a Markdown table of two columns."""
    return "\n".join(markdown(["what", "value"], facts.items()))


def network(run: Run, training: dict[str, Any]) -> dict[str, Any]:
    """Describe what the network takes and what it is made of."""
    start = "random" if not run.weights else f"`{Path(run.weights).name}`"
    needs = "" if run.use_global else ", and the boxes of its parts"
    return {
        "input": f"pictures resized to {run.size} x {run.size} pixels, without keeping their proportions{needs}",
        "method": method_words(run.method),
        "branches": ", ".join(run.branches) if run.method == "partreg" else UNKNOWN,
        "backbone": f"{run.backbone}; its first weights were {start}",
        "parameters": number(training, "parameters"),
        "parameters that features need": number(training, "parameters_at_test"),
    }


def method_words(method: str) -> str:
    """Say what a method is: the paper's, that of another row of its Tables 1 to 3, or one that it does not have."""
    if method == "partreg":
        return "that of the paper"
    return f"`{method}` " + ("of the paper's Tables 1 to 3" if declarations()[method].tables else "of this book")


def learnt(run: Run, training: dict[str, Any], made: dict[str, Any], data: str) -> dict[str, Any]:
    """Describe the training: its data, its settings, and the machine and code that did it."""
    commit = made.get("commit", UNKNOWN) + ("" if made.get("clean", True) else " with uncommitted changes")
    return {
        "pictures": data,
        "judged by the rules of": LAYOUTS.get(run.dataset, run.dataset),
        "images": number(training, "images"),
        "vehicles": number(training, "vehicles"),
        "digest of the pictures": training.get("learnt_from", {}).get("pictures", UNKNOWN),
        "profile": made.get("profile", UNKNOWN),
        "epochs": run.epochs,
        "seed": run.seed,
        "device": made.get("device", training.get("device", UNKNOWN)),
        "number format": training.get("format", UNKNOWN),
        "seconds": training.get("seconds", UNKNOWN),
        "commit": commit,
        "torch": made.get("versions", {}).get("torch", UNKNOWN),
        "made": made.get("made", UNKNOWN),
    }


def number(facts: dict[str, Any], name: str) -> str:
    """Write a whole number of a file with commas between its thousands."""
    return f"{facts[name]:,}" if name in facts else UNKNOWN


def judged(run: Run, scores: dict[str, Any], features: dict[str, Any]) -> str:
    """Write the scores as a table under the protocol that gave them."""
    if not scores:
        return "The folder has no scores."
    if run.dataset == "veri":
        scores, protocol, first = {"VeRi-776": scores}, VERI, "test images"
    else:
        protocol, first = VEHICLEID, "vehicles in the test list"
    columns = list(next(iter(scores.values())))
    rows = [[name, *(f"{values[column]:.3f}" for column in columns)] for name, values in by_number(scores)]
    head = [first, *(SCORES.get(column, column) for column in columns)]
    layout = LAYOUTS.get(run.dataset, run.dataset)
    where = f"{features.get('device', UNKNOWN)}, commit {features.get('commit', UNKNOWN)}"
    words = f"The protocol of {layout} on the test half, as fractions. {protocol} Features computed on: {where}."
    return "\n".join([words, "", *markdown(head, rows)])


def by_number(scores: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return scores by name; names that are numbers in their order."""
    return sorted(scores.items(), key=lambda pair: (len(pair[0]), pair[0]))


def limits(run: Run, data: str) -> list[str]:
    """Say what the network is not for."""
    rendered = {
        RENDERED: "It learnt rendered vehicles: it is not for real photographs, and its scores say nothing about them.",
        UNKNOWN: "The files do not say whether it learnt photographs or rendered vehicles; it suits only its own kind.",
    }
    return [
        rendered.get(data, "Pictures of another kind than those that it learnt may rank in another order."),
        'No distance means "the same vehicle" by itself: find a threshold on pairs that the network did not learn.',
        f"This is one training, of seed {run.seed}: another seed gives other scores.",
    ]
