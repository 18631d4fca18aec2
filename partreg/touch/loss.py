"""Equation 3 of one image, for the reader's hand."""

from __future__ import annotations

import torch

from partreg.figures.sheets import white_figure
from partreg.reid.loss import branch_losses
from partreg.reid.network import Output
from partreg.touch.thing import Thing, rounded, still

ALT = (
    "Bars of each branch's share in the loss of Equation 3 for one image. The thing to touch needs scripts: it has a "
    "slider for lambda and for each logit, and shows each term, the sum and the gradient."
)


def eq_3(output: Output, labels: torch.Tensor, part_weight: float, global_weight: float = 1.0) -> Thing:
    """Return Eq. 3 of the first image of a batch, with lambda and the logits of three vehicles as sliders.

    The three are the image's own vehicle and the two others that the first branch holds most likely. Their logits,
    rounded to tenths, are where the sliders start; all other vehicles are left out, so the numbers are smaller than
    those of all of them.

    Args:
        output: of the network, for B images.
        labels: (B,) int64, the images' vehicles, as columns of the logits.
        part_weight: lambda.
        global_weight: 1 in Eq. 3.
    """
    own = int(labels[0])
    likely = next(iter(output.logits.values()))[0].argsort(descending=True).tolist()
    three = [own, *[column for column in likely if column != own][:2]]
    logits = {branch: found[:1, three].detach().round(decimals=1) for branch, found in output.logits.items()}
    present = {branch: there[:1] for branch, there in output.present.items()}
    branches = [
        {"name": branch, "logits": rounded(found[0], 1), "present": bool(present.get(branch, torch.ones(1))[0])}
        for branch, found in logits.items()
    ]
    losses = branch_losses(Output(output.feature[:1], logits, present), labels[:1] * 0)
    terms = [(global_weight if branch == "global" else part_weight) * float(loss) for branch, loss in losses.items()]
    figure, ax = white_figure(6, 0.5 + 0.4 * len(terms))
    ax.barh(list(losses), terms, color="0.4")
    ax.invert_yaxis()
    ax.set_xlabel(f"term of Eq. 3, with λ = {part_weight:g}; their sum is {sum(terms):.4f}")
    data = {
        "vehicles": ["A, the right one", *"BC"[: len(three) - 1]],
        "branches": branches,
        "lambda": part_weight,
        "global_weight": global_weight,
    }
    return Thing("loss", data, still(figure), ALT)
