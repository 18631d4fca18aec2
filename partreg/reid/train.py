"""Section 3.3, the training scheme: stochastic gradient descent on Eq. 3, for the global and the part branches at once.

Every epoch draws its order and its augmentations from the run's seed and its own number, so that a checkpoint of the
network and its optimizer is all that is needed to go on exactly where a killed process stopped.
"""

from __future__ import annotations

import io
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from partreg import files
from partreg.errors import PartregError
from partreg.reid.augment import augment
from partreg.reid.device import choose_device, has_fast_bfloat16, mixed_precision, reproducible
from partreg.reid.features import compute, part_boxes
from partreg.reid.loss import branch_losses, part_regularized_loss
from partreg.reid.network import PartRegularizedNet, make_network
from partreg.reid.pixels import decoded
from partreg.reid.run import Run

LOOK = 20  # steps between two looks at the loss; on a GPU each look waits for it


def learning_rate(run: Run, epoch: float) -> float:
    """The rate after ``epoch`` epochs, a fraction counting: warm-up from nothing, then the run's schedule.

    "exponential" is Section 3.3's: lr * decay ** epochs since the warm-up; "cosine" falls to nothing at the end.
    """
    if epoch < run.warmup:
        return run.lr * epoch / run.warmup
    if run.schedule == "exponential":
        return run.lr * run.decay ** (epoch - run.warmup)
    done = (epoch - run.warmup) / max(run.epochs - run.warmup, 1e-9)
    return run.lr * 0.5 * (1 + math.cos(math.pi * min(done, 1)))


def train(
    run: Run,
    images: pd.DataFrame,
    boxes: pd.DataFrame | None,
    folder: str | Path,
    pixels: str | Path,
    validation: pd.DataFrame | None = None,
    *,
    device: str = "",
    threads: int = 1,
    validate_every: int = 5,
) -> pd.DataFrame:
    """Train the network that ``run`` describes, or go on where an earlier call was stopped.

    Leaves in ``folder``: run.json, history.csv, training.json (device, number format, seconds, images a second,
    parameters) and, last, weights.pt. Where weights.pt stands, nothing is done.

    Args:
        run: the description.
        images: the images to learn from, with the identities held out for validation left away.
        boxes: the boxes table of these and, for a run without a global branch, of the validation images; None for a
            run without parts.
        folder: of this run alone.
        pixels: folder of decoded images, shared by all runs, see `partreg.reid.pixels`.
        validation: images of identities held out, or None; they decide nothing, they are only scored.
        device: "" for a GPU where there is one.
        threads: CPU threads; more of them change the last bits of the result.
        validate_every: epochs between two scores on ``validation``; the last epoch always has one.

    Returns:
        One row an epoch: epoch, lr (its last), loss (Eq. 3), loss_<branch> (without lambda), accuracy_<branch> on the
        augmented images, cmc1 (VehicleID's protocol on ``validation``; NaN where not scored). Fractions, not percent.

    Raises:
        PartregError: an image or the weights to start from cannot be read, no boxes where parts need them, fewer than
            two images or vehicles, a loss that is no number any more, or a checkpoint of another run in the folder.
    """
    folder = Path(folder)
    if (folder / "weights.pt").exists():
        return pd.read_csv(folder / "history.csv")
    where = choose_device(device)
    labels, vehicles = pd.factorize(images["vehicle"], sort=True)
    if len(vehicles) < 2:
        raise PartregError(f"images: expected at least two vehicles to tell apart, got {len(vehicles)}; see the lists.")
    with reproducible(threads, where):
        data = Data(run, decoded(images, run.size, pixels), part_boxes(run, boxes, images), torch.from_numpy(labels))
        network = make_network(run, len(vehicles)).to(where, memory_format=torch.channels_last)
        if run.weights:
            network.calibrate(data.take(torch.arange(data.batch), where)[0])
        optimizer = torch.optim.SGD(
            network.parameters(), lr=0.0, momentum=run.momentum, weight_decay=run.weight_decay, fused=True
        )
        score = scorer(run, network, validation, boxes, pixels)
        state = resumed(run, folder, network, optimizer)
        total, done = run.epochs * data.steps * data.batch, len(state["history"]) * data.steps * data.batch
        with tqdm(total=total, initial=done, desc=run.name, unit=" images", mininterval=1) as bar:
            for epoch in range(len(state["history"]), run.epochs):
                started = time.perf_counter()
                row = one_epoch(run, network, optimizer, data, epoch, bar)
                state["seconds"] += time.perf_counter() - started
                due = (epoch + 1) % validate_every == 0 or epoch + 1 == run.epochs
                state["history"].append({**row, "cmc1": score() if due else math.nan})
                state.update(network=network.state_dict(), optimizer=optimizer.state_dict())
                save(folder / "checkpoint.pt", state)
    return finish(run, folder, network, state, [int(vehicle) for vehicle in vehicles], data)


class Data:
    """What is learnt from: N decoded images, their part boxes and labels, walked through in batches."""

    def __init__(self, run: Run, pixels: np.ndarray, boxes: Tensor | None, labels: Tensor) -> None:
        self.pixels, self.boxes, self.labels = pixels, boxes, labels
        self.batch = min(run.batch, len(labels))
        self.steps = len(labels) // self.batch  # the few images over wait for another epoch's order

    def take(self, rows: Tensor, device: torch.device) -> tuple[Tensor, Tensor | None, Tensor]:
        """Images (B, 3, H, H) uint8, boxes (B, 4, 4) or None, labels (B,) of some rows, on the device."""
        images = torch.from_numpy(self.pixels[rows.numpy()]).permute(0, 3, 1, 2).to(device, non_blocking=True)
        boxes = None if self.boxes is None else self.boxes[rows].to(device)
        return images, boxes, self.labels[rows].to(device)


