"""Report, in Markdown, what rendered vehicles are worth on real photographs, and what annotated images cost and bring.

``make real`` and ``make annotating`` make these results; ``tests/real.py`` and ``tests/annotate/actions.py`` say what
each is. The pages "200 photographs to a searchable index" and "Boxes in pictures of your own" show those that are kept
under ``reference/`` (``book/keep.py``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from partreg.figures.gains import COLORS, LINES, MARKS
from partreg.figures.sheets import white_figure
from partreg.figures.tables import in_points, markdown, percent
from partreg.retrieval.statistics import Arm, Contrast, contrast
from partreg.studies.effects import read_table
from partreg.workflow.profile import REFERENCE
from promises import commit_words, kept, origin_words

LIGHTS = ["left_light", "right_light"]
KINDS = ("front window", "rear window", "lights")  # of parts, each with an average precision
STARTS = {
    "none": "random weights",
    "rendered": "rendered vehicles",
    "ImageNet": "ImageNet",
    "both": "ImageNet, then rendered vehicles",
}
LAYOUTS = {"vehicleid": "VehicleID, {term}`CMC`@1", "veri": "VeRi-776, {term}`HIT`@1"}
# What is compared with what, and what the difference says.
GAINS = {
    ("rendered", "none"): "rendered vehicles, over random weights",
    ("both", "ImageNet"): "rendered vehicles, over ImageNet alone",
    ("ImageNet", "none"): "ImageNet and SqueezeNet, over random weights and `small`",
}


def parts_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return AP for each kind of part, a column each: front window, rear window, and the mean of both lights."""
    lights = table[LIGHTS].mean(axis=1)
    return pd.DataFrame({"front window": table["front_window"], "rear window": table["rear_window"], "lights": lights})


@kept("real_detectors.csv", "real")
def detectors(path: Path) -> list[str]:
    """Report the detectors from random weights and from those of rendered vehicles."""
    table = read_table(path)
    found, rows = parts_of(table), []
    for (size, epochs, start), some in table.groupby(["size", "epochs", "start"]):
        mine = found.loc[some.index]
        rows.append(
            (STARTS[start], size, epochs, *(f"{mine[name].mean():.3f} ({_listed(mine[name])})" for name in KINDS))
        )
    first = table.iloc[0]
    return [
        *markdown(["started from", "pixels:", "epochs:", *KINDS], rows),
        "",
        f"AP at an {{term}}`IoU` of 0.5 on {first.tested} photographs that no detector learnt: the mean over seeds, "
        f"and in brackets each seed's. Each detector learnt {first.annotated} photographs. {_origins(table)}",
    ]


def _origins(table: pd.DataFrame) -> str:
    """Say in one sentence where the rows of a table come from."""
    first, *others = (row for _, row in table.drop_duplicates("commit").iterrows())
    return origin_words(first).removesuffix(".") + "".join(f" and {commit_words(row)}" for row in others) + "."


def _listed(values: pd.Series) -> str:
    """Write the values of all seeds."""
    return ", ".join(f"{value:.3f}" for value in values)


@kept("real_annotated.csv", "real")
def annotated(path: Path) -> list[str]:
    """Report the average precision against the number of annotated images."""
    table = with_all(path)
    scores = parts_of(table).map("{:.2f}".format)
    first = table.drop_duplicates("pictures")
    how = "; ".join(
        f"{row.pictures}: from {STARTS[row.start]}, at {row['size']} pixels, tested on {row.tested}"
        for _, row in first.iterrows()
    )
    return [
        *markdown(
            ["pictures", "annotated:", *(f"{name}:" for name in KINDS)],
            zip(table.pictures, table.annotated, *(scores[name] for name in KINDS), strict=True),
        ),
        "",
        f"AP at an IoU of 0.5, one seed ({how}). However few its pictures, each detector of a kind learnt for equally "
        f"many steps. {'' if len(first) > 1 else 'On photographs, this was not measured. '}"
        f"{_origins(table)}",
    ]


def with_all(path: Path) -> pd.DataFrame:
    """Return the kept numbers of `annotated`, with those of the detector that learnt all photographs, seed 0."""
    table = read_table(path)
    photographs = table[table.pictures == "photographs"]
    if (whole := path.with_name("real_detectors.csv")).exists() and len(photographs):
        others = read_table(whole)
        alike = ["start", "seed", "size"]
        same = others[(others[alike] == photographs[alike].iloc[0]).all(axis=1)]
        table = pd.concat([table, same], ignore_index=True)
    return table.sort_values(["pictures", "annotated"], ascending=[False, True], kind="stable")


def annotated_figure(folder: Path = REFERENCE) -> Figure:
    """Draw the average precision against the number of annotated images; a panel for each kind of pictures."""
    path = folder / "real_annotated.csv"
    table = with_all(path) if path.exists() else pd.DataFrame({"pictures": []})
    kinds = list(dict.fromkeys(table.pictures)) or ["rendered"]
    figure, axes = white_figure(6.4, 2.6 * len(kinds), len(kinds), layout="constrained", squeeze=False, sharex=True)
    for ax, kind in zip(axes[:, 0], kinds, strict=True):
        some = table[table.pictures == kind]
        for name, color, line, mark in zip(KINDS, COLORS, LINES, MARKS, strict=False):
            if len(some):
                ax.plot(some.annotated, parts_of(some)[name], color=color, linestyle=line, marker=mark, label=name)
        ax.set(title=f"{kind} pictures".replace("photographs pictures", "photographs"), ylabel="AP", ylim=(0, 1.03))
        ax.spines[["top", "right"]].set_visible(False)
    axes[-1, 0].set_xlabel("annotated images")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(KINDS), frameon=False)
    return figure


