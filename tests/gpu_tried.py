"""What is tried on held-out vehicles beside the study `partreg.studies.regime`; `tests.gpu_regime` runs it on a GPU.

- *Variations* of "the global prediction pulled to the parts'", some with a control whose boxes are the whole image.
- *Recipes*: the tricks of the strong baseline, each alone, the strong baseline without each, and those that help
  together, without the parts and with them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from partreg import files
from partreg.baselines import strong
from partreg.baselines.metric_losses import batch_hard
from partreg.baselines.strong import SMOOTHING, StrongNet, generalized_mean
from partreg.paper import BASELINE, FULL
from partreg.reid.features import extract
from partreg.reid.loss import agreement_loss
from partreg.reid.method import PART_REGULARIZED, Method, by_identity, part_regularized_losses, shuffled
from partreg.reid.network import Output, Trunk
from partreg.reid.run import Run
from partreg.reid.train import train
from partreg.studies import regime
from partreg.studies.study import Job, Record
from partreg.workflow import stages
from partreg.workflow.provenance import committed, device

COOLED = 4  # temperature of the scores that are pulled softly
CLOSER = 30  # weight of the pull between distances, so that it starts as strong as the others
# What a line of tried.csv is of, by the kind of its result; and its columns.
KINDS = {"tried": "variation", "recipe": "recipe"}
COLUMNS = [
    *("kind", "row", "seed", "learnt", "epochs", "cmc1", "cosine", "accuracy", "passes", "seconds", "device", "commit"),
    "run",
]


@dataclass(frozen=True)
class Idea:
    """What is tried: changes of the full model's description, and how it learns."""

    changes: dict[str, Any]
    method: Method = PART_REGULARIZED

    def on_the_whole_map(self) -> Idea:
        """Return its control, in which every box is the whole image."""
        return replace(self, changes={**self.changes, "boxes": "whole"})


# Variations ---------------------------------------------------------------------------------------------------------


