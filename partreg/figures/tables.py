"""Tables 1 to 6 in the paper's form: each cell as published, as reproduced, and their difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations, groupby
from typing import Any

import numpy as np
import pandas as pd

from partreg import paper
from partreg.figures.origins import Origin, collected, reference_note, source_line
from partreg.retrieval.protocols import VehicleIDScores, VeRiScores
from partreg.retrieval.statistics import (
    CONTRADICTED,
    SUPPORTED,
    UNDECIDED,
    Contrast,
    Estimate,
    bootstrap_over_vehicles,
    verdict,
)

VEHICLE_SETS = ("Small", "Medium", "Large")
KINDS = ("published", "reproduced", "difference")
REFERENCE = "reference"  # a fourth, for trainings kept in the repository
DASH = "–"
NOT_RUN = "not run"
SIGNS = "*†‡§¶"
# The cells of each remark on the paper; other remarks belong to their table's caption.
MARKED = {
    "remark-cmc5": {4: [("Global+Light+Window", "CMC@5")]},
    "remark-rank1": {1: [("VAMI", "Large")]},
    "remark-map": {3: [("VAMI", "mAP")]},
    "remark-512": {3: [(paper.OURS, "mAP")], 6: [(512, "mAP")]},
    "remark-others": {3: [("FACT", "mAP"), ("OIFE", "HIT@1"), ("OIFE+ST", "HIT@1")]},
}
STYLE = """<style>
.partreg-scroll { overflow-x: auto; container-type: inline-size; }
.partreg-scroll table { border-collapse: collapse; margin: 0 auto; font-variant-numeric: tabular-nums;
  font-size: 0.85em; }
.partreg-scroll caption { caption-side: top; text-align: left; padding-bottom: 0.5em; color: inherit; }
.partreg-scroll caption span { display: block; position: sticky; left: 0; width: fit-content; max-width: 100cqi; }
.partreg-scroll th, .partreg-scroll td { padding: 0.2em 0.4em; text-align: right; white-space: nowrap; }
.partreg-scroll td span { display: block; font-size: 0.85em; }
.partreg-scroll th[scope=row], .partreg-scroll th[scope=rowgroup] { text-align: left; white-space: normal; }
.partreg-scroll th[scope=row] { min-width: min(10em, 40cqi); }
.partreg-scroll thead th[scope=colgroup] { text-align: center; }
.partreg-scroll thead th[rowspan], .partreg-scroll thead th:first-child,
.partreg-scroll thead th.name { text-align: left; vertical-align: bottom; }
.partreg-notes { font-size: 0.85em; margin: 0.3em 0; }
</style>"""


@dataclass(frozen=True)
class Score:
    """One reproduced number.

    Attributes:
        values: a fraction in [0, 1] for each seed.
        interval: for one seed, the 95% bootstrap interval over vehicles, if computed; for trainings kept in the
            repository, the 95% interval of `partreg.studies.effects`.
        origins: of the trainings.
    """

    values: tuple[float, ...]
    interval: tuple[float, float] | None = None
    origins: tuple[Origin, ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """How many trainings there are, as a tuple of one number; empty without any."""
        return (len(self.values),) if self.values else ()

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.values))

    @property
    def spread(self) -> float:
        """Standard deviation over the seeds, n - 1 in the denominator; NaN for one seed."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else float("nan")

    def __str__(self) -> str:
        """Mean and spread over seeds, "0.659 ± 0.012", or one seed's number and interval, "0.659 [0.621, 0.698]"."""
        if len(self.values) > 1 and self.interval is None:
            return f"{self.mean:.3f} ± {self.spread:.3f}"
        return f"{self.mean:.3f}" + ("" if self.interval is None else " [{:.3f}, {:.3f}]".format(*self.interval))


@dataclass(frozen=True)
class Table:
    """A table that a notebook shows; ``frame`` holds its numbers, NaN where there is none."""

    frame: pd.DataFrame
    html: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return repr(self.frame)


