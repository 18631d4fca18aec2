"""From kept trainings to effects: differences of scores, for other trainings and other test vehicles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from partreg import paper
from partreg.errors import PartregError
from partreg.figures.origins import Origin, number_range, recorded, reference_note
from partreg.figures.tables import Score, gain_words, pair_sizes, percent, signed
from partreg.parts.boxes import PARTS
from partreg.retrieval.statistics import Arm, Contrast, Prior, contrast, fit_prior, verdict
from partreg.workflow.profile import REFERENCE, read_profile

# The columns of the kept tables; what a training has not stands empty.
SCORES = (
    *(f"{score}_{size}" for size in ("small", "medium", "large") for score in ("cmc1", "cmc5")),
    *("mAP", "hit1", "hit5", "cmc1_fused", "cmc5_fused", "on_parts", "same_model", "accuracy"),
    *("validation", "best_epoch", "best_validation", "cmc1_best"),
)
MADE = ("vehicles", "images", "passes", "parameters_at_test", "seconds", "profile", "device", "commit", "clean")
TEXT = ("study", "cell", "row", "budget", "dataset", "outcome")
COLUMNS = {
    "runs": ("key", "code", *TEXT[:-1], "seed", "size", "epochs", *SCORES, *MADE, "outcome"),
    "curves": ("key", "epoch", "cmc1", "cmc1_test", "accuracy"),
    "hits": ("key", "which", "hits"),
}
HITS = {"cmc1_large": "hits", "cmc1_fused": "hits_fused"}  # scores that are known by test vehicle
WORDS = ["difference", "95% interval", "least to be seen"]  # headings of `words`
CORRECTION = ("table", "where", "commits", "withdrawn", "says")  # the columns of corrections.csv
WITHDRAWN = "withdrawn: "  # how the outcome of a kept training begins that was found not to be what it says
USUAL = {"study": "rows", "cell": "", "budget": "long", "dataset": "vehicleid"}
Pair = tuple[dict[str, Any], dict[str, Any]]  # two methods to compare, see `chosen`
REGIME = "regime"  # the study whose seeds have a benchmark each, see `partreg.studies.regime`


@dataclass(frozen=True)
class Evidence:
    """The tables of the studies `partreg.studies.evidence` and `partreg.studies.regime`.

    Attributes:
        runs: a row for each training: what it was for, its scores as fractions, and how it came about. ``key`` is a
            digest of what was done, ``code`` one of the code that did it: today's, or that of an older training. Of
            the study "regime", ``cell`` is "2000 vehicles", ``budget`` "20 epochs", and ``cmc1_large`` the mean over
            every gallery.
        curves: for each training (``key``) and scored epoch, CMC@1 on validation and test identities and the accuracy.
        hits: for each training a text of the shares of hits of each test vehicle, by ascending vehicle number.
        said: for each study what must be said beside its kept numbers, see `corrected`.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    hits: pd.DataFrame
    said: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Effect(Contrast):
    """A score, or a difference of scores, over several trainings; all fractions.

    Attributes:
        values: for each method the score of each of its trainings; empty where one of them has none.
        origins: where these trainings came from.
        said: what must be said beside them, see `corrected`.
    """

    values: tuple[tuple[float, ...], ...] = ()
    origins: tuple[Origin, ...] = ()
    said: tuple[str, ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """How many trainings each method has."""
        return tuple(map(len, self.values))

    @property
    def counted(self) -> str:
        """The same in words, such as "11", or "3 and 4" where they differ."""
        return " and ".join(dict.fromkeys(map(str, self.seeds)))

    @property
    def scores(self) -> tuple[float, ...]:
        """Return the mean score of each method."""
        return tuple(float(np.mean(some)) for some in self.values)


def read_table(path: Path) -> pd.DataFrame:
    """Return a kept table. Digests and commits stay texts: "7137688e80" looks like a number, and is none."""
    return pd.read_csv(path, dtype=dict.fromkeys(("key", "code", "commit"), str))


def read_evidence(folder: Path = REFERENCE) -> Evidence:
    """Return the tables of a folder; empty ones where nobody has made them.

    Raises:
        PartregError: one of the three tables is missing beside the others, or cannot be read.
    """
    if not any((folder / f"{name}.csv").exists() for name in COLUMNS):
        return Evidence(*(pd.DataFrame(columns=list(columns)) for columns in COLUMNS.values()))
    try:
        read = {name: read_table(folder / f"{name}.csv") for name in COLUMNS}
    except (OSError, ValueError) as error:
        tables = ", ".join(f"{name}.csv" for name in COLUMNS)
        raise PartregError(
            f"{folder}: expected {tables} ({error}); run make reference and make keep WHAT=evidence."
        ) from error
    frames = {name: frame.reindex(columns=list(COLUMNS[name])) for name, frame in read.items()}
    texts = {name: frames["runs"][name].astype(object).fillna("").astype(str) for name in (*TEXT, "code")}
    runs, sentences = corrected(frames["runs"].assign(**texts), "runs", folder)
    said: dict[str, list[str]] = {}
    for sentence, rows in sentences.items():
        for study in runs.study[rows].unique():
            said.setdefault(study, []).append(sentence)
    if len(more := regime_runs(folder)):
        runs = pd.concat([runs, more], ignore_index=True)
    return Evidence(runs, frames["curves"], frames["hits"], said)


def regime_runs(folder: Path = REFERENCE) -> pd.DataFrame:
    """Return the trainings of the study "regime" as in ``Evidence.runs``; an empty table where nobody has made it."""
    path = folder / f"{REGIME}.csv"
    if not path.exists():
        return pd.DataFrame(columns=list(COLUMNS["runs"]))
    table = read_table(path)
    places = zip(table.learnt, table.epochs, strict=True)
    named = pd.DataFrame([at(*place) for place in places], columns=list(USUAL))
    found = table.assign(**named, vehicles=table.learnt, cmc1_large=table.cmc1)
    return found.reindex(columns=list(COLUMNS["runs"]))


def at(learnt: int, epochs: int) -> dict[str, str]:
    """Return columns of ``Evidence.runs`` for a number of training vehicles and of epochs of the study "regime"."""
    return {"study": REGIME, "cell": f"{learnt} vehicles", "budget": f"{epochs} epochs", "dataset": "vehicleid"}


def vehicles_of(cell: str) -> int:
    """Return how many vehicles the networks of a cell of the study "regime" learnt.

    >>> vehicles_of(at(2000, 20)["cell"])
    2000
    """
    return int(cell.removesuffix(" vehicles"))


def largest() -> dict[str, str]:
    """Return the same for the most vehicles: the book's reference for Table 4 and its controls."""
    plan = read_profile(REGIME)[REGIME]
    return at(max(plan["vehicles"]), plan["epochs"])


def corrected(frame: pd.DataFrame, table: str, folder: Path = REFERENCE) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a kept table in which rows that were found wrong are marked, until they are made again.

    The file corrections.csv in ``folder`` has a line for each kind of wrong row: the table, where ("column: value |
    value; column: value"), the commits that made them (by a space), whether they are withdrawn, and why. Rows of other
    commits are not meant, so a line means nothing once its rows are made again.

    Returns:
        The table, with "withdrawn: ..." as the outcome of what is withdrawn, which nothing counts then; and the
        sentences to be shown beside it, each with the (rows,) bool mask of its rows.

    Raises:
        PartregError: corrections.csv cannot be read, or a line names a column that the table has not.
    """
    path = folder / "corrections.csv"
    frame, said = frame.copy(), {}
    if not path.exists():
        return frame, said
    try:
        lines = pd.read_csv(path, dtype=str)[list(CORRECTION)].fillna("")
    except (OSError, ValueError, KeyError) as error:
        raise PartregError(f"{path}: expected a table of {', '.join(CORRECTION)} ({error}); correct it.") from error
    for line in lines[lines.table == table].itertuples():
        rows = frame.commit.astype(str).isin(line.commits.split())
        for part in line.where.split("; "):
            column, _, values = part.partition(": ")
            if column not in frame:
                raise PartregError(f"{path}: {table}.csv has no column {column!r}; correct the line {line.where!r}.")
            rows &= frame[column].astype(str).isin(values.split(" | "))
        if rows.any() and line.withdrawn == "yes":
            frame.loc[rows, "outcome"] = f"{WITHDRAWN}{line.says}."
            said[f"{WITHDRAWN.capitalize()}{line.says}."] = rows
        elif rows.any():
            said[line.says] = rows
    return frame, said


def kept_table(name: str, folder: Path = REFERENCE) -> tuple[pd.DataFrame, list[str]]:
    """Return a table of ``reference/`` without the rows that are withdrawn, and what must be said beside it.

    Raises:
        PartregError: nobody has made it, or it cannot be read.
    """
    path = folder / f"{name}.csv"
    try:
        frame = read_table(path)
    except (OSError, ValueError) as error:
        made, what = ("gpu STUDY=regime", "tried") if name.startswith("gpu/") else ("reference", "dial")
        raise PartregError(f"{path}: expected a table ({error}); run make {made} and make keep WHAT={what}.") from error
    frame, said = corrected(frame, name, folder)
    gone = [rows for sentence, rows in said.items() if sentence.lower().startswith(WITHDRAWN)]
    return frame[~np.any([np.zeros(len(frame), bool), *gone], axis=0)], list(said)


def matching(runs: pd.DataFrame, of: Mapping[str, Any]) -> np.ndarray:
    """Return for each training whether it has the values of columns that ``of`` gives, (N,) bool."""
    return np.all([runs[name].to_numpy() == value for name, value in of.items()], axis=0)


def chosen(evidence: Evidence, of: Mapping[str, Any]) -> pd.DataFrame:
    """Return a method's finished trainings by seed; ``of`` gives values of columns of ``runs``, `USUAL` the others.

    Raises:
        PartregError: a column is unknown, or there are two trainings of one seed.
    """
    wanted = {**USUAL, **of}
    if unknown := set(wanted) - set(evidence.runs):
        raise PartregError(f"runs.csv has no column {min(unknown)!r}; its columns are {', '.join(evidence.runs)}.")
    found = evidence.runs[matching(evidence.runs, {**wanted, "outcome": "done"})]
    if found.seed.duplicated().any():
        raise PartregError(f"runs.csv: two trainings of one seed for {wanted}; name their size or study, too.")
    return found.set_index("seed").sort_index()


def effect(
    evidence: Evidence,
    plus: Sequence[Mapping[str, Any]],
    minus: Sequence[Mapping[str, Any]] = (),
    score: str = "cmc1_large",
) -> Effect:
    """Return a method's score, or a sum and difference of several methods' scores, see `weighed`.

    ``plus`` holds the methods that are added, ``minus`` those that are subtracted.
    """
    return weighed(evidence, [*((1.0, side) for side in plus), *((-1.0, side) for side in minus)], score)


def mean_gain(evidence: Evidence, pairs: Sequence[Sequence[Mapping[str, Any]]]) -> Effect:
    """Return the mean of several differences in CMC@1; ``pairs`` holds the two methods of each, see `chosen`."""
    plus, minus = ([{**pair[place], "weight": 1 / len(pairs)} for pair in pairs] for place in (0, 1))
    return effect(evidence, plus, minus)


def weighed(evidence: Evidence, sides: Sequence[tuple[float, Mapping[str, Any]]], score: str = "cmc1_large") -> Effect:
    """Return a weighted sum of methods' mean scores and its error, see `partreg.retrieval.statistics.contrast`.

    The error is for other trainings. Where all scores are CMC@1 on the longest list, it is for other test vehicles too.
    In the study "regime" each seed has a benchmark of its own. There the sum is that of each seed that all methods
    have, and its scatter holds trainings, vehicles and benchmarks.

    Args:
        evidence: the tables.
        sides: the weight of each method, and its columns of ``runs``, see `chosen`; "score" among them is its own, and
            "weight" another factor. Two scores of one method are taken of the same trainings.
        score: a column of ``runs``.
    """
    methods: dict[tuple, dict[str, float]] = {}
    names, weights, tables = [], [], []
    for weight, side in sides:
        of = {**USUAL, **side}
        name, factor = of.pop("score", score), of.pop("weight", 1.0)
        mine = methods.setdefault(tuple(sorted(of.items())), {})
        mine[name] = mine.get(name, 0.0) + weight * factor
        names.append(name)
        weights.append(weight * factor)
        tables.append(chosen(evidence, of).dropna(subset=name))
    by_seed = {dict(of)["study"] for of in methods} == {REGIME}
    tables = of_common_seeds(tables) if by_seed else tables
    if not all(map(len, tables)):
        return Effect(np.nan)
    columns = [table[name].astype(float) for name, table in zip(names, tables, strict=True)]
    if by_seed:
        arms = [Arm(1, sum(weight * one for weight, one in zip(weights, columns, strict=True)).to_numpy())]
    else:
        arms = [arm(evidence, dict(of), scores) for of, scores in methods.items() if any(scores.values())]
    used = pd.concat([evidence.runs[:0], *(table.reset_index() for table in tables)]).drop_duplicates("key")
    return Effect(
        **vars(contrast(arms)),
        values=tuple(map(tuple, columns)),
        origins=recorded(used),
        said=tuple(dict.fromkeys(one for study in used.study for one in evidence.said.get(study, []))),
    )


def of_common_seeds(tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return of each method's trainings by seed (see `chosen`) those whose seed all methods have."""
    seeds = set.intersection(*(set(table.index) for table in tables))
    return [table[table.index.isin(seeds)] for table in tables]


def on_common_seeds(evidence: Evidence, methods: Iterable[Mapping[str, Any]]) -> Evidence:
    """Return the evidence with those seeds of the study "regime" alone that all of some methods have, see `chosen`.

    Each of its seeds has a benchmark of its own, and one is harder than another. So scores can stand side by side only
    if they are of the same seeds. Methods without trainings do not count.
    """
    found = [chosen(evidence, of) for of in methods if of.get("study") == REGIME]
    if not (found := [table for table in found if len(table)]):
        return evidence
    runs, seeds = evidence.runs, of_common_seeds(found)[0].index
    return replace(evidence, runs=runs[(runs.study != REGIME) | runs.seed.isin(seeds)])


def arm(evidence: Evidence, of: Mapping[str, Any], scores: Mapping[str, float]) -> Arm:
    """Return one method as a term of `partreg.retrieval.statistics.contrast`, with the weight of its first score."""
    weight = next(filter(None, scores.values()))
    parts = {name: other / weight for name, other in scores.items() if other}
    table = chosen(evidence, of).dropna(subset=list(parts))
    values = sum(part * table[name] for name, part in parts.items()).to_numpy(dtype=float)
    hits = [part * hit_shares(evidence, table.key, name) for name, part in parts.items()]
    shares = np.sum(hits, axis=0) if all(one.size for one in hits) else np.empty((0, 0))
    return Arm(weight, values, shares, usual_scatter(evidence, of, parts))


def hit_shares(evidence: Evidence, keys: Iterable[str], score: str) -> np.ndarray:
    """Return the share of hits of each test vehicle in each training, (N, V); (0, 0) where one of them is not kept."""
    lines = evidence.hits[evidence.hits.which == HITS.get(score)].set_index("key").hits
    if not all(key in lines.index for key in keys):
        return np.empty((0, 0))
    return np.array([lines[key].split() for key in keys], dtype=float)


def usual_scatter(
    evidence: Evidence, of: Mapping[str, Any] = USUAL, scores: Mapping[str, float] | None = None
) -> Prior:
    """Return how far trainings of one study, budget and data set scatter about their methods' means.

    ``of`` names the three, ``scores`` the columns and the weights of their sum; CMC@1 on the longest list unless given.
    """
    kind = {name: of[name] for name in ("study", "budget", "dataset")}
    done = evidence.runs[matching(evidence.runs, {**kind, "outcome": "done"})]
    summed = sum(part * done[name] for name, part in (scores or {"cmc1_large": 1.0}).items())
    methods = summed.groupby([done.cell, done.row, done["size"]])
    return fit_prior([some.dropna().to_numpy(dtype=float) for _, some in methods])


def main_effect(
    evidence: Evidence,
    rows: Mapping[str, Collection[str]],
    of: Mapping[str, float],
    score: str = "cmc1_large",
    among: Mapping[str, Any] = USUAL,
) -> Effect:
    """Return what a part is worth: the mean over the methods that have it, less that over those that do not.

    Args:
        evidence: the tables.
        rows: the parts of each method, where every subset of the parts is one method's, as
            `partreg.studies.evidence.FACTORIAL`.
        of: the weight of each part, such as {"window": 1, "brand": -1} for a difference of two main effects.
        score: a column of ``runs``.
        among: columns of ``runs`` that all these trainings have in common.
    """
    half = len(rows) / 2
    weights = {
        row: sum(weight * (1 if part in has else -1) for part, weight in of.items()) for row, has in rows.items()
    }
    return weighed(evidence, [(weight / half, {**among, "row": row}) for row, weight in weights.items()], score)


def main_effects(
    evidence: Evidence, rows: Mapping[str, Collection[str]], among: Mapping[str, Any] = USUAL
) -> pd.DataFrame:
    """Return each part's `main_effect` in words, how far the window's lies above the others', and a verdict on each."""
    weights = {part: {part: 1} for part in PARTS}
    weights |= {f"window minus {part}": {"window": 1, part: -1} for part in PARTS if part != "window"}
    found = {name: main_effect(evidence, rows, of, among=among) for name, of in weights.items()}
    lines = {name: [*words(one), verdict(one)] for name, one in found.items()}
    return pd.DataFrame(lines, index=[*WORDS, "above zero?"]).T.rename_axis("branch")


def words(gain: Effect) -> list[str]:
    """Return a difference, its 95% interval and the least that could be seen, in points; a dash where there is none."""
    return [*gain_words(gain), signed(gain.least).lstrip("+")]


def gain_table(
    evidence: Evidence,
    pairs: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]],
    names: tuple[str, str] = ("with parts", "without parts"),
    score: str = "cmc1_large",
) -> pd.DataFrame:
    """Return two methods' scores and their difference with its interval, in words; what was not run is left out.

    ``pairs`` holds the two of each line (see `chosen`), ``names`` the headings of their columns.
    """
    gains = {line: effect(evidence, [mine], [theirs], score) for line, (mine, theirs) in pairs.items()}
    lines = {line: [*map(percent, one.scores), *words(one), one.counted] for line, one in gains.items() if one.values}
    return pd.DataFrame(lines, index=[*names, *WORDS, "seeds"]).T


