"""Charts and words of the chapter about thresholds: two kinds of pairs, ROC, DET, and rates that hold or do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partreg.figures.intervals import PUBLISHED, REPRODUCED
from partreg.figures.sheets import image_grid, white_figure
from partreg.figures.tables import DASH, percent

BINS = 80
LOOKS = ((REPRODUCED, "-"), (PUBLISHED, "--"))  # of the first and the second curve
RATES = (1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5)  # marked on an axis of false matches
SHARES = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999)  # marked on an axis of missed pairs


def distance_chart(different: np.ndarray, same: np.ndarray, threshold: float) -> Figure:
    """Draw how far apart the two kinds of pairs are, with what a threshold gets wrong of each filled.

    Args:
        different: (D,) distances of pairs of different vehicles.
        same: (S,) distances of pairs of one vehicle.
        threshold: the largest distance that counts as a match.

    Returns:
        The closed figure; each kind of pairs has its own scale, so that both have the same area.
    """
    figure, ax = white_figure(6.4, 3.2, layout="constrained")
    edges = np.linspace(0, max(different.max(initial=1e-9), same.max(initial=1e-9)), BINS + 1)
    sides = [(different, "two vehicles", "false matches", "//"), (same, "one vehicle", "missed", "\\\\")]
    for (values, name, wrong, hatch), (color, style) in zip(sides, LOOKS, strict=True):
        heights = 100 * np.histogram(values, edges)[0] / max(len(values), 1)
        ax.stairs(heights, edges, color=color, linestyle=style, linewidth=2, label=f"pairs of {name}")
        middles = (edges[1:] + edges[:-1]) / 2
        kept = middles <= threshold if name == "two vehicles" else middles > threshold
        shown = np.where(kept, heights, 0)
        ax.stairs(shown, edges, fill=True, color=color, alpha=0.3, hatch=hatch, label=f"{wrong}")
    ax.axvline(threshold, color="black", linewidth=1)
    ax.annotate("threshold", (threshold, 1.01), xycoords=("data", "axes fraction"), ha="center", fontsize=9)
    ax.set(xlabel="distance", ylabel="share of the pairs, %", ylim=(0, None), xlim=(0, edges[-1]))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=9)
    return figure


def roc_and_det(curves: Mapping[str, Any], rate: float) -> Figure:
    """Draw the ROC curve (above) and the DET curve (below) of two networks, in bands of 95% intervals over vehicles.

    Args:
        curves: at most two, by name: ``rates`` of false matches, the share ``missed`` at each, ``low`` and ``high``, as
            of `partreg.search.rates.curve`.
        rate: marked by a vertical line.

    Returns:
        The closed figure. DET's axes are normal deviates: if both kinds of distances are normal, it is a straight line.
    """
    from scipy.stats import norm

    figure, (roc, det) = white_figure(6.4, 7.2, 2, layout="constrained")
    for (name, curve), (color, style) in zip(curves.items(), LOOKS, strict=False):
        roc.plot(curve.rates, 100 * (1 - curve.missed), style, color=color, linewidth=2, label=name)
        roc.fill_between(curve.rates, 100 * (1 - curve.low), 100 * (1 - curve.high), color=color, alpha=0.2)
        ends = np.clip([curve.missed, curve.low, curve.high], SHARES[0] / 10, 1 - SHARES[0] / 10)
        det.plot(curve.rates, ends[0], style, color=color, linewidth=2, label=name)
        det.fill_between(curve.rates, ends[1], ends[2], color=color, alpha=0.2)
    known = np.concatenate([np.ravel(curve.rates) for curve in curves.values()] or [[0.5]])
    least = min(known.min(), rate)
    roc.set(xscale="log", xlim=(least, 0.5), ylim=(0, 100), title="ROC", ylabel="found: pairs of one vehicle, %")
    for scale in (det.set_xscale, det.set_yscale):
        scale("function", functions=(lambda share: norm.ppf(np.clip(share, 1e-9, 1 - 1e-9)), norm.cdf))
    det.set(xlim=(least, 0.5), title="DET", ylabel="missed: pairs of one vehicle, %")
    det.set_yticks(SHARES, [f"{100 * share:g}" for share in SHARES])
    det.set_ylim(_around(curves))
    for ax in (roc, det):
        ax.set_xticks([one for one in RATES if one >= least], [f"{100 * one:g}" for one in RATES if one >= least])
        ax.minorticks_off()
        _finish(ax, rate)
    return figure


def _around(curves: Mapping[str, Any]) -> tuple[float, float]:
    """The smallest span of marked shares around all curves."""
    every = np.concatenate([np.ravel([curve.low, curve.high]) for curve in curves.values()] or [[0.5]])
    every = every[~np.isnan(every)] if np.isfinite(every).any() else np.array([0.5])
    below, above = [one for one in SHARES if one < every.min()], [one for one in SHARES if one > every.max()]
    return (below or SHARES[:1])[-1], (above or SHARES[-1:])[0]


def _finish(ax: Axes, rate: float) -> None:
    """Mark a rate, name the horizontal axis and the curves."""
    ax.axvline(rate, color="black", linewidth=0.8, linestyle=":", label=f"false-match rate of {100 * rate:g}%")
    ax.set_xlabel("false matches: pairs of two vehicles, %")
    ax.grid(color="0.9")
    ax.set_axisbelow(True)
    ax.legend(frameon=True, fontsize=9)


def splits_chart(splits: pd.DataFrame, rate: float) -> Figure:
    """Draw the interval that each calibration gave, and the rate that the other half of the vehicles showed.

    Args:
        splits: ``low``, ``high``, ``measured`` (fractions) and whether it ``held``, see
            `partreg.search.rates.in_halves`.
        rate: that was asked for.

    Returns:
        The closed figure, from the lowest measured rate to the highest; crosses lie outside of their interval.
    """
    shown = splits.sort_values("measured", kind="stable").reset_index(drop=True)
    figure, ax = white_figure(6.4, 3.2, layout="constrained")
    ax.vlines(shown.index, 100 * shown.low, 100 * shown.high, color="0.7", linewidth=2, label="interval by calibration")
    for held, mark, color, name in ((True, "o", REPRODUCED, "inside"), (False, "X", PUBLISHED, "outside")):
        some = shown[shown.held == held]
        ax.plot(some.index, 100 * some.measured, mark, color=color, markersize=4 if held else 8, label=name)
    ax.axhline(100 * rate, color="black", linewidth=0.8, linestyle=":", label="rate asked for")
    ax.set(xlabel="split, by the measured rate", ylabel="false matches, %", ylim=(0, None), xticks=[])
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, fontsize=9, ncols=4, loc="outside upper center")
    return figure


def pair_sheet(images: pd.DataFrame, rows: Mapping[str, np.ndarray], number: int = 5) -> Figure:
    """Draw pairs of pictures, chosen at random, the one above the other.

    Args:
        images: table of images.
        rows: by the labels of its two rows of the sheet, as "above/below", the pairs: (K, 2) numbers of images.
        number: pairs shown of each.
    """
    random, found, labels = np.random.default_rng(0), [], []
    for label, pairs in rows.items():
        chosen = pairs[np.sort(random.permutation(len(pairs))[:number])]
        for side, words in enumerate(label.split("/")):
            found += [*images.path.iloc[chosen[:, side]], *[None] * (number - len(chosen))]
            labels.append(words)
    return image_grid(found, number, rows=labels)


def share(estimate: Any) -> str:
    """Write a small share with its interval and two digits, "1.2% (0.81 to 1.7)"; a dash where it is unknown."""
    mean, low, high = (100 * part for part in (estimate.mean, estimate.low, estimate.high))
    if np.isnan(mean):
        return DASH
    return f"{mean:.2g}%" + ("" if np.isnan(low) else f" ({low:.2g} to {high:.2g})")


def carried_words(found: pd.DataFrame) -> pd.DataFrame:
    """Write the rows of `partreg.search.rates.carried`: the interval that was promised, and what was measured."""
    ends = zip(found.low, found.high, strict=True)
    words = {
        "promised": [DASH if np.isnan(low) else f"{100 * low:.2g} to {100 * high:.2g}%" for low, high in ends],
        "measured": found.measured.map(share),
        "missed": found.missed.map(share),
    }
    return pd.DataFrame(words, index=found.index)


def search_words(numbers: Sequence[int], rate: float, missed: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Say what a rate lets a search among so many pictures find wrongly, and what a rate for one false match misses.

    Args:
        numbers: of pictures of other vehicles.
        rate: of false matches.
        missed: by network, the share of pairs of one vehicle missed at the rate that expects one false match among each
            of the numbers; NaN where the pairs cannot tell.
    """
    words = {
        f"false matches at {100 * rate:g}%": [f"{rate * number:,.0f}" for number in numbers],
        "rate that expects one": [f"{100 / number:g}%" for number in numbers],
        **{f"missed then, {name}": [percent(one) for one in shares] for name, shares in missed.items()},
    }
    return pd.DataFrame(words, index=pd.Index([f"{number:,}" for number in numbers], name="pictures searched"))


