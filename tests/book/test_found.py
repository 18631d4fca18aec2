"""The first page's sentences say what the effects say, whatever they are."""

import math

import pytest

import found
from partreg.studies.effects import Effect, read_evidence


def effect(low: float, high: float) -> Effect:
    return Effect((low + high) / 2, (high - low) / 2 / 1.96, math.inf, values=((0.3, 0.3), (0.28, 0.28)))


UP, DOWN, SMALL, OPEN = effect(0.01, 0.03), effect(-0.03, -0.01), effect(-0.02, 0.004), effect(-0.02, 0.02)
NONE, ALONE = Effect(math.nan), Effect(0.02, values=((0.3,), (0.28,)))


@pytest.mark.parametrize(
    ("gain", "says"),
    [
        (
            UP,
            "**From random weights, parts help:** with them the right vehicle comes first in 30.0% of the searches",
        ),
        (DOWN, "**From random weights, parts harm:** with them"),
        (OPEN, "**Whether parts help is undecided:** with them"),
        (SMALL, "**From random weights, parts do not help:** with them"),
        (ALONE, "**Whether parts help is not known yet:** with them"),
        (NONE, "**Whether parts help is not known yet.**"),
    ],
)
def test_parts_help_where_the_whole_interval_lies_above_zero(gain, says):
    assert found.help_sentence(gain, NONE, NONE).startswith(says)


@pytest.mark.parametrize(
    ("change", "says"),
    [(OPEN, "; whether that is less is undecided."), (DOWN, ", which is less."), (UP, ", which is more.")],
)
def test_that_one_gain_is_supported_and_another_is_not_does_not_tell_them_apart(change, says):
    told = found.help_sentence(UP, OPEN, change)
    assert told.startswith("**From random weights, parts help:**")
    assert f"From a start that has seen other vehicles, as in the paper, it is +0.0 (−2.0 to +2.0){says}" in told


@pytest.mark.parametrize(
    ("effects", "says"),
    [
        ((UP, UP), "The places of the parts matter:"),
        ((DOWN, DOWN), "The places of the parts harm:"),
        ((SMALL, SMALL), "The places of the parts do not matter:"),
        ((OPEN, OPEN), "Whether the places of the parts matter is undecided:"),
        ((UP, OPEN), "Whether the places of the parts matter depends on the control:"),
        ((UP, NONE), "Whether the places of the parts matter is not known yet."),
    ],
)
def test_places_matter_where_every_control_falls_behind(effects, says):
    told = found.place_sentence(dict(zip(("the whole map", "random places"), effects, strict=True)), [OPEN, OPEN])
    assert told.startswith(f"**{says}**")
    if NONE not in effects:
        assert "over the whole map" in told
        assert "over random places" in told


def test_the_gain_over_a_control_comes_with_what_the_control_itself_gains():
    told = found.place_sentence({"the whole map": UP, "random places": UP}, [OPEN, DOWN])
    assert "over the whole map (which gain 0.0)" in told
    assert told.endswith("over random places (−2.0).")


@pytest.mark.parametrize(
    ("gain", "says"),
    [
        (UP, "A variation of the idea pays:"),
        (SMALL, "A variation of the idea does not pay:"),
        (DOWN, "A variation of the idea harms:"),
        (OPEN, "Whether a variation of the idea pays is undecided:"),
        (NONE, "Whether a variation of the idea pays is not known yet."),
    ],
)
def test_a_variation_pays_where_its_whole_gain_lies_above_zero(gain, says):
    assert found.variation_sentence(gain, UP, DOWN, UP).startswith(f"**{says}**")


def test_the_gain_over_the_variations_control_comes_with_what_the_control_itself_loses():
    told = found.variation_sentence(UP, UP, DOWN, OPEN)
    assert "points, and +2.0 (+1.0 to +3.0) over branches that see the whole image (which lose 2.0)." in told
    assert told.endswith("With part branches on an earlier map it is +0.0 (−2.0 to +2.0).")


def test_the_first_page_has_three_sentences_of_the_kept_trainings():
    told = found.found(read_evidence()).splitlines()
    assert [line[:2] for line in told[:3]] == ["1.", "2.", "3."]
    assert "+15%" in told[0]
    assert "each with 2,000 training vehicles of its own; in brackets, 95% intervals for other trainings" in told[4]


def test_undecided_is_explained_where_a_sentence_says_it():
    for gain, explained in ((UP, False), (OPEN, True)):
        assert ("*Undecided*" in found.note([gain], found.help_sentence(gain, NONE, NONE), 0.434)) is explained
    assert "the baseline, from nothing, names the right vehicle for 43% of its training images" in found.note(
        [UP], "", 0.434
    )
