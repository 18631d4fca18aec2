"""The ledger: verdicts follow from numbers, and remarks agree with the trainings that are kept."""

import math
import re

import pandas as pd
import pytest
import yaml

import claims
from partreg import paper
from partreg.errors import PartregError
from partreg.retrieval.statistics import CONTRADICTED, PENDING, SUPPORTED, UNDECIDED
from partreg.studies.effects import Effect, effect, largest, read_evidence
from partreg.workflow.profile import REFERENCE
from tests.conftest import REPOSITORY


def asked(expect="above", bound=0.0, **more):
    return claims.Test("words", expect, bound, **{"plus": ({"row": "a"},), "minus": ({"row": "b"},), **more})


def found(low, high):
    return Effect((low + high) / 2, (high - low) / 2 / 1.959963984540054, math.inf, values=((0.5,), (0.4,)))


def test_a_claim_says_all_that_its_tests_ask():
    assert claims.together([SUPPORTED, SUPPORTED]) == SUPPORTED
    assert claims.together([SUPPORTED, UNDECIDED]) == UNDECIDED
    assert claims.together([SUPPORTED, UNDECIDED, CONTRADICTED]) == CONTRADICTED
    assert claims.together([SUPPORTED, PENDING]) == PENDING
    assert claims.together([]) == claims.CANNOT


def test_what_stands_beside_does_not_decide(monkeypatch):
    effects = {"a": found(0.01, 0.03), "b": found(-0.03, -0.01)}
    monkeypatch.setattr(claims.Test, "measured", lambda self, evidence: effects[self.words])
    tests = [claims.Test("a", "above", 0.0), claims.Test("b", "above", 0.0, beside=True)]
    claim = claims.Claim("Abstract", "c", tuple(tests), "intro.md", "")
    assert claims.judged(claim, None)[0] == SUPPORTED
    assert "b: " in claims.ledger([claim], None)
    tests[1] = claims.Test("b", "above", 0.0)
    assert claims.judged(claims.Claim("Abstract", "c", tuple(tests), "intro.md", ""), None)[0] == CONTRADICTED


def test_the_networks_of_the_most_vehicles_are_taken_where_a_test_says_so():
    kept, main = read_evidence(), {"main": {"window": 1}}
    small, large = (
        asked(plus=({"row": paper.FULL},), minus=({"row": paper.BASELINE},), largest=one) for one in (False, True)
    )
    assert large.measured(kept) == effect(
        kept, [{**largest(), "row": paper.FULL}], [{**largest(), "row": paper.BASELINE}]
    )
    assert small.measured(kept) == effect(kept, [{"row": paper.FULL}], [{"row": paper.BASELINE}])
    of_all, of_few = (claims.Test("words", "above", 0.0, **main, largest=one).measured(kept) for one in (True, False))
    assert of_all != of_few


def test_effects_in_words():
    words = claims.effect_words(asked(), found(-0.01, 0.03))
    assert words == "+1.0 [−1.0, +3.0], least 2.9, seeds: 1"  # (1.96 + 0.84) standard errors of 1.02 points
    assert claims.effect_words(asked(), Effect(0.02, values=((0.5,), (0.48,)))) == "+2.0, too few trainings"
    assert claims.effect_words(asked(), Effect(math.nan)) == PENDING
    score = claims.Test("words", "above", 0.0, ({"row": "a"},))
    assert claims.effect_words(score, found(0.5, 0.6)) == "55.0% [50.0%, 60.0%], seeds: 1"


LEDGER = claims.read_claims()


def test_one_test_is_the_primary_one():
    (test,) = [test for claim in LEDGER for test in claim.tests if test.primary]
    assert test.plus == ({"row": paper.FULL},)
    assert test.minus == ({"row": paper.BASELINE},)
    assert test.largest
    assert not test.beside


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.claim[:40])
def test_every_verdict_is_worked_out(claim):
    says, measured = claims.judged(claim, read_evidence())
    assert says in (SUPPORTED, CONTRADICTED, UNDECIDED, PENDING, claims.CANNOT)
    assert (says == claims.CANNOT) == (not measured)
    # Whoever writes a verdict into a remark writes what may change.
    assert not re.search("support|contradict|undecided|reproduced", claim.remark)


def test_what_small_images_cost_in_shares_of_the_score():
    claim = next(claim for claim in LEDGER if "cost rank 1 more" in claim.claim)
    kept = read_evidence()
    small = {"study": "sizes", "row": paper.FULL, "size": 48}
    lost = {}
    for rank in ("cmc1_large", "cmc5_large"):
        here, there = (effect(kept, [of], score=rank).mean for of in (small, {"row": paper.FULL}))
        lost[rank] = f"{1 - here / there:.0%}"
    assert f"rank 1 loses {lost['cmc1_large']} and rank 5 loses {lost['cmc5_large']}" in claim.remark


def test_the_dial_says_of_methods_that_align_views_what_the_ledger_says():
    claim = next(claim for claim in LEDGER if "align views" in claim.claim)
    assert "OIFE and VAMI lose fewer points than the baseline, in both layouts" in claim.remark
    points = pd.read_csv(REFERENCE / "dial.csv")
    for layout in ("vehicleid", "veri"):
        lines = points[points.layout == layout].pivot_table(index="row", columns="near_duplicates", values="cmc1")
        lost = lines[1.0] - lines[16.0]
        assert max(lost["OIFE"], lost["VAMI"]) < lost["Baseline"]


def test_chapter_12_says_who_does_worse_than_knowing_model_and_colour():
    points = pd.read_csv(REFERENCE / "dial.csv")
    worse = points[points.cmc1 < points.informed].groupby("near_duplicates").row.agg(set)
    assert worse[1.0] == set(points.row)
    assert worse[16.0] == {"BOW-CN", "LOMO"}


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
        ({"place": "x"}, "claim 1: expected place, claim, tests, link and remark"),
        ({"verdict": "maybe"}, "unexpected keyword argument 'verdict'"),
        ({"tests": [{"words": "w", "above": 0, "below": 0}]}, "a test expects one of above, below, within"),
        ({"tests": [{"words": "w", "plus": [{}]}]}, "a test expects one of above, below, within"),
    ],
)
def test_slips_are_named(tmp_path, entry, message):
    whole = {"place": "Abstract", "claim": "c", "link": "intro.md", **entry}
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump([entry if entry == {"place": "x"} else whole]))
    with pytest.raises(PartregError, match=message):
        claims.read_claims(path)
