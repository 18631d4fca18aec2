"""From kept trainings to effects with intervals: over seeds by Student's t, over test vehicles by resampling them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from partreg import paper
from partreg.errors import PartregError
from partreg.figures.origins import Origin, recorded, reference_note
from partreg.figures.tables import Score, gain_words, pair_sizes, percent, span
from partreg.retrieval.statistics import bootstrap_over_vehicles, mean_interval
from partreg.workflow.profile import REFERENCE, profile_files, read_profile

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
    """A score, or a difference of scores, over several trainings; all fractions.

    Attributes:
        values: for each seed.
        shares: for each test vehicle the same of its share of hits, the mean over these seeds; empty where not known.
        scores: the mean over these seeds of each score that the effect is composed of.
        origins: where these trainings came from.
        said: what must be said beside them, see `corrected`.
    """

    values: tuple[float, ...]
    shares: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()
    origins: tuple[Origin, ...] = ()
    said: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """Mean over the seeds; NaN without any."""
        return mean_interval(self.values).mean

    @property
    def low(self) -> float:
        """Lower end of the 95% interval over seeds; NaN for one seed."""
        return mean_interval(self.values).low

    @property
    def high(self) -> float:
        """Its upper end."""
        return mean_interval(self.values).high

    @property
    def over_vehicles(self) -> tuple[float, float]:
        """The ends of the 95% interval over test vehicles; NaN where their shares are not known."""
        return bootstrap_over_vehicles(self.shares, np.arange(len(self.shares))) if self.shares else (np.nan, np.nan)


def read_evidence(folder: Path = REFERENCE) -> Evidence:
    """The tables of a folder; empty ones where nobody has made them.

    Raises:
        PartregError: one of the three tables is missing beside the others, or cannot be read.
    """
    if not any((folder / f"{name}.csv").exists() for name in COLUMNS):
        return Evidence(*(pd.DataFrame(columns=list(columns)) for columns in COLUMNS.values()))
    try:
        read = {name: pd.read_csv(folder / f"{name}.csv", dtype={"key": str, "code": str}) for name in COLUMNS}
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
    return Evidence(runs, frames["curves"], frames["hits"], said)


def kept_files(*names: str, folder: Path = REFERENCE) -> list[Path]:
    """The files that say what is kept, as far as they are there: tables, their corrections, the reference's profile."""
    tables = [folder / f"{name}.csv" for name in (*names, "corrections")]
    return [path for path in (*tables, *profile_files("reference")) if path.exists()]


def corrected(frame: pd.DataFrame, table: str, folder: Path = REFERENCE) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A kept table whose rows that were found wrong are marked, until they are made again.

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
    """A table under ``reference/`` without the rows that are withdrawn, and what must be said beside it.

    Raises:
        PartregError: nobody has made it, or it cannot be read.
    """
    path = folder / f"{name}.csv"
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise PartregError(
            f"{path}: expected a table ({error}); run make reference and make keep WHAT=dial."
        ) from error
    frame, said = corrected(frame, name, folder)
    gone = [rows for sentence, rows in said.items() if sentence.lower().startswith(WITHDRAWN)]
    return frame[~np.any([np.zeros(len(frame), bool), *gone], axis=0)], list(said)