def per_query(scores: VehicleIDScores | VeRiScores, name: str) -> np.ndarray:
    """Return what each query adds to a score, NaN for an image that was no query; the mean is about the score.

    Args:
        scores: of one network.
        name: "cmc1" or "cmc5" of VehicleID; "mAP", "hit1" or "hit5" of VeRi-776.
    """
    if isinstance(scores, VehicleIDScores):
        return {"cmc1": scores.hits, "cmc5": scores.hits5}[name]
    ranks = scores.track_ranks
    hit5 = np.where(ranks > 0, ranks <= 5, np.nan)
    return {"mAP": scores.ap, "hit1": scores.hits, "hit5": hit5}[name]


def score(seeds: Sequence[VehicleIDScores | VeRiScores], name: str) -> Score:
    """Return one reproduced number, with its interval for one seed.

    Args:
        seeds: scores of the same network trained with each seed.
        name: as in `per_query`.
    """
    values, origins = tuple(float(getattr(scores, name)) for scores in seeds), collected(list(seeds))
    interval = None if len(seeds) > 1 else bootstrap_over_vehicles(per_query(seeds[0], name), seeds[0].vehicles)
    return Score(values, interval, origins)


def scored(
    judged: Mapping[Any, Sequence[VehicleIDScores | VeRiScores]], columns: Mapping[str, str]
) -> dict[Any, dict[str, Score]]:
    """Return a table's cells: a `Score` for each row (its scores, one a seed) and column (the name of a score)."""
    return {row: {column: score(seeds, name) for column, name in columns.items()} for row, seeds in judged.items()}


def gain(
    seeds: Sequence[VehicleIDScores | VeRiScores], baseline: Sequence[VehicleIDScores | VeRiScores], name: str
) -> Estimate:
    """Return how much better a network is than a baseline, a fraction, with the 95% bootstrap interval over vehicles.

    Both answer the same queries, so the difference is taken query by query, after the mean over the seeds.

    Args:
        seeds: scores of the network, one a seed.
        baseline: scores of the other network on the same images.
        name: as in `per_query`.
    """
    ours, theirs = (np.mean([per_query(scores, name) for scores in group], axis=0) for group in (seeds, baseline))
    value = np.mean([getattr(scores, name) for scores in seeds]) - np.mean(
        [getattr(scores, name) for scores in baseline]
    )
    return Estimate(float(value), *bootstrap_over_vehicles(ours - theirs, baseline[0].vehicles))


def signed(difference: float) -> str:
    """Write a difference of fractions in percentage points: "+2.3", "−8.0"; a dash for NaN."""
    return DASH if np.isnan(difference) else f"{100 * difference:+.1f}".replace("-", "−")


def percent(fraction: float) -> str:
    """Write a fraction as a percentage with one decimal: "65.9%"; a dash for NaN."""
    return DASH if np.isnan(fraction) else f"{100 * fraction:.1f}%"


def span(low: float, high: float) -> str:
    """Write the interval of a difference in percentage points, "−0.1 to +4.7"; a dash for none."""
    return DASH if np.isnan(low) else f"{signed(low)} to {signed(high)}"


def gain_words(gain: Estimate | Contrast) -> list[str]:
    """Write a difference of fractions and its interval in percentage points: "+2.3", "−0.1 to +4.7"."""
    return [signed(gain.mean), span(gain.low, gain.high)]


def in_points(gain: Estimate | Contrast) -> str:
    """A difference with its 95% interval, "+1.2 (−0.3 to +2.7)"; a dash where there is none."""
    return DASH if np.isnan(gain.mean) else f"{signed(gain.mean)} ({span(gain.low, gain.high)})"


