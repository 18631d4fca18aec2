"""Write what was found, for the first page: sentences that follow from effects and their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from partreg import paper
from partreg.figures.origins import number_range
from partreg.figures.tables import in_points, percent, signed
from partreg.retrieval.statistics import CONTRADICTED, PENDING, SUPPORTED, UNDECIDED, verdict
from partreg.studies import pays
from partreg.studies.effects import Effect, Evidence, chosen, effect, largest, vehicles_of
from partreg.studies.regime import PULLED, STARTED
from partreg.workflow.runs import CONTROLS

REVERSED = "reversed"  # not only contradicted: the whole interval lies below zero

# What the part branches of each control see, in the words of the first page.
SEEN = dict(
    zip(
        CONTROLS,
        (
            "branches that see the whole image",
            "[boxes of other images](../notebooks/07_ablation.ipynb)",
            "boxes in random places",
        ),
        strict=True,
    )
)


def found(evidence: Evidence) -> str:
    """Return three sentences about the kept trainings, numbered, and what their numbers are, in Markdown."""
    most = largest()
    full, baseline = {**most, "row": paper.FULL}, {**most, "row": paper.BASELINE}
    seeing, without = ([{**most, "row": f"{row}, {STARTED}"}] for row in (paper.FULL, paper.BASELINE))
    gain, started = effect(evidence, [full], [baseline]), effect(evidence, seeing, without)
    change = effect(evidence, [*seeing, baseline], [*without, full])
    controls = {words: {**most, "row": row} for row, words in SEEN.items()}
    places = {words: effect(evidence, [full], [control]) for words, control in controls.items()}
    themselves = [effect(evidence, [control], [baseline]) for control in controls.values()]
    pulled, control, deep = ({**most, "row": row} for row in (PULLED, pays.CONTROLS[PULLED], pays.DEEP))
    variation = [
        effect(evidence, [mine], [of])
        for mine, of in ((pulled, baseline), (pulled, control), (control, baseline), (deep, baseline))
    ]
    sentences = (
        help_sentence(gain, started, change),
        place_sentence(places, themselves),
        variation_sentence(*variation),
    )
    numbered = [f"{number}. {sentence}" for number, sentence in enumerate(sentences, 1)]
    told_apart = chosen(evidence, baseline).accuracy.mean()
    shown = [gain, started, *places.values(), *variation]
    return "\n".join([*numbered, "", note(shown, " ".join(sentences), told_apart), ""])


def note(gains: Sequence[Effect], sentences: str, told_apart: float) -> str:
    """Say what the numbers of the sentences are, and what *undecided* is if they say so.

    Args:
        gains: those of the sentences, in their order.
        sentences: all of them.
        told_apart: the share of training images that the baseline gives to their own vehicle when its training ends.
    """
    if not gains[0].values:
        return "The trainings behind these sentences have not been made yet."
    undecided = "*Undecided*: the interval holds zero as well as half a point. " if UNDECIDED in sentences else ""
    learnt, seeds = vehicles_of(largest()["cell"]), number_range((n for one in gains for n in one.seeds), " to ")
    return (
        f"A point is one search in 100. Means over {seeds} seeds, each with {learnt:,} training vehicles of its own; "
        "in brackets, 95% intervals for other trainings and other vehicles. The trainings are short: at the end the "
        f"baseline, from nothing, names the right vehicle for {told_apart:.0%} of its training images. "
        f"{undecided}[What holds](what_holds.md) has every claim."
    )


def judged(difference: Effect) -> str:
    """The verdict on a claim that a difference lies above zero, or `REVERSED`."""
    return REVERSED if difference.high < 0 else verdict(difference)


def help_sentence(gain: Effect, started: Effect, change: Effect) -> str:
    """Say whether a network learns better with parts.

    Args:
        gain: the full model's CMC@1 minus the baseline's, from random weights.
        started: the same where both start from what a network has learnt of other vehicles.
        change: ``started`` minus ``gain`` with the seeds that both have. That one is supported and the other is not
            does not tell them apart; this does.
    """
    says = {
        SUPPORTED: "From random weights, parts help",
        CONTRADICTED: "From random weights, parts do not help",
        REVERSED: "From random weights, parts harm",
        UNDECIDED: "Whether parts help is undecided",
        PENDING: "Whether parts help is not known yet",
    }[judged(gain)]
    if not gain.values:
        return f"**{says}.**"
    also = ""
    if started.values and change.values:
        compared = f"; whether that is less is {UNDECIDED}"
        if change.high < 0 or change.low > 0:
            compared = f", which is {'less' if change.high < 0 else 'more'}"
        also = f" From a start that has seen other vehicles, as in the paper, it is {in_points(started)}{compared}."
    mine, theirs = map(percent, gain.scores)
    table = paper.table(4)["CMC@1"]
    printed = table[paper.FULL] / table[paper.BASELINE] - 1
    return (
        f"**{says}:** with them the right vehicle comes first in {mine} of the searches, without them in "
        f"{theirs}: {in_points(gain)} points, or {gain.mean / gain.scores[1]:+.0%} (the paper: {printed:+.0%}).{also}"
    )


def place_sentence(against: Mapping[str, Effect], themselves: Sequence[Effect]) -> str:
    """Say whether it is the parts' places that help.

    Args:
        against: the full model's CMC@1 minus that of each control, by what the control's branches see instead of parts.
        themselves: each control's minus the baseline's, in the same order. Where a control harms, the distance to it is
            not all due to the parts' places.
    """
    verdicts = {judged(difference) for difference in against.values()}
    if PENDING in verdicts:
        return "**Whether the places of the parts matter is not known yet.**"
    says = "Whether the places of the parts matter depends on the control"
    if len(verdicts) == 1:
        says = {
            SUPPORTED: "The places of the parts matter",
            CONTRADICTED: "The places of the parts do not matter",
            REVERSED: "The places of the parts harm",
            UNDECIDED: "Whether the places of the parts matter is undecided",
        }[verdicts.pop()]
    own = [in_words(themselves[0]), *(signed(one.mean) for one in themselves[1:])]
    differences = ", ".join(
        f"{in_points(gain)} over {words} ({itself})" for (words, gain), itself in zip(against.items(), own, strict=True)
    )
    return f"**{says}:** parts gain {differences}."


def in_words(control: Effect) -> str:
    """Say what a control gains or loses, as "which lose 1.6"."""
    return f"which {'lose' if control.mean < 0 else 'gain'} {signed(abs(control.mean))[1:]}"


def variation_sentence(gain: Effect, placed: Effect, control: Effect, deep: Effect) -> str:
    """Say whether a variation of the idea pays.

    Args:
        gain: by the variation over the baseline.
        placed: by the variation over the same with branches that see the whole map.
        control: by the latter over the baseline; where it harms, a gain over it is not all due to places.
        deep: by the variation over the baseline, with its part branches on an earlier map.
    """
    says = {
        SUPPORTED: "A variation of the idea pays",
        CONTRADICTED: "A variation of the idea does not pay",
        REVERSED: "A variation of the idea harms",
        UNDECIDED: "Whether a variation of the idea pays is undecided",
        PENDING: "Whether a variation of the idea pays is not known yet",
    }[judged(gain)]
    if not gain.values:
        return f"**{says}.**"
    return (
        f"**{says}:** where the global branch must also [predict what the parts predict]"
        f"(../notebooks/15_what_pays.ipynb), the gain is {in_points(gain)} points, and {in_points(placed)} over "
        f"branches that see the whole image ({in_words(control)}). With part branches on an "
        f"earlier map it is {in_points(deep)}."
    )