def held_words(halves: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Write in how many splits a rate held, "97 of 100", by name, from `partreg.search.rates.in_halves`."""
    return {name: f"{int(splits.held.sum())} of {len(splits)}" for name, splits in halves.items()}


def failure_words(by_kind: pd.DataFrame, by_camera: pd.DataFrame) -> dict[str, str]:
    """Write what chapter 16 says of rates that were carried to other pairs, from `partreg.search.rates.carried`."""
    found = {
        "alike_measured": by_kind.loc[("all pairs", "near-duplicates"), "measured"],
        "alike_missed": by_kind.loc[("near-duplicates", "near-duplicates"), "missed"],
        "alike_own": by_kind.loc[("near-duplicates", "near-duplicates"), "measured"],
        "one_camera": by_camera.loc[("two cameras", "one camera"), "measured"],
        "two_cameras": by_camera.loc[("one camera", "two cameras"), "measured"],
        "two_missed": by_camera.loc[("one camera", "two cameras"), "missed"],
    }
    return {name: percent(estimate.mean) for name, estimate in found.items()}


def alike_words(kind: np.ndarray, different: np.ndarray, near: np.ndarray) -> dict[str, str]:
    """Write which share of all pairs of two vehicles, and of those that match, are of one kind.

    ``kind`` (N,) is from `partreg.datasets.kinds.kinds`; pairs of unknown kind do not count. ``different`` and ``near``
    mark the pairs, (N, N) bool.
    """
    words = {}
    for name, marked in {"alike_all": different, "alike_false": near}.items():
        one, other = kind[np.argwhere(marked)].T if marked.any() else np.empty((2, 0))
        same = (one == other)[(one >= 0) & (other >= 0)]
        words[name] = percent(same.mean()) if len(same) else DASH
    return words


def found_words(false: np.ndarray) -> dict[str, str]:
    """Write how many false matches (N,) searches find: the mean, at most in half of them, and more in one in ten."""
    found = {"mean": false.mean(), "median": np.median(false), "many": np.quantile(false, 0.9)}
    return {f"{name}_found": f"{number:,.0f}" for name, number in found.items()}