def gain_sentence(gain: Contrast) -> str:
    """What the gain by parts of the strong baseline says in one sentence."""
    if np.isnan(gain.mean):
        return "There is no pair to compare."
    says = f"With parts CMC@1 is {signed(gain.mean)} points"
    if np.isnan(gain.low):
        return f"{says} for one pair of trainings; one pair cannot tell a gain from chance."
    shown = {
        SUPPORTED: "here parts help the strong baseline too",
        CONTRADICTED: "here parts do not help the strong baseline by half a point",
        UNDECIDED: "whether parts help the strong baseline is undecided",
    }[verdict(gain)]
    return (
        f"{says} on average (95% interval {span(gain.low, gain.high)}): {shown}. Four in five such sets of trainings "
        f"would show a gain of {signed(gain.least)}."
    )


def data_words(layout: str, folder: str) -> str:
    """Say which images were used, for the captions of `comparison`.

    Args:
        layout: "VehicleID" or "VeRi-776".
        folder: name of the folder of real images; "" for the rendered benchmark.
    """
    if folder:
        return f"the images of {folder}, in the layout of {layout}"
    warning = "compare rows with each other, not with the paper's numbers"
    return f"vehicles rendered in the layout of {layout} ({warning})"


def vehicle_sets(numbers: Iterable[int]) -> dict[str, int]:
    """Name the test lists as the paper does: the three shortest are Small, Medium and Large.

    Args:
        numbers: of the lists (800, 1600, 2400, 3200, ...); with fewer than three, the last names stay unused.
    """
    return dict(zip(VEHICLE_SETS, sorted(numbers), strict=False))


def set_headings(sets: Mapping[str, int]) -> dict[str, str]:
    """Return headings of Small, Medium and Large with the paper's number of vehicles and the one tested here."""
    printed = dict(zip(VEHICLE_SETS, (800, 1600, 2400), strict=True))
    return {
        name: f"{name} ({printed[name]}{'' if number == printed[name] else f'; here {number}'})"
        for name, number in sets.items()
    }


def pair_sizes(printed: Iterable[int], here: Iterable[int]) -> dict[int, int]:
    """Pair input sizes of the paper with ours, in ascending order.

    As many as possible are paired, each of ours with a printed size that is no smaller; among equally many pairs, those
    of equal sizes win. A single size that the paper does not print stands for 256 px, where methods compare.

    Args:
        printed: the sizes of Table 5 or 6, in pixels.
        here: the sizes of a profile, in pixels.

    Returns:
        Our size for each printed one, ascending, without those that were not run.
    """
    printed, here = sorted(printed), sorted(set(here))
    if len(here) == 1 and here[0] not in printed:
        return {256: here[0]}
    options = [
        dict(zip(theirs, ours, strict=True))
        for number in range(min(len(printed), len(here)), 0, -1)
        for theirs in combinations(printed, number)
        for ours in combinations(here, number)
        if all(our <= size for size, our in zip(theirs, ours, strict=True))
    ] or [dict(zip(printed, here, strict=False))]
    return max(options, key=lambda pairs: (len(pairs), sum(size == our for size, our in pairs.items())))


