"""Numbers on the book's pages that follow from the profiles and from the plan of the rendered benchmark."""

from __future__ import annotations

from collections import Counter

from partreg.figures.methods import about
from partreg.reid.run import Run
from partreg.synthetic import benchmark
from partreg.synthetic.benchmark import Benchmark, plan_vehicleid
from partreg.workflow.profile import read_profile
from partreg.workflow.settings import TRIED_OTHERS

# The rows of the datasheet's table: where marks are, which, and the renderer's names for these places.
MARKS = {
    "on and behind the windscreen": (
        "stickers, permits, a strip; tissue box, toy, bottle, papers, phone; ornaments on the mirror",
        {"front_glass", "front_dash", "front_hang"},
    ),
    "seats": ("covers, cushion, child seat", {"seats"}),
    "on and behind the rear window": (
        "stickers, signs; plush, cushion, box, hat on the shelf",
        {"rear_glass", "rear_shelf"},
    ),
    "lights": ("replaced, yellowed, dark, ringed lamp", {"front_lamp", "rear_lamp"}),
    "head and rear area": (
        "badge, letters, bow, frame of the plate, scratch, patch",
        {"front_badge", "rear_badge", "plate_frame", "face"},
    ),
    "sides, bonnet, wheels": ("decal, stripe, scratch, dent, another rim", {"side", "hood", "wheel"}),
}


def described(profile: str) -> Benchmark:
    """The rendered benchmark of a profile under ``profiles/``."""
    return benchmark.described(read_profile(profile)["benchmark"])


def paper_recipe() -> str:
    """What the profile ``paper`` takes for learning rates and margins of the other methods, in two sentences."""
    fields = read_profile("paper")
    own, rate = fields["methods"], fields["reid"].get("lr", Run.lr)
    rates = {method: changes["lr"] for method, changes in own.items() if changes.get("lr", rate) != rate}
    margins: dict[float, list[str]] = {}
    for method, tried in TRIED_OTHERS.items():
        if any("margin" in changes for changes in tried):
            margin = own.get(method, {}).get("margin", fields["reid"].get("margin", Run.margin))
            margins.setdefault(margin, []).append(about(method).row)
    others = "".join(f", but {about(method).row} {value:g}" for method, value in rates.items())
    said = "; ".join(f"{margin:g} for {', '.join(rows)}" for margin, rows in sorted(margins.items()))
    return (
        f"In the profile `paper` nothing was chosen: every network has a learning rate of {rate:g} there{others}. "
        f"The margins are {said}.\n"
    )


def marks_table(profile: str = "laptop") -> str:
    """What tells a profile's vehicles apart, and how many of each there are on a vehicle, as a table."""
    vehicles = plan_vehicleid(described(profile)).vehicles
    places = Counter(mark.place for vehicle in vehicles for mark in vehicle.marks)
    total = sum(places.values()) / len(vehicles)
    lines = [
        f"Marks, {total:.1f} on average in the profile `{profile}`; no single view shows them all:",
        "",
        "| where | which | per vehicle, on average |",
        "|---|---|---:|",
    ]
    for where, (which, names) in MARKS.items():
        lines.append(f"| {where} | {which} | {sum(places[name] for name in names) / len(vehicles):.2f} |")
    return "\n".join(lines) + "\n"