def pulled_softly(run: Run, network: Trunk, output: Output, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """Compute Eq. 3, and pull the global prediction to the parts' at a higher temperature."""
    found = part_regularized_losses(run.changed(agreement=0.0), network, output, targets)
    cooler = replace(output, logits={branch: logits / COOLED for branch, logits in output.logits.items()})
    found["agreement"] = COOLED**2 * agreement_loss(cooler)
    found["loss"] = found["loss"] + run.agreement * found["agreement"]
    return found


def pulled_by_distances(run: Run, network: Trunk, output: Output, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """Compute Eq. 3, and pull the distances of a batch's global features to those of its part features."""
    found = part_regularized_losses(run.changed(agreement=0.0), network, output, targets)
    parts = torch.cat([feature.detach() for branch, feature in output.features.items() if branch != "global"], 1)
    apart = F.smooth_l1_loss(relative_distances(output.features["global"]), relative_distances(parts))
    found["agreement"] = CLOSER * apart
    found["loss"] = found["loss"] + run.agreement * found["agreement"]
    return found


def relative_distances(features: Tensor) -> Tensor:
    """Return the distances (B, B) between features (B, D), divided by their mean."""
    squared = features.square().sum(1)
    apart = (squared[:, None] + squared - 2 * features @ features.T).clamp(min=1e-6).sqrt()
    return apart / apart.mean()


def pulled(losses: Any = part_regularized_losses, **changes: Any) -> Idea:
    """Return the full model whose global prediction is pulled, with other losses or changes."""
    return Idea({"agreement": 1.0, **changes}, replace(PART_REGULARIZED, losses=losses))


PULLED = {
    "pulled": pulled(),
    "pulled, weight 0.3": pulled(agreement=0.3),
    "pulled, weight 3": pulled(agreement=3.0),
    "pulled, weight 10": pulled(agreement=10.0),
    "pulled, lambda 0.1": pulled(part_weight=0.1),
    "pulled, lambda 1": pulled(part_weight=1.0),
    "pulled, window": pulled(parts=("window",)),
    "pulled, window and lights": pulled(parts=("window", "light")),
    "pulled, soft": pulled(pulled_softly),
    "pulled, distances": pulled(pulled_by_distances),
    "pulled, stage 3": pulled(part_stage=3),
    "pulled, stage 3, window": pulled(part_stage=3, parts=("window",)),
    "pulled, stage 3, lambda 0.1": pulled(part_stage=3, part_weight=0.1),
    "pulled, stage 3, window, lambda 0.1": pulled(part_stage=3, part_weight=0.1, parts=("window",)),
}
CONTROLLED = ("pulled", "pulled, soft", "pulled, distances", "pulled, stage 3", "pulled, stage 3, window")
VARIATIONS = {
    BASELINE: Idea({"parts": ()}),
    FULL: Idea({}),
    **PULLED,
    **{f"{name}, whole map": PULLED[name].on_the_whole_map() for name in CONTROLLED},
}


# Recipes ------------------------------------------------------------------------------------------------------------


class SomeTricks(StrongNet):
    """The strong baseline's network without parts; it pools by GeM and has a neck only if its ``tricks`` say so."""

    tricks: frozenset[str] = frozenset()

    def forward(self, images: Tensor, boxes: Tensor | None = None) -> Output:
        """Return features as they are, not scaled to length 1; identity scores; and features before the neck."""
        maps = self.feature_map(images)
        with torch.autocast(maps.device.type, enabled=False):
            pooled = generalized_mean(maps, self.power) if "gem" in self.tricks else maps.mean((2, 3))
            before = self.embed["global"](pooled)
            after = self.neck["global"](before) if "neck" in self.tricks else before
            logits = {"global": self.classify["global"](after)}
        return Output(after, logits, {}, {"before_neck": before})


def network_with(tricks: frozenset[str], run: Run, classes: dict[str, int]) -> SomeTricks:
    """Return the network that ``run`` describes, for ``classes["vehicle"]`` training identities."""
    found = SomeTricks(classes["vehicle"], run.backbone, (), run.dim, run.last_stride, run.pixels)
    found.tricks = tricks
    return found


def recipe_losses(run: Run, network: SomeTricks, output: Output, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """Compute the cross entropy of the identities, with smoothed labels or the triplet loss as the tricks say."""
    vehicles, scores = targets["vehicle"], output.logits["global"]
    smoothing = SMOOTHING if "smoothing" in network.tricks else 0.0
    found = {"loss_global": F.cross_entropy(scores, vehicles, label_smoothing=smoothing)}
    if "triplet" in network.tricks:
        before = output.extra["before_neck"]
        found["loss_triplet"] = batch_hard(F.normalize(before - before.mean(0)), vehicles, run.margin)
    hit = (scores.argmax(1) == vehicles).float().mean()
    return {"loss": sum(found.values()), **found, "accuracy_global": hit}


def recipe(*tricks: str) -> Idea:
    """Return the network without parts, trained with some of the strong baseline's tricks."""
    augment = {"augment": ("flip", "affine", "color", "erase")} if "erase" in tricks else {}
    order = by_identity if "identities" in tricks else shuffled
    method = Method(partial(network_with, frozenset(tricks)), recipe_losses, order, recordable=True)
    return Idea({"parts": (), **augment}, method)


ALONE = ("smoothing", "gem", "neck", "erase")  # these need no other trick; the triplet loss needs batches of identities
TRICKS = ("identities", "triplet", *ALONE)


def without(*left_out: str) -> Idea:
    """Return the strong baseline's recipe without some of its tricks."""
    return recipe(*(one for one in TRICKS if one not in left_out))


RECIPES = {
    "plain": recipe(),
    "strong": without(),
    "plain + identities": recipe("identities"),
    "plain + triplet": recipe("identities", "triplet"),
    **{f"plain + {one}": recipe(one) for one in ALONE},
    "reduced": Idea({"parts": (), "margin": 0.0}, strong.METHOD),
    "reduced + parts": Idea({"margin": 0.0}, strong.METHOD),
    "strong - triplet": without("triplet"),
    "strong - triplet - identities": without("triplet", "identities"),
    **{f"strong - {one}": without(one) for one in ALONE},
}


# Measured -----------------------------------------------------------------------------------------------------------


def measured(job: Job, method: Method, judged_on: pd.DataFrame) -> Record:
    """Train a job's network by ``method``; return its record, with CMC@1 on the images ``judged_on``.

    "cmc1" compares features by L2 as they are, "cosine" after scaling them to length 1, as the strong baseline does.
    Accuracy and loss are those of the last epoch, on augmented training images.
    """
    ws, run = job.workspace, job.run
    images, _ = stages.train_images(ws, "vehicleid", run.held_out)
    folder = ws.folder / "tried" / job.key
    boxes = stages.run_boxes(ws, run)
    history = train(run, images, boxes, folder, ws.pixels, method=method, save_every=run.epochs)
    facts = files.read_json(folder / "training.json")
    found = extract(folder, judged_on, pixels=ws.pixels, method=method)
    shutil.rmtree(folder)
    return {
        **job.what,
        **regime.judged(found, judged_on),
        "cosine": regime.judged(found / np.linalg.norm(found, axis=1, keepdims=True), judged_on)["cmc1"],
        "accuracy": float(history["accuracy_global"].iloc[-1]),
        "loss": float(history["loss"].iloc[-1]),
        "passes": run.epochs * (facts["images"] // run.batch) * run.batch,
        "seconds": facts["seconds"],
        "device": device(),
        "commit": committed()[0],
        "run": run.to_json(),
        "outcome": "done",
    }


def table(results: list[Record]) -> pd.DataFrame:
    """Return a line for each training on held-out vehicles that is done: tried.csv."""
    done = [one for one in results if one["kind"] in KINDS and one["record"]["outcome"] == "done"]
    lines = [{**one["record"], "kind": KINDS[one["kind"]]} for one in done]
    return pd.DataFrame(lines, columns=COLUMNS).round(4)
