"""Report, in Markdown, whether a ranking of methods on rendered vehicles holds on photographs.

``make real`` makes these results; ``tests/real_ranking.py`` says what each is. The page "200 photographs to a
searchable index" shows those that are kept under ``reference/`` (``book/keep.py``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from partreg.figures.tables import in_points, markdown, percent
from partreg.retrieval.statistics import RESAMPLES, Estimate
from partreg.studies.effects import read_table
from promises import kept, origin_words

REAL, RENDERED = "photographs", "rendered"


def read(path: Path) -> pd.DataFrame:
    """Return the kept records of the draws in which all methods are there."""
    table = read_table(path)
    found = table.groupby(["side", "draw"])["method"].transform("size")
    return table[found == table["method"].nunique()]


def shares_of(table: pd.DataFrame, side: str, methods: list[str]) -> np.ndarray:
    """Return (M, D, V) shares of hits for each method, draw and vehicle of a side, NaN where a draw does not test it.

    Vehicle k of a record stands at place ``first + k`` of ``among``, and after the last place comes the first.
    """
    some = table[(table.side == side) & table.method.isin(methods)]
    draws = sorted(some.draw.unique())
    found = np.full((len(methods), len(draws), some.among.iloc[0]), np.nan)
    for row in some.itertuples():
        values = [float(share) for share in row.shares.split()]
        places = (row.first + np.arange(len(values))) % row.among
        found[methods.index(row.method), draws.index(row.draw), places] = values
    return found


def resampled(shares: np.ndarray, seed: int) -> np.ndarray:
    """Return (`RESAMPLES`, M) mean scores, each with other test vehicles and other draws.

    A resample takes the same vehicles and the same draws for all methods, because these are compared with each other.
    ``shares`` are those of `shares_of`.
    """
    rng, (_, draws, vehicles) = np.random.default_rng(seed), shares.shape
    times = rng.multinomial(vehicles, np.full(vehicles, 1 / vehicles), RESAMPLES).astype(float)
    sums = np.einsum("mdv,bv->bmd", np.nan_to_num(shares), times, optimize=True)
    means = sums / (times @ ~np.isnan(shares[0]).T)[:, None]
    chosen = rng.integers(draws, size=(RESAMPLES, 1, draws))
    return np.take_along_axis(means, chosen, axis=2).mean(axis=2)


def drawn(table: pd.DataFrame, methods: list[str]) -> dict[str, np.ndarray]:
    """Return the `resampled` scores of both sides, each by itself."""
    return {side: resampled(shares_of(table, side, methods), seed) for seed, side in enumerate((REAL, RENDERED))}


def spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of each line of (B, M) scores with the same line of others, (B,)."""
    ranks = [stats.rankdata(one, axis=1) for one in (first, second)]
    return _cosine(*(one - one.mean(axis=1, keepdims=True) for one in ranks))


