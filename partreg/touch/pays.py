"""When parts pay: every kept gain with its interval and the trainings behind it, for the reader's hand."""

from __future__ import annotations

import pandas as pd

from partreg.figures.gains import COLORS
from partreg.figures.sheets import white_figure
from partreg.touch.thing import Thing, rounded, still

ALT = (
    "A chart of gains by parts with their 95% intervals, for the first thing that changes. The thing to touch needs "
    "scripts: it chooses what changes, the network and the budget, and lists the trainings behind a point."
)
SHOWN = {"row": "network", "seed": "seed", "cmc1_large": "score", "vehicles": "vehicles", "passes": "passes"}


def when_parts_pay(gains: pd.DataFrame, runs: pd.DataFrame) -> Thing:
    """Return the gains of networks over their baselines, with the trainings behind each.

    Args:
        gains: a row for each point, see `partreg.studies.points.gains`.
        runs: the trainings, with ``key`` and the columns of `SHOWN`, ``device`` and ``commit``; scores are fractions.
    """
    used = list(dict.fromkeys(key for keys in gains["keys"] for side in keys for key in side))
    place = {key: number for number, key in enumerate(used)}
    shown = runs.drop_duplicates("key").set_index("key").loc[used, [*SHOWN, "device", "commit"]].rename(columns=SHOWN)
    shown = shown.assign(score=rounded(100 * shown["score"], 2), passes=(shown["passes"] / 1000).round(1))
    points = [
        {
            **point,
            "keys": [[place[key] for key in side] for side in point["keys"]],
            **{name: rounded(100 * point[name]) for name in ("mean", "low", "high")},
        }
        for point in gains.to_dict("records")
    ]
    data = {"points": points, "trainings": shown.to_dict("records")}
    first = gains[gains["series"] == gains["series"].iloc[0]]
    return Thing("pays", data, _still(first), ALT)


def _still(gains: pd.DataFrame) -> str:
    """Draw some gains in points, from top to bottom, with their intervals."""
    figure, ax = white_figure(6, 1 + 0.3 * len(gains), layout="constrained")
    mean, low, high = 100 * gains[["mean", "low", "high"]].to_numpy(dtype=float).T
    ax.errorbar(mean, range(len(gains)), xerr=[mean - low, high - mean], fmt="o", color=COLORS[0], capsize=3)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_yticks(range(len(gains)), [f"{one.value}, {one.budget} budget" for one in gains.itertuples()])
    ax.invert_yaxis()
    ax.set(xlabel="gain by parts in CMC@1, points", ylabel=gains["series"].iloc[0])
    return still(figure)