def comparison(
    number: int,
    reproduced: Mapping[Any, Mapping[str, Score]],
    *,
    data: str,
    sizes: Mapping[int, int] | None = None,
    headings: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    kept: Mapping[Any, Mapping[str, Score]] | None = None,
) -> Table:
    """Return Table ``number`` of the paper with the reproduced scores beside it, and their origins below.

    Args:
        number: 1 to 6.
        reproduced: a `Score` by row and column of the paper's table; missing ones show as not run. Rows that the paper
            does not have (controls) come last.
        data: the images that were used, for the caption, as "the rendered benchmark".
        sizes: of Tables 5 and 6, our input size for each printed one, see `pair_sizes`.
        headings: another heading for a column, such as "Small (800; here 60)".
        notes: more sentences for below.
        kept: like ``reproduced``, from the trainings kept in the repository.

    Returns:
        The table; its frame has each of the paper's columns by `KINDS`, the difference as a fraction, and by
        `REFERENCE` where something is kept.
    """
    printed, there = paper.table(number), kept or {}
    extra = [row for row in dict.fromkeys([*reproduced, *there]) if row not in printed.index]
    printed = printed.reindex([*printed.index, *extra]) if extra else printed

    def means(scores: Mapping[Any, Mapping[str, Score]], column: str) -> list[float]:
        return [scores[row][column].mean if column in scores.get(row, {}) else np.nan for row in printed.index]

    cells = {}
    for column in printed:
        here = pd.Series(means(reproduced, column), printed.index)
        kinds = dict(zip(KINDS, (printed[column], here, here - printed[column]), strict=True))
        cells[column] = pd.DataFrame(kinds | ({REFERENCE: means(there, column)} if there else {}))
    frame = pd.concat(cells, axis=1).rename_axis(list(paper.INDEX[number]))
    marks, footnotes = _footnotes(number)
    caption = f"Table {number}. {paper.CAPTIONS[number]}{marks.get(None, '')}. Published: the paper."
    caption += f" Reproduced: {data}."
    legend = [*footnotes, *_legend(frame, reproduced, extra), *notes]
    if kept is not None:
        legend.append(reference_note(score for row in kept.values() for score in row.values()))
    named = frame if sizes is None else frame.rename(index={size: _size(size, sizes) for size in paper.SIZES["veri"]})
    head, body = _head(frame, headings or {}), _body(frame, named.index, (reproduced, there), marks)
    below = f'<p class="partreg-notes">{"<br>".join(map(escape, legend))}</p>{source_line(reproduced)}'
    return Table(named, _scrolling(caption, head, body) + below)


def simple(frame: pd.DataFrame, caption: str, below: str = "") -> Table:
    """Return a small table of words in the same style: the index as row headers, every value as it prints."""
    head = "".join(f'<th scope="col" class="name">{escape(str(name or ""))}</th>' for name in frame.index.names)
    head += "".join(f'<th scope="col">{escape(str(name))}</th>' for name in frame.columns)
    body = "".join(
        f"<tr>{labels}{''.join(f'<td>{escape(str(value))}</td>' for value in values)}</tr>"
        for labels, values in zip(_row_headers(frame.index), frame.itertuples(index=False), strict=True)
    )
    return Table(frame, _scrolling(caption, f"<tr>{head}</tr>", body) + below)


def listed(
    rows: Mapping[str, Sequence[Any]], columns: Sequence[str], name: str, caption: str, below: str = ""
) -> Table:
    """Return a `simple` table from a list of values for each row; ``name`` heads the column of the rows' names."""
    return simple(pd.DataFrame(rows, index=list(columns), dtype=object).T.rename_axis(name), caption, below)


