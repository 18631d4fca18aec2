"""Where numbers come from: scores and figures carry origins, and the line under a table or figure lists them.

The code that makes a number adds an `Origin` for each step that another process, commit or device could have done: a
training, the features, the boxes, the judging.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

RENDERED = "rendered benchmark"
# What the intervals of kept scores are, see `partreg.retrieval.statistics.contrast`.
INTERVAL = "95% interval, for other trainings and, of the last epoch's CMC@1 on the longest list, other test vehicles"


@dataclass(frozen=True)
class Origin:
    """One step on the way to a number.

    Attributes:
        step: what was done, such as "trained" or "judged".
        data: `RENDERED`, or the name of a folder of images.
        profile: its name.
        device: in words.
        commit: of this repository.
        clean: whether nothing had changed since that commit.
        seed: of a training; None for a step without one.
        size: side of the network's input in pixels; None without a network.
        threads: that computed the network; None if unknown.
        torch: its version; "" if unknown.
        day: as "2026-11-26" (UTC); "" if unknown.
    """

    step: str
    data: str
    profile: str
    device: str
    commit: str
    clean: bool
    seed: int | None = None
    size: int | None = None
    threads: int | None = None
    torch: str = ""
    day: str = ""

    @property
    def commit_words(self) -> str:
        """The commit, and whether something changed after it."""
        return self.commit + ("" if self.clean else " with uncommitted changes")


@dataclass(frozen=True)
class Sourced:
    """A figure with the line that the book shows under it, as HTML; a notebook shows the figure."""

    figure: Figure
    line: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, str]]:
        from IPython.core.pylabtools import print_figure  # here, so that a notebook starts faster

        png = print_figure(self.figure, "png", base64=True)
        return {"image/png": png, "text/plain": repr(self.figure)}, {"provenance": self.line}


def collected(*things: Any) -> tuple[Origin, ...]:
    """Collect every origin once: of origins, scores (their ``origins``), and dictionaries and lists of them."""
    found: dict[Origin, None] = {}
    for thing in things:
        if isinstance(thing, Origin):
            found[thing] = None
        elif isinstance(thing, Mapping):
            found |= dict.fromkeys(collected(*thing.values()))
        elif isinstance(thing, list | tuple):
            found |= dict.fromkeys(collected(*thing))
        else:
            found |= dict.fromkeys(getattr(thing, "origins", ()))
    return tuple(found)


def source_line(*things: Any) -> str:
    """Return the line of HTML under a table or figure: where all that `collected` finds came from; "" for nothing.

    Where origins differ, every value is listed with its steps: say, the commit of the training and that of the judging.
    """
    origins = collected(*things)
    if not origins:
        return ""
    data = [escape(name) if name == RENDERED else f"<code>{escape(name)}</code>" for name in _each(origins, "data")]
    days = sorted({origin.day for origin in origins if origin.day})
    words = [
        f"Data: {', '.join(data)}",
        f"profile {', '.join(f'<code>{escape(name)}</code>' for name in _each(origins, 'profile'))}",
        _numbers("seed {}", (origin.seed for origin in origins)),
        _numbers("{} px", (origin.size for origin in origins)),
        _by_step(origins, "device"),
        _numbers("{} thread a network", (origin.threads for origin in origins)),
        f"commit {_by_step(origins, 'commit_words')}",
        f"torch {_by_step(origins, 'torch')}" if any(origin.torch for origin in origins) else "",
        " to ".join(dict.fromkeys([*days[:1], *days[-1:]])),
    ]
    return f'<p class="provenance">{" · ".join(word for word in words if word)}</p>'


def recorded(table: pd.DataFrame, data: str = RENDERED) -> tuple[Origin, ...]:
    """Return the origins of kept trainings from columns profile, device, commit, clean, seed and perhaps size."""
    known = ["profile", "device", "commit", "clean", "seed", *(["size"] if "size" in table else [])]
    lines = table[known].drop_duplicates().itertuples(index=False)
    return tuple(
        Origin("trained", data, profile, device, _short(commit), bool(clean), int(seed), *map(int, size))
        for profile, device, commit, clean, seed, *size in lines
    )


def reference_note(results: Iterable[Any], interval: str = INTERVAL) -> str:
    """Say how many seeds the kept trainings of a table have, and where they come from.

    Args:
        results: scores or effects, with ``seeds``, the number of trainings of each method, and ``origins``.
        interval: what the intervals are.
    """
    shown = [result for result in results if result.seeds]
    if not shown:
        return "Reference: not made yet; make reference makes it, which takes hours."
    origins = collected(shown)
    count = number_range(number for result in shown for number in result.seeds)
    sizes = [origin.size for origin in origins if origin.size]
    where = [
        f"profile {', '.join(_each(origins, 'profile'))}",
        *([f"{number_range(sizes)} px"] if sizes else []),
        *_each(origins, "device"),
        f"commit {', '.join(_each(origins, 'commit_words'))}",
    ]
    mean = "one seed" if count == "1" else f"mean of {count} seeds and its {interval}"
    return (
        f"Reference: {mean}, kept in the repository; {', '.join(where)}. "
        "Another benchmark than this run's: compare methods with methods."
    )


def paragraph(sentence: str) -> str:
    """Return a sentence as a paragraph to stand under a table."""
    return f'<p class="partreg-notes">{escape(sentence)}</p>'


def _short(commits: str) -> str:
    """Return ten digits of each commit of a kept training, as "a, b" for several."""
    return ", ".join(commit[:10] for commit in str(commits).split())


def _each(origins: Iterable[Origin], name: str) -> list[str]:
    """Return every value of a field once, in order of first appearance."""
    return list(dict.fromkeys(getattr(origin, name) for origin in origins if getattr(origin, name)))


def _numbers(words: str, values: Iterable[int | None]) -> str:
    """Return sorted numbers in words; "" for none."""
    known = sorted({value for value in values if value is not None})
    return words.format(", ".join(map(str, known))) if known else ""


def number_range(values: Iterable[int], to: str = "–") -> str:
    """Return the lowest and the highest number, as "3–5", or one number if these are equal."""
    numbers = sorted(set(values))
    return to.join(f"{value:,}" for value in dict.fromkeys([numbers[0], numbers[-1]]))


def _by_step(origins: Iterable[Origin], name: str) -> str:
    """Return the values of a field, each with its steps; without them for one value or one step."""
    steps: dict[str, dict[str, None]] = {}
    for origin in origins:
        if value := getattr(origin, name):
            steps.setdefault(value, {})[origin.step] = None
    if len(steps) == 1 or len({origin.step for origin in origins}) == 1:
        return ", ".join(map(escape, steps))
    return ", ".join(f"{escape(value)} ({', '.join(names)})" for value, names in steps.items())