def arm(table: pd.DataFrame, weight: float) -> Arm:
    """Return one method's trainings, with their shares by test vehicle, for a contrast."""
    shares = np.array([[float(share) for share in row.split()] for row in table.shares])
    return Arm(weight, table.cmc1.to_numpy(float), shares)


def gain(table: pd.DataFrame, first: tuple[str, bool], second: tuple[str, bool]) -> Contrast:
    """Return the difference of CMC@1 between two kinds of trainings, each given by its start and whether it has parts.

    All is NaN where one of them was not measured.
    """
    chosen = [table[(table.start == start) & (table.parts == parts)] for start, parts in (first, second)]
    return contrast(
        [arm(some, sign) for some, sign in zip(chosen, (1, -1), strict=True)] if all(map(len, chosen)) else []
    )


@kept("real_starts.csv", "real")
def starts(path: Path) -> list[str]:
    """Report the networks from each start, with and without parts, and the differences with their intervals."""
    table = read_table(path)
    found, rows, gains, measured = table.iloc[0], [], [], []
    for start, name in STARTS.items():
        some = table[table.start == start]
        cells = [_scores(some[some.parts == parts]) for parts in (False, True)]
        measured.append(gain(table, (start, True), (start, False)))
        rows.append((name, f"`{some.backbone.iloc[0]}`", *cells, _gain(measured[-1])))
    for (first, second), words in GAINS.items():
        both = [gain(table, (first, parts), (second, parts)) for parts in (False, True)]
        gains.append((words, *map(_gain, both)))
        measured += both
    known = [one for one in measured if not np.isnan(one.low)]
    apart = sum(one.low > 0 or one.high < 0 for one in known)
    return [
        *markdown(["started from", "backbone", "without parts", "with parts", "gain by parts"], rows),
        "",
        f"{{term}}`CMC`@1 on {found.test_vehicles} vehicles: the mean over seeds, and in brackets each seed's.",
        "",
        *markdown(["gain by", "without parts", "with parts"], gains),
        "",
        "Gains are in points, with 95% {term}`intervals <interval>` for other trainings and other vehicles. "
        f"{apart} of these {len(known)} intervals leave zero out. "
        f"{_origins(table)}",
    ]


def _scores(some: pd.DataFrame) -> str:
    """Write the mean of the trainings, and each of them."""
    if some.empty:
        return "not measured"
    return f"{percent(some.cmc1.mean())} ({', '.join(percent(one) for one in some.cmc1)})"


def _gain(found: Contrast) -> str:
    """Write a difference with its interval."""
    return "not measured" if np.isnan(found.mean) else in_points(found)


@kept("annotating.csv", "annotating")
def actions(path: Path) -> list[str]:
    """Report how many actions boxes take when they are drawn, and when a detector's are corrected."""
    table = read_table(path)
    first = table.iloc[0]
    rows = [
        ("drawn" if one.way == "draw" else "corrected", f"{one.iou:g}", one.actions, f"{one.share:.0%}")
        for one in table.itertuples()
    ]
    return [
        *markdown(["boxes are", "{term}`IoU` at the end, at least", "actions", "share of drawing"], rows),
        "",
        f"{first.boxes} boxes in {first.pictures} pictures, by a detector of the profile `{first.profile}`. Between "
        f"the boxes of the stand-in for a hand and the true ones, the median IoU is {first.hand_iou:.2f}. "
        f"{origin_words(first)}",
    ]


@kept("real_walk.csv", "real")
def walked(path: Path) -> list[str]:
    """Report how long each step of the page's walk takes."""
    table = read_table(path)
    table = table[table.seconds >= 1]
    rows = [(row.step, _minutes(row.seconds)) for row in table.itertuples()]
    return [
        *markdown(["step", "time of one core:"], [*rows, ("*all*", _minutes(table.seconds.sum()))]),
        "",
        f"Processor time of the commands on this page, on the photographs below. {origin_words(table.iloc[0])}",
    ]


@kept("photographs.csv", "photographs")
def photographs(path: Path) -> list[str]:
    """Report every method that real photographs allow, on a folder of them."""
    table = read_table(path)
    rows = [
        (LAYOUTS[one.layout], one.row, f"{percent(one.cmc1)} ({percent(one.low)} to {percent(one.high)})")
        for one in table.itertuples()
    ]
    first = table.iloc[0]
    return [
        *markdown(["layout and score", "method", "with its {term}`interval`"], rows),
        "",
        f"{first.test_vehicles} test vehicles, {first['size']} px, {first.epochs} epochs, seed {first.seed}; 95% "
        f"intervals over these vehicles. Kept from the profile `{first.profile}`, {first.device}, commit "
        f"{commit_words(first)}.",
    ]


def _minutes(seconds: float) -> str:
    """Write a time in seconds, or from two minutes on in minutes."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