def markdown(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    """Return the lines of a table in Markdown, every value as it prints; numbers stand right under a name with ":".

    >>> markdown(["name", "seconds:"], [("a|b", 3)])
    ['| name | seconds |', '|---|---:|', '| a/b | 3 |']
    """
    rule = "".join(f"---{':' * name.endswith(':')}|" for name in columns)
    names = [name.removesuffix(":") for name in columns]
    head, *lines = (" | ".join(str(value).replace("|", "/") for value in line) for line in (names, *rows))
    return [f"| {head} |", f"|{rule}", *(f"| {line} |" for line in lines)]


def _scrolling(caption: str, head: str, body: str) -> str:
    """Return a table that scrolls sideways, with a caption for screen readers too, in the theme's colours."""
    return (
        f'{STYLE}<div class="partreg-scroll" role="region" tabindex="0" aria-label="{escape(caption.split(". ")[0])}">'
        f'<table class="dataframe"><caption><span>{escape(caption)}</span></caption><thead>{head}</thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _footnotes(number: int) -> tuple[dict[tuple[Any, str] | None, str], list[str]]:
    """Return signs for cells (row, column), or None for the caption, and the sentences that explain them."""
    marks: dict[tuple[Any, str] | None, str] = {}
    sentences = []
    for sign, remark in zip(SIGNS, paper.remarks(number), strict=False):
        for cell in MARKED.get(remark.name, {}).get(number, [None]):
            marks[cell] = marks.get(cell, "") + sign
        sentences.append(f"{sign} {remark.text}")
    return marks, sentences


def _size(printed: int, sizes: Mapping[int, int]) -> str:
    """Write the paper's input size in pixels, and ours where it is another."""
    here = sizes.get(printed, printed)
    return f"{printed} px" if here == printed else f"{printed} px (here {here} px)"


def _legend(frame: pd.DataFrame, reproduced: Mapping[Any, Mapping[str, Score]], extra: Sequence) -> list[str]:
    """Explain the table's signs and brackets."""
    scores = [score for row in reproduced.values() for score in row.values()]
    seeds = max((len(score.values) for score in scores), default=0)
    lines = ["Difference: reproduced minus published, in percentage points."]
    if seeds > 1:
        lines.append(f"Reproduced: mean ± standard deviation over {seeds} seeds.")
    elif any(score.interval for score in scores):
        lines.append("Reproduced: one seed; in brackets the 95% bootstrap interval over vehicles.")
    elif seeds:
        lines.append("Reproduced: one seed.")
    if frame.isna().to_numpy().any():
        dash = "the paper has no number" + (" (it has no such row)" if extra else "")
        lines.append(f"{DASH}: {dash}, or there is nothing to subtract.")
    return lines


def _head(frame: pd.DataFrame, headings: Mapping[str, str]) -> str:
    """Return the two rows of headings, with their scopes."""
    columns, kinds = (list(dict.fromkeys(frame.columns.get_level_values(level))) for level in (0, 1))
    head = "".join(f'<th scope="col" rowspan="2">{escape(str(name))}</th>' for name in frame.index.names)
    for name in columns:
        head += f'<th scope="colgroup" colspan="{len(kinds)}">{escape(headings.get(name, name))}</th>'
    names = "".join(f'<th scope="col">{kind}</th>' for kind in kinds) * len(columns)
    return f"<tr>{head}</tr><tr>{names}</tr>"


def _body(
    frame: pd.DataFrame, names: pd.Index, scores: Sequence[Mapping[Any, Mapping[str, Score]]], marks: Mapping[Any, str]
) -> str:
    """Return the rows under their shown names; ``scores`` are the reproduced and the kept ones."""
    rows = []
    for row, header in zip(frame.index, _row_headers(names), strict=True):
        cells = ""
        for column, values in frame.loc[row].groupby(level=0, sort=False):
            here, there = (_cell(of.get(row, {}).get(column)) for of in scores)
            published, difference = values[column, "published"], values[column, "difference"]
            printed = f"{published:.3f}" if np.isfinite(published) else DASH
            mark = f"<sup>{marks[row, column]}</sup>" if (row, column) in marks else ""
            shown = [printed + mark, here or f"<em>{NOT_RUN}</em>", signed(difference), there or DASH][: len(values)]
            cells += "".join(f"<td>{text}</td>" for text in shown)
        rows.append(f"<tr>{header}{cells}</tr>")
    return "".join(rows)


def _cell(score: Score | None) -> str:
    """Write a score with its interval on another line, which keeps the table narrow; "" for none."""
    number, bracket, interval = escape(str(score or "")).partition("[")
    return f"{number}<span>{bracket}{interval}</span>" if bracket else number


def _row_headers(index: pd.Index) -> list[str]:
    """Return each row's header cells; equal neighbours of a first level share one, as in the paper's Table 5."""
    if index.nlevels == 1:
        return [f'<th scope="row">{_breakable(name)}</th>' for name in index]
    headers = []
    for first, group in groupby(index, key=lambda row: row[0]):
        members = list(group)
        shared = f'<th scope="rowgroup" rowspan="{len(members)}">{_breakable(first)}</th>'
        headers += [
            (shared if place == 0 else "") + f'<th scope="row">{_breakable(row[1])}</th>'
            for place, row in enumerate(members)
        ]
    return headers


def _breakable(name: Any) -> str:
    """Let a name break after a plus sign or a slash, where a phone has no room for it."""
    return escape(str(name)).replace("/", "/<wbr/>").replace("+", "+<wbr/>")