def one_epoch(
    run: Run, network: PartRegularizedNet, optimizer: torch.optim.Optimizer, data: Data, epoch: int, bar: tqdm
) -> dict[str, float]:
    """Walk once through the images in a new order; the epoch's row of the history."""
    network.train()
    device = network.device
    chance = torch.Generator().manual_seed(int(np.random.SeedSequence([run.seed, epoch]).generate_state(1)[0]))
    order = torch.randperm(len(data.labels), generator=chance)
    sums = torch.zeros(1 + 2 * len(network.branches), device=device)
    for step in range(data.steps):
        images, boxes, labels = data.take(order[step * data.batch : (step + 1) * data.batch], device)
        with torch.no_grad():
            images, moved = augment(images, boxes, run.augment, chance)
        with mixed_precision(device):
            output = network(images, boxes if run.boxes == "whole" else moved)
        losses = branch_losses(output, labels)
        loss = part_regularized_loss(losses, run.part_weight)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(run, epoch + (step + 1) / data.steps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        hits = [(logits.argmax(1) == labels).float().mean() for logits in output.logits.values()]
        sums += torch.stack([loss.detach(), *(value.detach() for value in losses.values()), *hits])
        if step % LOOK == 0 or step + 1 == data.steps:
            means = (sums / (step + 1)).tolist()
            look_at(run, epoch, step, means[0])
            bar.set_postfix(epoch=epoch + 1, loss=f"{means[0]:.2f}", refresh=False)
        bar.update(data.batch)
    names = ["loss", *(f"{what}_{branch}" for what in ("loss", "accuracy") for branch in network.branches)]
    return {"epoch": epoch + 1, "lr": optimizer.param_groups[0]["lr"], **dict(zip(names, means, strict=True))}


def look_at(run: Run, epoch: int, step: int, loss: float) -> None:
    """Stop a training that has diverged.

    Raises:
        PartregError: the loss is infinite or not a number.
    """
    if not math.isfinite(loss):
        raise PartregError(
            f"{run.name}: the loss is {loss} in epoch {epoch + 1}, step {step + 1}; train with a smaller lr than "
            f"{run.lr:g} or a longer warmup than {run.warmup:g} epochs."
        )


def scorer(
    run: Run,
    network: PartRegularizedNet,
    validation: pd.DataFrame | None,
    boxes: pd.DataFrame | None,
    pixels: str | Path,
) -> Any:
    """A function that gives the network's present CMC@1 on the images held out, NaN where there are none."""
    if validation is None or validation.empty:
        return lambda: math.nan
    from partreg.retrieval.protocols import vehicleid

    held_out = decoded(validation, run.size, pixels)
    place = None if run.use_global else part_boxes(run, boxes, validation)

    def score() -> float:
        network.eval()
        found = compute(network, held_out, place)
        return float(vehicleid(found, validation["vehicle"].to_numpy(), galleries=10, seed=0).cmc1)

    return score


def resumed(run: Run, folder: Path, network: PartRegularizedNet, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The state of an earlier call, put into network and optimizer; an empty one where there is none.

    Raises:
        PartregError: the checkpoint is of another run, or cannot be read.
    """
    path = folder / "checkpoint.pt"
    if not path.exists():
        return {"run": run.to_json(), "history": [], "seconds": 0.0}
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        same = state["run"] == run.to_json()
        if same:
            network.load_state_dict(state["network"])
            optimizer.load_state_dict(state["optimizer"])
    except Exception as error:  # torch raises many kinds for files that are not its own
        raise PartregError(f"{path}: not a readable checkpoint ({error}); delete it and train anew.") from error
    if not same:
        raise PartregError(f"{path}: a checkpoint of another run; give each run a folder of its own, or delete it.")
    return state


def save(path: Path, value: Any) -> None:
    """`torch.save`, whole or not at all; the same value gives the same bytes, for the file's name is not stored."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    with files.whole(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def finish(
    run: Run, folder: Path, network: PartRegularizedNet, state: dict[str, Any], vehicles: list[int], data: Data
) -> pd.DataFrame:
    """Write what training leaves behind, the weights last, and drop the checkpoint."""
    history = pd.DataFrame(state["history"])
    files.write_text(folder / "history.csv", history.to_csv(index=False))
    files.write_json(folder / "run.json", asdict(run))
    device = network.device
    facts = {
        "device": device.type,
        "format": "bfloat16 and float32" if has_fast_bfloat16(device) else "float32",
        "images": len(data.labels),
        "vehicles": len(vehicles),
        "parameters": sum(p.numel() for p in network.parameters()),
        "parameters_at_test": sum(p.numel() for p in network.parameters()) - _left_at_test(network),
        "seconds": round(state["seconds"], 1),
        "images_per_second": round(run.epochs * data.steps * data.batch / max(state["seconds"], 1e-9), 1),
    }
    files.write_json(folder / "training.json", facts)
    save(folder / "weights.pt", {"network": network.cpu().state_dict(), "vehicles": torch.tensor(vehicles)})
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    return history


def _left_at_test(network: PartRegularizedNet) -> int:
    """Parameters that no feature needs: all classifiers, and the part branches where there is a global one."""
    unused = [*network.classify.parameters()]
    if network.use_global:
        unused += [p for part in network.parts for p in network.embed[part].parameters()]
    return sum(p.numel() for p in unused)