def chosen(evidence: Evidence, of: Mapping[str, Any]) -> pd.DataFrame:
    """The finished trainings of one method, by seed: ``of`` gives values of columns of ``runs``, `USUAL` the others.

    Raises:
        PartregError: a column is unknown, or there are two trainings of one seed.
    """
    wanted = {**USUAL, **of}
    if unknown := set(wanted) - set(evidence.runs):
        raise PartregError(f"runs.csv has no column {min(unknown)!r}; its columns are {', '.join(evidence.runs)}.")
    found = evidence.runs[evidence.runs.outcome == "done"]
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
    """A method's score, or a sum and difference of several methods' scores, seed by seed.

    Args:
        evidence: the tables.
        plus: the methods that are added, see `chosen`; "score" in one of them is its own.
        minus: those that are subtracted. Only seeds that all have count: trainings of one seed share their start.
        score: a column of ``runs``.
    """
    sides = [*plus, *minus]
    signs = np.repeat([1, -1], [len(plus), len(minus)])
    names = [side.get("score", score) for side in sides]
    tables = [chosen(evidence, {name: value for name, value in side.items() if name != "score"}) for side in sides]
    pairs = list(zip(tables, names, strict=True))
    joined = pd.concat([table[name] for table, name in pairs], axis=1, join="inner").dropna()
    shares = [vehicle_shares(evidence, table.loc[joined.index], name) for table, name in pairs]
    # Methods on different benchmarks have other test vehicles, which cannot be paired.
    paired = len({side.get("cell", "") for side in sides}) == 1 and all(map(len, shares))
    trainings = pd.concat([table.loc[joined.index].reset_index() for table in tables])
    return Effect(
        values=tuple((joined.to_numpy(dtype=float) @ signs).tolist()),
        shares=tuple(signs @ np.stack(shares)) if paired else (),
        scores=tuple(joined.mean()),
        origins=recorded(trainings),
        said=tuple(dict.fromkeys(one for study in trainings.study for one in evidence.said.get(study, []))),
    )


def vehicle_shares(evidence: Evidence, trainings: pd.DataFrame, score: str) -> np.ndarray:
    """(V,) the mean share of hits of each test vehicle over trainings; (0,) where a score is no CMC@1 at the end."""
    which = {"cmc1_large": "hits", "cmc1_fused": "hits_fused"}.get(score)
    hits = evidence.hits.hits[evidence.hits.key.isin(trainings.key) & (evidence.hits.which == which)]
    if hits.empty or len(hits) != len(trainings):
        return np.empty(0)
    return np.mean([np.array(text.split(), dtype=float) for text in hits], axis=0)


def words(gain: Effect) -> list[str]:
    """Mean, interval over seeds and interval over vehicles of a difference, in points; a dash where there is none."""
    return [*gain_words(gain), span(*gain.over_vehicles)]


def gain_table(
    evidence: Evidence,
    pairs: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]],
    names: tuple[str, str] = ("with parts", "without parts"),
    score: str = "cmc1_large",
) -> pd.DataFrame:
    """Two methods' scores and their difference with its intervals, in words; what was not run is left out.

    All are of the seeds that both methods have. ``pairs`` holds the two of each line (see `chosen`), ``names`` the
    headings of their columns.
    """
    gains = {line: effect(evidence, [mine], [theirs], score) for line, (mine, theirs) in pairs.items()}
    lines = {
        line: [*map(percent, one.scores), *words(one), len(one.values)] for line, one in gains.items() if one.values
    }
    return pd.DataFrame(lines, index=[*names, "difference", *SPANS, "seeds"]).T


def reference_scores(
    evidence: Evidence, rows: Mapping[Any, Mapping[str, Any]], columns: Mapping[str, str]
) -> dict[Any, dict[str, Score]]:
    """Kept scores with their intervals over seeds, for beside a reader's own in `partreg.figures.tables.comparison`.

    ``rows`` holds the method of each row (see `chosen`), ``columns`` the column of ``runs`` for each column. Rows
    without any training are left out.
    """
    scores: dict[Any, dict[str, Score]] = {}
    for (row, of), (column, name) in product(rows.items(), columns.items()):
        if (one := effect(evidence, [of], score=name)).values:
            ends = (one.low, one.high) if len(one.values) > 1 else None
            scores.setdefault(row, {})[column] = Score(one.values, ends, one.origins)
    return scores


def kept_sizes(dataset: str) -> dict[int, int]:
    """For the paper's input sizes on a data set those that stand for them in the reference, in pixels."""
    return pair_sizes(paper.SIZES[dataset], read_profile("reference")["sizes"][dataset])


def kept_sentence(evidence: Evidence, of: Mapping[str, Any], columns: Mapping[str, str]) -> str:
    """The `reference_scores` of one method in a sentence, for a table that has no room for another column."""
    scores = reference_scores(evidence, {"": of}, columns).get("", {})
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

    ``pairs`` holds the methods of each line, of which only seeds that all have count; ``interval`` names its intervals.
    """
    shown = [effect(evidence, list(sides), score=score) for sides in pairs]
    return " ".join(dict.fromkeys([reference_note(shown, interval), *(said for one in shown for said in one.said)]))
