"""From kept trainings to effects with intervals: over seeds by Student's t, over test vehicles by resampling them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from partreg import paper
from partreg.errors import PartregError
from partreg.figures.origins import Origin, recorded, reference_note
from partreg.figures.tables import DASH, Score, pair_sizes, percent, signed
from partreg.retrieval.statistics import bootstrap_over_vehicles, mean_interval
from partreg.workflow.profile import PROFILES, REFERENCE, read_profile

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
SPANS = ["95% over seeds", "95% over vehicles"]
CORRECTION = ("table", "where", "commits", "withdrawn", "says")  # the columns of corrections.csv
WITHDRAWN = "withdrawn: "  # how the outcome of a kept training begins that was found not to be what it says
USUAL = {"study": "rows", "cell": "", "budget": "long", "dataset": "vehicleid"}


@dataclass(frozen=True)
class Evidence:
    """The tables of the study `partreg.workflow.evidence`.

    Attributes:
        runs: a row for each training: what it was for, its scores as fractions, and how it came about. ``key`` is a
            digest of what was done, ``code`` one of the code that did it: today's, or that of an older training.
        curves: for each training (``key``) and scored epoch, CMC@1 on validation and test identities and the accuracy.
        hits: for each training a text of the shares of hits of each test vehicle, by ascending vehicle number.
        said: for each study what must be said beside its kept numbers, see `corrected`.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    hits: pd.DataFrame
    said: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Effect:
    """A score, or a difference of two scores, over several trainings; all fractions.

    Attributes:
        values: for each seed.
        low: lower end of the 95% interval over seeds, NaN for one seed.
        high: its upper end.
        over_vehicles: ends of the 95% interval over test vehicles, of the mean over these seeds; NaN where not known.
        origins: where these trainings came from.
    """

    values: tuple[float, ...]
    low: float
    high: float
    over_vehicles: tuple[float, float]
    origins: tuple[Origin, ...] = ()

    @property
    def mean(self) -> float:
        """Mean over the seeds; NaN without any."""
        return float(np.mean(self.values)) if self.values else float("nan")


def read_evidence(folder: Path = REFERENCE) -> Evidence:
    """The tables of a folder; empty ones where nobody has made them.

    Raises:
        PartregError: one of the three tables is missing beside the others, or cannot be read.
    """
    if not any((folder / f"{name}.csv").exists() for name in COLUMNS):
        return Evidence(*(pd.DataFrame(columns=list(columns)) for columns in COLUMNS.values()))
    try:
        digests = {"key": str, "code": str}
        frames = {name: pd.read_csv(folder / f"{name}.csv", dtype=digests) for name in COLUMNS}
    except (OSError, ValueError) as error:
        tables = ", ".join(f"{name}.csv" for name in COLUMNS)
        raise PartregError(
            f"{folder}: expected {tables} ({error}); run make reference and make keep WHAT=evidence."
        ) from error
    frames = {name: frame.reindex(columns=list(COLUMNS[name])) for name, frame in frames.items()}
    texts = {name: frames["runs"][name].astype(object).fillna("").astype(str) for name in (*TEXT, "code")}
    runs, said = corrected(frames["runs"].assign(**texts), "runs", folder)
    concerned = {one: set(runs.study[rows]) for one, rows in said.items()}
    by_study = {study: [one for one in said if study in concerned[one]] for study in set().union(*concerned.values())}
    return Evidence(runs, frames["curves"], frames["hits"], by_study)


def kept_files(*names: str, folder: Path = REFERENCE) -> list[Path]:
    """The files that say what is kept, as far as they are there: tables, their corrections, the reference's profile."""
    tables = [folder / f"{name}.csv" for name in (*names, "corrections")]
    return [path for path in (*tables, PROFILES / "reference.yaml") if path.exists()]


