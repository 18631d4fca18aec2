"""The claims ledger: what the paper says, what was measured of it, and the verdict that follows from the numbers.

``book/claims.yaml`` holds the claims with the verdicts that people wrote; `verdict` works out what the numbers say, and
a test compares the two.
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
from partreg.workflow.effects import Effect, Evidence, effect
from partreg.workflow.profile import REPOSITORY

CLAIMS = REPOSITORY / "book" / "claims.yaml"
REPRODUCED, PARTLY, NOT, CANNOT = "reproduced", "partly", "not", "cannot be tested without the real data"
PENDING = "not run yet"  # fewer than two seeds of some test
VERDICTS = (REPRODUCED, PARTLY, NOT, CANNOT, PENDING)
SHOWN = {PARTLY: "partly reproduced", NOT: "not reproduced"}  # on the page, where the words have no context
EXPECTED = ("above", "below", "within")
HEADING = """::::{list-table} Each claim of the paper, what was measured, and the verdict. Effects are CMC@1 in \
percentage points with 95% intervals, unless another score is named.
:header-rows: 1
:widths: 34 46 20
:name: claims

* - claim, and where the paper has it
  - measured
  - verdict"""


@dataclass(frozen=True)
class Test:
    """One measurement that decides a claim.

    The methods in ``plus`` and ``minus`` and the ``score`` are those of `partreg.workflow.effects.effect`. The whole
    interval over seeds is expected "above" or "below" the ``bound``, a fraction, or "within" so much of zero.
    """

    __test__ = False  # not one of pytest's

    words: str
    plus: tuple[dict[str, Any], ...]
    minus: tuple[dict[str, Any], ...]
    score: str
    expect: str
    bound: float

    def holds(self, low: float, high: float) -> bool | None:
        """Whether an interval lies where the claim has it; None without an interval."""
        if math.isnan(low):
            return None
        if self.expect == "within":
            return -self.bound < low and high < self.bound
        return low > self.bound if self.expect == "above" else high < self.bound


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, in our words, and the ``place`` where the paper has it.

    A claim about data that are not at hand has no ``tests``. The ``verdict`` is one of `VERDICTS`. The ``link``
    leads from the book's root to the page that shows it, perhaps with a label after "#".
    """

    place: str
    claim: str
    tests: tuple[Test, ...]
    verdict: str
    link: str
    remark: str


def read_claims(path: Path = CLAIMS) -> list[Claim]:
    """The claims of a YAML file, in its order.

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
            raise PartregError(f"{where}: expected place, claim, tests, verdict, link and remark ({error}).") from error
        if claims[-1].verdict not in VERDICTS:
            raise PartregError(f"{where}: verdict is {claims[-1].verdict!r}; expected one of {', '.join(VERDICTS)}.")
    return claims


def _test(entry: dict[str, Any], where: str) -> Test:
    expected = [name for name in EXPECTED if name in entry]
    if len(expected) != 1:
        raise PartregError(f"{where}: a test expects one of {', '.join(EXPECTED)}, got {sorted(entry)}; correct it.")
    plus, minus = (tuple(entry.get(side, ())) for side in ("plus", "minus"))
    bound = float(entry[expected[0]])
    return Test(entry["words"], plus, minus, entry.get("score", "cmc1_large"), expected[0], bound)


def verdict(results: Sequence[bool | None]) -> str:
    """What the tests of a claim amount to: all hold, some, none; without any it cannot be tested here."""
    if not results:
        return CANNOT
    if None in results:
        return PENDING
    return REPRODUCED if all(results) else PARTLY if any(results) else NOT


def judged(claim: Claim, evidence: Evidence) -> tuple[str, list[tuple[Test, Effect]]]:
    """The verdict that follows from the numbers, and each test with its effect."""
    found = [(test, effect(evidence, test.plus, test.minus, test.score)) for test in claim.tests]
    return verdict([test.holds(one.low, one.high) for test, one in found]), found


def effect_words(test: Test, found: Effect) -> str:
    """An effect with its intervals in one line; a difference in points, a score in percent."""
    say = signed if test.minus else percent
    if not found.values:
        return PENDING
    seeds, vehicles = f"over {len(found.values)} seeds", found.over_vehicles
    told = ", one training" if math.isnan(found.low) else f" [{say(found.low)}, {say(found.high)}] {seeds}"
    if not math.isnan(vehicles[0]):
        told += ", [{}, {}] over vehicles".format(*map(say, vehicles))
    return say(found.mean) + told


def ledger(claims: Sequence[Claim], evidence: Evidence) -> str:
    """The ledger as a MyST list-table for the page of claims."""
    lines = [HEADING]
    for claim in claims:
        found = judged(claim, evidence)[1]
        told = [f"{test.words}: {effect_words(test, one)}" for test, one in found]
        told += [claim.remark.strip()] * bool(claim.remark)
        lines += [
            f"* - {claim.claim.strip()} *{claim.place}*",
            f"  - {'<br>'.join(told) or 'nothing'}",
            f"  - **{SHOWN.get(claim.verdict, claim.verdict)}**<br>[shown here]({claim.link})",
        ]
    return "\n".join([*lines, "::::", ""])
