"""The ledger: verdicts follow from numbers, and those that people wrote agree with the trainings that are kept."""

import pandas as pd
import pytest
import yaml

import claims
from partreg.errors import PartregError
from partreg.workflow.effects import Effect, read_evidence
from partreg.workflow.profile import REFERENCE
from tests.conftest import REPOSITORY

NAN = float("nan")


def asked(expect, bound=0.0):
    return claims.Test("words", ({"row": "a"},), ({"row": "b"},), "cmc1_large", expect, bound)


@pytest.mark.parametrize(
    ("expect", "bound", "low", "high", "holds"),
    [
        ("above", 0.0, 0.01, 0.03, True),
        ("above", 0.0, -0.01, 0.03, False),
        ("above", 0.02, 0.01, 0.03, False),
        ("below", 0.0, -0.03, -0.01, True),
        ("below", 0.0, -0.03, 0.01, False),
        ("within", 0.01, -0.005, 0.008, True),
        ("within", 0.01, -0.005, 0.012, False),
        ("above", 0.0, NAN, NAN, None),
    ],
)
def test_a_test_holds_with_its_whole_interval_or_not_at_all(expect, bound, low, high, holds):
    assert asked(expect, bound).holds(low, high) is holds


def test_verdicts():
    assert claims.verdict([True, True]) == claims.REPRODUCED
    assert claims.verdict([True, False]) == claims.PARTLY
    assert claims.verdict([False, False]) == claims.NOT
    assert claims.verdict([]) == claims.CANNOT
    assert claims.verdict([True, None]) == claims.PENDING


def test_effects_in_words():
    words = claims.effect_words(asked("above"), Effect((0.02, 0.04), shares=(0.03, 0.03)))
    assert words == "+3.0 [−9.7, +15.7] over 2 seeds, [+3.0, +3.0] over vehicles"  # t is 12.7, the error 1 point
    assert claims.effect_words(asked("above"), Effect((0.02,))) == "+2.0, one training"
    assert claims.effect_words(asked("above"), Effect(())) == "not run yet"
    score = claims.Test("words", ({"row": "a"},), (), "cmc1_large", "above", 0.0)
    assert claims.effect_words(score, Effect((0.5,))) == "50.0%, one training"


LEDGER = claims.read_claims()


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.claim[:40])
def test_no_verdict_contradicts_its_numbers(claim):
    verdict, measured = claims.judged(claim, read_evidence())
    told = [f"{test.words}: {claims.effect_words(test, one)}" for test, one in measured]
    assert claim.verdict == verdict, told


def test_the_dial_says_of_methods_that_align_views_what_the_ledger_says():
    claim = next(claim for claim in LEDGER if "align views" in claim.claim)
    assert "OIFE loses fewer points than the baseline and VAMI more, in both layouts" in claim.remark
    points = pd.read_csv(REFERENCE / "dial.csv")
    for layout in ("vehicleid", "veri"):
        lines = points[points.layout == layout].pivot_table(index="row", columns="near_duplicates", values="cmc1")
        lost = lines[1.0] - lines[16.0]
        assert lost["OIFE"] < lost["Baseline"] < lost["VAMI"]


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.claim[:40])
def test_a_claim_says_where_it_is_and_where_it_is_shown(claim):
    assert claim.place.startswith(("Abstract", "Section"))
    target = (REPOSITORY / "book" / claim.link.split("#")[0]).resolve()
    assert target.exists()


def test_the_ledger_has_a_line_for_each_claim():
    text = claims.ledger(LEDGER, read_evidence())
    assert text.count("\n* - ") == len(LEDGER) + 1
    for claim in LEDGER:
        assert claim.claim.strip() in text


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"place": "x"}, "claim 1: expected place, claim, tests, verdict, link and remark"),
        ({"verdict": "maybe"}, "verdict is 'maybe'; expected one of reproduced, partly, not"),
        ({"tests": [{"words": "w", "plus": [{}]}]}, "a test expects one of above, below, within"),
    ],
)
def test_slips_are_named(tmp_path, entry, message):
    whole = {"place": "Abstract", "claim": "c", "verdict": "not", "link": "intro.md", **entry}
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump([entry if entry == {"place": "x"} else whole]))
    with pytest.raises(PartregError, match=message):
        claims.read_claims(path)
