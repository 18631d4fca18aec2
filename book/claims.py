"""The claims ledger: what the paper says, what was measured of it, and the verdict that follows from the numbers.

``book/claims.yaml`` holds the claims and their tests; nobody writes a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from partreg.errors import PartregError
from partreg.figures.tables import percent, signed
from partreg.retrieval.statistics import CONTRADICTED, PENDING, SUPPORTED, UNDECIDED, verdict
from partreg.studies.effects import Effect, Evidence, effect, largest, main_effect
from partreg.studies.evidence import FACTORIAL
from partreg.workflow.profile import REPOSITORY

CLAIMS = REPOSITORY / "book" / "claims.yaml"
CANNOT = "cannot be tested without the real data"
EXPECTED = ("above", "below", "within")
HEADING = """::::{list-table} Each claim of the paper, what was measured, and the verdict. Effects are CMC@1 in \
percentage points with 95% intervals, unless another score is named. *Least* is the least true effect that such \
trainings would show in four cases of five.
:header-rows: 1
:widths: 34 46 20
:name: claims

* - claim, and where the paper has it
  - measured
  - verdict"""


@dataclass(frozen=True)
class Test:
    """One measurement that decides a claim, or stands ``beside`` those that do; one of all is ``primary``.

    The methods in ``plus`` and ``minus`` and the ``score`` are those of `partreg.studies.effects.effect`. Where
    ``main`` has weights of parts, it is `partreg.studies.effects.main_effect` instead. With ``largest``, it is of the
    networks that learnt the most vehicles, see `partreg.studies.effects.largest`. The effect is expected "above"
    or "below" the ``bound``, a fraction, or "within" so much of zero.
    """

    __test__ = False  # not one of pytest's

    words: str
    expect: str
    bound: float
    plus: tuple[dict[str, Any], ...] = ()
    minus: tuple[dict[str, Any], ...] = ()
    main: dict[str, float] | None = None
    largest: bool = False
    score: str = "cmc1_large"
    primary: bool = False
    beside: bool = False

    def measured(self, evidence: Evidence) -> Effect:
        """Return its effect over the kept trainings."""
        among = largest() if self.largest else {}
        if self.main:
            return main_effect(evidence, FACTORIAL, self.main, self.score, among)
        plus, minus = ([{**among, **side} for side in some] for some in (self.plus, self.minus))
        return effect(evidence, plus, minus, self.score)

    def verdict(self, found: Effect) -> str:
        """Return what its effect says of it."""
        return verdict(found, self.expect, self.bound)


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, in our words, and the ``place`` where the paper has it.

    A claim about data that we do not have has no ``tests``. The ``link`` leads from the book's root to the page that
    shows it, perhaps with a label after "#".
    """

    place: str
    claim: str
    tests: tuple[Test, ...]
    link: str
    remark: str


def read_claims(path: Path = CLAIMS) -> list[Claim]:
    """Return the claims of a YAML file, in its order.

    Raises:
        PartregError: not YAML, or a field is missing, unknown or not allowed; the sentence names the claim.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise PartregError(f"{path}: expected a YAML list of claims ({' '.join(str(error).split())}).") from error
    if not isinstance(entries, list) or not entries:
        raise PartregError(f"{path}: expected a YAML list of claims, found {type(entries).__name__}; correct the file.")
    claims = []
    for number, entry in enumerate(entries, 1):
        where = f"{path}: claim {number}"
        try:
            tests = tuple(_test(one, where) for one in entry.get("tests", []))
            claims.append(Claim(**{"remark": "", **entry, "tests": tests}))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PartregError(f"{where}: expected place, claim, tests, link and remark ({error}).") from error
    return claims


def _test(entry: dict[str, Any], where: str) -> Test:
    expected = [name for name in EXPECTED if name in entry]
    if len(expected) != 1:
        raise PartregError(f"{where}: a test expects one of {', '.join(EXPECTED)}, got {sorted(entry)}; correct it.")
    fields = {name: value for name, value in entry.items() if name not in EXPECTED}
    fields |= {side: tuple(entry.get(side, ())) for side in ("plus", "minus")}
    return Test(**fields, expect=expected[0], bound=float(entry[expected[0]]))


def together(verdicts: Sequence[str]) -> str:
    """Join the verdicts of a claim's tests to one; a claim without tests cannot be tested here."""
    if not verdicts:
        return CANNOT
    for one in (PENDING, CONTRADICTED, UNDECIDED):
        if one in verdicts:
            return one
    return SUPPORTED


def judged(claim: Claim, evidence: Evidence) -> tuple[str, list[tuple[Test, Effect]]]:
    """Return the verdict that follows from the numbers, and each test with its effect."""
    found = [(test, test.measured(evidence)) for test in claim.tests]
    return together([test.verdict(one) for test, one in found if not test.beside]), found


def effect_words(test: Test, found: Effect) -> str:
    """An effect with its interval in one line; a difference in points with the least to be seen, a score in percent."""
    if not found.values:
        return PENDING
    difference = bool(test.minus or test.main)
    say = signed if difference else percent
    if math.isnan(found.error):
        return f"{say(found.mean)}, too few trainings"
    told = f"{say(found.mean)} [{say(found.low)}, {say(found.high)}]"
    least = f", least {signed(found.least).lstrip('+')}" if difference else ""
    return f"{told}{least}, seeds: {found.counted}"


def ledger(claims: Sequence[Claim], evidence: Evidence) -> str:
    """Return the ledger as a MyST list-table for the page of claims."""
    lines = [HEADING]
    for claim in claims:
        says, found = judged(claim, evidence)
        told = []
        for test, one in found:
            also = [test.verdict(one)] * (len(found) > 1)
            also += ["the primary test"] * test.primary + ["beside"] * test.beside
            told.append(f"{test.words}: {effect_words(test, one)}" + f" ({', '.join(also)})" * bool(also))
        told += [claim.remark.strip()] * bool(claim.remark)
        lines += [
            f"* - {claim.claim.strip()} *{claim.place}*",
            f"  - {'<br>'.join(told) or 'nothing'}",
            f"  - **{says}**<br>[shown here]({claim.link})",
        ]
    return "\n".join([*lines, "::::", ""])