def corrected(frame: pd.DataFrame, table: str, folder: Path = REFERENCE) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Kept rows that were found wrong, marked until they are made again.

    Args:
        frame: a kept table with a column ``commit``.
        table: its name.
        folder: where corrections.csv lies, a line for each kind of wrong row: the table, where ("column: value | value;
            column: value"), the commits that made them (by a space), whether they are withdrawn, and why. Rows of other
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
        if not rows.any():
            continue
        if line.withdrawn == "yes":
            frame.loc[rows, "outcome"] = f"{WITHDRAWN}{line.says}."
        said[f"{WITHDRAWN.capitalize()}{line.says}." if line.withdrawn == "yes" else line.says] = rows
    return frame, said


def chosen(evidence: Evidence, of: Mapping[str, Any]) -> pd.DataFrame:
    """The finished trainings of one row, by seed.

    Args:
        evidence: the tables.
        of: values of columns of ``runs``; what is not named is as in `USUAL`.

    Raises:
        PartregError: a column is unknown, or there are two trainings of one seed.
    """
    wanted = {**USUAL, **of}
    runs = evidence.runs
    unknown = set(wanted) - set(runs)
    if unknown:
        raise PartregError(f"runs.csv has no column {sorted(unknown)[0]!r}; its columns are {', '.join(runs)}.")
    found = runs[runs.outcome == "done"]
    for name, value in wanted.items():
        found = found[found[name] == value]
    if found.seed.duplicated().any():
        raise PartregError(f"runs.csv: two trainings of one seed for {wanted}; name their size or study, too.")
    return found.set_index("seed").sort_index()


def effect(
    evidence: Evidence,
    plus: Sequence[Mapping[str, Any]],
    minus: Sequence[Mapping[str, Any]] = (),
    score: str = "cmc1_large",
) -> Effect:
    """A row's score, or a sum and difference of several rows' scores, seed by seed.

    Args:
        evidence: the tables.
        plus: the rows that are added, see `chosen`; "score" in one of them is its own.
        minus: the rows that are subtracted. Only seeds that all have count: trainings of one seed share their start.
        score: a column of ``runs``.
    """
    sides = [*plus, *minus]
    signs = np.array([1] * len(plus) + [-1] * len(minus))
    joined, tables = side_by_side(evidence, sides, score)
    values = joined.to_numpy(dtype=float) @ signs
    shares = [
        vehicle_shares(evidence, table, side.get("score", score)) for table, side in zip(tables, sides, strict=True)
    ]
    over = (float("nan"), float("nan"))
    # Rows of different benchmarks have other test vehicles, which cannot be paired.
    if len({side.get("cell", "") for side in sides}) == 1 and all(share is not None for share in shares):
        apart = signs @ np.stack(shares)
        over = bootstrap_over_vehicles(apart, np.arange(len(apart)))
    return Effect(tuple(float(value) for value in values), *mean_interval(values)[1:], over, made(tables))


def made(trainings: Sequence[pd.DataFrame]) -> tuple[Origin, ...]:
    """Where some trainings came from, see `chosen`."""
    return recorded(pd.concat([table.reset_index() for table in trainings]))


def side_by_side(
    evidence: Evidence, sides: Sequence[Mapping[str, Any]], score: str
) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """The scores of several rows, a column a row, for the seeds that all of them have; and these trainings of each."""
    tables = [chosen(evidence, {name: value for name, value in side.items() if name != "score"}) for side in sides]
    columns = [table[side.get("score", score)] for table, side in zip(tables, sides, strict=True)]
    joined = pd.concat(columns, axis=1, join="inner").dropna()
    return joined, [table.loc[joined.index] for table in tables]


def vehicle_shares(evidence: Evidence, trainings: pd.DataFrame, score: str) -> np.ndarray | None:
    """The mean share of hits of each test vehicle over trainings; None for a score that is no CMC@1 at the end."""
    which = {"cmc1_large": "hits", "cmc1_fused": "hits_fused"}.get(score)
    kept = evidence.hits[evidence.hits.key.isin(trainings.key) & (evidence.hits.which == which)]
    if which is None or len(kept) != len(trainings) or kept.empty:
        return None
    return np.mean([np.array(text.split(), dtype=float) for text in kept.hits], axis=0)


def words(found: Effect) -> list[str]:
    """Mean, interval over seeds and interval over vehicles of a difference, in points; a dash where there is none."""
    ends = [(found.low, found.high), found.over_vehicles]
    spans = [DASH if np.isnan(low) else f"{signed(low)} to {signed(high)}" for low, high in ends]
    return [signed(found.mean) if found.values else DASH, *spans]


def gain_table(
    evidence: Evidence,
    pairs: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]],
    names: tuple[str, str] = ("with parts", "without parts"),
    score: str = "cmc1_large",
) -> pd.DataFrame:
    """Two rows' scores and their difference with its intervals, ready to be shown; what was not run is left out.

    All are of the seeds that both rows have, so that the scores differ by just the difference.

    Args:
        evidence: the tables.
        pairs: by the name of a line, the two rows, see `chosen`.
        names: of the two rows' columns.
        score: a column of ``runs``.
    """
    lines = {}
    for line, (mine, theirs) in pairs.items():
        apart = effect(evidence, [mine], [theirs], score)
        if apart.values:
            scores = side_by_side(evidence, [mine, theirs], score)[0].mean()
            lines[line] = [*map(percent, scores), *words(apart), len(apart.values)]
    return pd.DataFrame(lines, index=[*names, "difference", *SPANS, "seeds"]).T