def kendall(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Kendall's correlation (tau-b) of each line of (B, M) scores with the same line of others, (B,)."""
    return _cosine(*(np.sign(apart(one)) for one in (first, second)))


def apart(scores: np.ndarray) -> np.ndarray:
    """Return by how much the first of each two methods is above the second: (B, M (M - 1) / 2) of (B, M) scores."""
    one, other = np.triu_indices(scores.shape[1], 1)
    return scores[:, one] - scores[:, other]


def _cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(axis=1) / np.where(lengths, lengths, np.nan)


def known_pairs(table: pd.DataFrame, methods: list[str]) -> tuple[int, int]:
    """Count the pairs of methods that photographs tell apart, and of these, those in the same order when rendered.

    Photographs tell two methods apart if the 95% interval of their difference leaves zero out.
    """
    low, high = np.percentile(apart(drawn(table, methods)[REAL]), [2.5, 97.5], axis=0)
    told = (low > 0) | (high < 0)
    there, elsewhere = (np.sign(apart(scored(shares_of(table, side, methods))[None]))[0] for side in (REAL, RENDERED))
    return int(told.sum()), int((told & (there == elsewhere)).sum())


def scored(shares: np.ndarray) -> np.ndarray:
    """Return (M,) mean scores over vehicles and draws."""
    return np.nanmean(shares, axis=2).mean(axis=1)


@kept("real_ranking.csv", "real")
def ranking(path: Path) -> list[str]:
    """Report each method's score and rank on both sides, and how well the two rankings agree."""
    table = read(path)
    mean = table.pivot_table(index="method", columns="side", values="cmc1").sort_values(REAL, ascending=False)
    methods = list(mean.index)
    ends = {side: np.percentile(scores, [2.5, 97.5], axis=0) for side, scores in drawn(table, methods).items()}
    lines = [
        (name, *(cell for side in (REAL, RENDERED) for cell in _cells(mean[side], *ends[side][:, place], name)))
        for place, name in enumerate(methods)
    ]
    real, other = (table[table.side == side].iloc[0] for side in (REAL, RENDERED))
    networks = [name for name in methods if (table[table.method == name].epochs > 0).all()]
    columns = [agreement(table, some) for some in (methods, networks)]
    rows = [(name, *(column[name] for column in columns)) for name in columns[0]]
    return [
        *markdown(["method", "on photographs", "rank:", "on rendered vehicles", "rank:"], lines),
        "",
        f"{{term}}`CMC`@1 and its 95% {{term}}`interval` for other test vehicles and other draws. Draws: "
        f"{table.draw.nunique()}, each with {real.test_vehicles} cars of the {real.among} to test, and with "
        f"{other.test_vehicles} rendered vehicles.",
        "",
        *markdown(["", f"all {len(methods)} methods", f"the {len(networks)} networks"], rows),
        "",
        "In brackets, 95% intervals; five draws are few for a bootstrap, so they are somewhat too narrow. Resampling "
        "adds noise to both rankings, so that intervals of correlations lean to values below the estimate. "
        f"{_sentence(table, networks)} {origin_words(real)}",
    ]


def _cells(scores: pd.Series, low: float, high: float, name: str) -> tuple[str, str]:
    """Write a method's score with its interval, and its rank."""
    rank = scores.rank(ascending=False)[name]
    return f"{percent(scores[name])} ({percent(low)} to {percent(high)})", f"{rank:g}"


def agreement(table: pd.DataFrame, methods: list[str]) -> dict[str, str]:
    """Return how well the rankings of these methods agree, by what is measured, each with its 95% interval in words."""
    real, rendered = (scored(shares_of(table, side, methods)) for side in (REAL, RENDERED))
    on_real, on_rendered = drawn(table, methods).values()
    told, same = known_pairs(table, methods)
    again = spearman(on_real, np.roll(on_real, 1, axis=0))
    best = rendered.argmax()
    gains = on_real[np.arange(RESAMPLES), on_rendered.argmax(axis=1)] - on_real.mean(axis=1)
    return {
        **{
            f"{name}'s correlation": _between(of(real[None], rendered[None])[0], of(on_real, on_rendered))
            for name, of in (("Spearman", spearman), ("Kendall", kendall))
        },
        "Spearman's, photographs against photographs, both resampled": _between(np.nanmedian(again), again),
        "pairs of methods that photographs tell apart": f"{told}",
        "of these, in the same order on rendered vehicles": f"{same}",
        "on photographs, the method that is best on rendered vehicles has": percent(real[best]),
        "the one that is best on photographs": percent(real.max()),
        "the mean of all": percent(real.mean()),
        "points gained by choosing on rendered vehicles, over that mean": in_points(
            Estimate(real[best] - real.mean(), *np.percentile(gains, [2.5, 97.5]))
        ),
    }


def _between(value: float, values: np.ndarray) -> str:
    """Write a correlation with its 95% interval."""
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return f"{value:.2f} ({low:.2f} to {high:.2f})".replace("-", "−")


def _sentence(table: pd.DataFrame, methods: list[str]) -> str:
    """Say what the interval of the networks' correlation allows to say."""
    low, high = np.nanpercentile(spearman(*drawn(table, methods).values()), [2.5, 97.5])
    if low > 0:
        return "Among the networks, the rankings agree better than chance."
    if high < 0:
        return "Among the networks, the rankings disagree: what is better on rendered vehicles is worse on photographs."
    return "Among the networks, the interval has zero in it: it is not known whether the ranking carries over."