def reference_scores(
    evidence: Evidence, rows: Mapping[Any, Mapping[str, Any]], columns: Mapping[str, str]
) -> dict[Any, dict[str, Score]]:
    """Return kept scores with intervals, to stand beside a reader's own in `partreg.figures.tables.comparison`.

    ``rows`` holds the method of each row (see `chosen`), ``columns`` the column of ``runs`` for each column. Rows
    without any training are left out. The rows of the study "regime" are `on_common_seeds`.
    """
    evidence = on_common_seeds(evidence, rows.values())
    scores: dict[Any, dict[str, Score]] = {}
    for (row, of), (column, name) in product(rows.items(), columns.items()):
        if (one := effect(evidence, [of], score=name)).values:
            ends = None if np.isnan(one.error) else one.ends()
            scores.setdefault(row, {})[column] = Score(one.values[0], ends, one.origins)
    return scores


def kept_sizes(dataset: str) -> dict[int, int]:
    """Return, for the paper's input sizes on a data set, those that stand for them in the reference, in pixels."""
    return pair_sizes(paper.SIZES[dataset], read_profile("reference")["sizes"][dataset])


def kept_sentence(evidence: Evidence, of: Mapping[str, Any], columns: Mapping[str, str]) -> str:
    """Return the `reference_scores` of one method in a sentence, for a table that has no room for another column."""
    scores = reference_scores(evidence, {"": of}, columns).get("", {})
    said = "; ".join(f"{name} {one}" for name, one in scores.items())
    size = next((f" at {one.size} px" for score in scores.values() for one in score.origins if one.size), "")
    return f"Ours in the reference{size}: {said or 'not made yet'}."


def learnt_note(evidence: Evidence, methods: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a sentence on how many vehicles the kept networks of some methods learnt; none where none are kept."""
    learnt = {int(n) for of in methods for n in chosen(evidence, of).vehicles.dropna()}
    return [f"Each network of the reference learnt {number_range(learnt, ' to ')} vehicles."] if learnt else []


def kept_note(
    evidence: Evidence, pairs: Iterable[Sequence[Mapping[str, Any]]], score: str = "cmc1_large", **interval: str
) -> str:
    """Return sentences for under a table: where the kept scores come from, of just the trainings that it shows.

    ``pairs`` holds the methods of each line; ``interval`` names its intervals where they are others than usual.
    """
    lines = [list(sides) for sides in pairs]
    shown = [effect(evidence, sides, score=score) for sides in lines]
    methods = [{k: v for k, v in side.items() if k not in ("score", "weight")} for sides in lines for side in sides]
    said = [sentence for one in shown for sentence in one.said]
    return " ".join(dict.fromkeys([reference_note(shown, **interval), *learnt_note(evidence, methods), *said]))