def kept(
    evidence: Evidence, rows: Mapping[Any, Mapping[str, Any]], columns: Mapping[str, str]
) -> dict[Any, dict[str, Score]]:
    """Kept scores for beside a reader's own in `partreg.figures.tables.comparison`.

    Args:
        evidence: the tables.
        rows: for each row of the table, the row of the evidence, see `chosen`.
        columns: for each column of the table, the column of ``runs``.

    Returns:
        For each row and column the scores of all seeds with their interval; rows without any training are left out.
    """
    found: dict[Any, dict[str, Score]] = {}
    for row, of in rows.items():
        for column, score in columns.items():
            one = effect(evidence, [of], score=score)
            if one.values:
                ends = None if len(one.values) < 2 else (one.low, one.high)
                found.setdefault(row, {})[column] = Score(one.values, ends, one.origins)
    return found


def kept_sizes(dataset: str) -> dict[int, int]:
    """For the paper's input sizes on a data set those that stand for them in the reference, in pixels."""
    return pair_sizes(paper.SIZES[dataset], read_profile("reference")["sizes"][dataset])


def kept_sentence(evidence: Evidence, of: Mapping[str, Any], columns: Mapping[str, str]) -> str:
    """The kept scores of one row in a sentence, for under a table that has no room for another column.

    Args:
        evidence: the tables.
        of: the row, see `chosen`.
        columns: for each name in the sentence the column of ``runs``.
    """
    scores = kept(evidence, {"": of}, columns).get("", {})
    said = "; ".join(f"{name} {one}" for name, one in scores.items())
    size = next((f" at {one.size} px" for score in scores.values() for one in score.origins if one.size), "")
    return f"Ours in the reference{size}: {said or 'not made yet'}."


def kept_note(
    evidence: Evidence,
    pairs: Iterable[Sequence[Mapping[str, Any]]],
    score: str = "cmc1_large",
    interval: str = "95% interval by Student's t",
) -> str:
    """A sentence for under a table about where its kept scores come from: of just the trainings that it shows.

    Args:
        evidence: the tables.
        pairs: the rows of each line of the table, as for `gain_table`; only seeds that all rows of a line have count.
        score: a column of ``runs``.
        interval: what the intervals are.
    """
    shown = [side_by_side(evidence, list(sides), score) for sides in pairs]
    note = reference_note((Score(tuple(joined.iloc[:, 0]), None, made(of)) for joined, of in shown), interval)
    studies = dict.fromkeys(study for _, of in shown for table in of for study in table.study)
    return " ".join([note, *dict.fromkeys(one for study in studies for one in evidence.said.get(study, []))])
