"""Section 3.3, the training scheme: stochastic gradient descent on Eq. 3, for the global and the part branches at once.

Every epoch draws its order and its augmentations from the run's seed and the epoch's number. So a checkpoint of network
and optimizer is enough to go on exactly where a killed process stopped.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from partreg import files
from partreg.errors import DivergedError, PartregError
from partreg.parts.boxes import definition_of
from partreg.reid.augment import random_numbers
from partreg.reid.data import Data
from partreg.reid.device import choose_device, has_fast_bfloat16, own_stream, reproducible
from partreg.reid.features import compute, part_boxes
from partreg.reid.method import PART_REGULARIZED, Method
from partreg.reid.network import Trunk, built
from partreg.reid.pixels import decoded, fingerprint
from partreg.reid.run import Run
from partreg.reid.step import Step, make_step

Score = Callable[[np.ndarray, np.ndarray], float]
LOOK = 20  # steps between two looks at the loss; on a GPU each look waits for it


def learning_rate(run: Run, epoch: float) -> float:
    """Learning rate after ``epoch`` epochs, which may be a fraction: warm-up from 0, then the run's schedule.

    "exponential" is that of Section 3.3: lr * decay ** (epochs since the warm-up). "cosine" falls to 0 at the end.
    """
    if epoch < run.warmup:
        return run.lr * epoch / run.warmup
    if run.schedule == "exponential":
        return run.lr * float(run.decay ** (epoch - run.warmup))
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
    method: Method = PART_REGULARIZED,
    root: str | Path = "",
    device: str = "",
    validate_every: int = 5,
    save_every: int = 1,
    test: pd.DataFrame | None = None,
    score: Score | None = None,
) -> pd.DataFrame:
    """Train the network that ``run`` describes, or go on where an earlier call stopped.

    Writes into ``folder``: run.json, history.csv, training.json (device, number format, seconds, images a second,
    parameters, and digests of the training data) and, last, weights.pt. If weights of the same training exist, nothing
    is done.

    Args:
        run: the description.
        images: the images to learn from, without the identities held out for validation.
        boxes: the boxes table of these images and, for a run without a global branch, of the validation images; None
            for a run without parts.
        folder: the folder of this run only.
        pixels: folder of decoded images, shared by all runs, see `partreg.reid.pixels`.
        validation: images of identities held out, or None; they are scored and influence nothing.
        method: how the network learns: the paper's own method, or another of Tables 1 to 3.
        root: the data set's folder, where other methods read their side files.
        device: "" for a GPU if there is one.
        validate_every: epochs between two scores on ``validation``; the last epoch always has one.
        save_every: epochs between two checkpoints; a killed training loses at most this many.
        test: images of test identities to score at the same epochs, for convergence curves; they influence nothing.
        score: computes CMC@1 from features (N, D) and vehicles (N,); without it nothing is scored.

    Returns:
        One row an epoch: epoch, lr (its last), loss (Eq. 3), loss_<branch> (without lambda), accuracy_<branch> on the
        augmented images, cmc1 (``score`` of ``validation``; NaN if not scored) and, if ``test`` is given, cmc1_test.
        Scores are fractions, not percent. Another method has its own losses instead of the branches'.

    Raises:
        PartregError: an image or the initial weights cannot be read, parts have no boxes, there are fewer images than a
            batch or fewer than two vehicles, the loss is no longer a number, or the folder holds a training from
            another description, other vehicles, pictures, boxes or side files.
    """
    folder = Path(folder)
    side = method.targets(Path(root), images)
    digests = learnt_from(run, images, boxes, validation, side, pixels)
    if (folder / "weights.pt").exists():
        refuse_other(
            folder / "training.json", files.read_json(folder / "training.json").get("learnt_from", {}), digests
        )
        return pd.read_csv(folder / "history.csv")
    where = choose_device(device)
    labels, vehicles = pd.factorize(images["vehicle"], sort=True)
    if len(vehicles) < 2:
        raise PartregError(
            f"images: expected at least two vehicles to tell apart, got {len(vehicles)}; check the lists."
        )
    with reproducible(1, where), own_stream(where):
        targets = {"vehicle": torch.from_numpy(labels)}
        if (corners := part_boxes(run, boxes, images)) is not None:
            targets["boxes"] = corners
        targets |= {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in side.items()}
        data = Data(decoded(images, run.size, pixels), targets, where)
        network = built(run, data.classes, method.network)
        network.to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if run.weights:
            network.calibrate(data.take(torch.arange(min(run.batch, len(labels))))[0])
        step = make_step(run, method, network)
        scores = {"cmc1": scorer(run, network, validation, boxes, pixels, score)}
        if test is not None:
            scores["cmc1_test"] = scorer(run, network, test, boxes, pixels, score)
        state = resumed(digests, folder, network, step.optimizer)
        passes = method.order(run, data.targets["vehicle"], epoch_rng(run, 0)).numel()
        total, done = run.epochs * passes, len(state["history"]) * passes
        with tqdm(total=total, initial=done, desc=run.name, unit=" images", mininterval=1) as bar:
            for epoch in range(len(state["history"]), run.epochs):
                started = time.perf_counter()
                row = one_epoch(run, method, network, step, data, epoch, bar)
                state["seconds"] += time.perf_counter() - started
                due = (epoch + 1) % validate_every == 0 or epoch + 1 == run.epochs
                row |= {name: score() if due else math.nan for name, score in scores.items()}
                state["history"].append(row)
                if (epoch + 1) % save_every == 0:
                    state.update(network=network.state_dict(), optimizer=step.optimizer.state_dict())
                    files.write_weights(folder / "checkpoint.pt", state)
    return finish(run, folder, network, state, [int(vehicle) for vehicle in vehicles], data, passes)


def epoch_rng(run: Run, epoch: int) -> torch.Generator:
    """Random generator of an epoch's order and augmentations."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence([run.seed, epoch]).generate_state(1)[0]))


def one_epoch(
    run: Run, method: Method, network: Trunk, step: Step, data: Data, epoch: int, bar: tqdm
) -> dict[str, float]:
    """Train on all images once, in a new order; return the epoch's row of the history."""
    network.train()
    rng = epoch_rng(run, epoch)
    order = method.order(run, data.targets["vehicle"], rng)
    dropped = len(definition_of(run.parts).branches) if run.part_dropout and run.parts else 0
    sums: Any = 0.0
    for turn, (images, targets) in enumerate(data.batches(order)):
        numbers = random_numbers(len(images), dropped, rng)
        rate = learning_rate(run, epoch + (turn + 1) / len(order))
        losses = step(images, targets, numbers.to(data.device, non_blocking=True), rate)
        sums = sums + torch.stack(list(losses.values()))
        if turn % LOOK == 0 or turn + 1 == len(order):
            means = (sums / (turn + 1)).tolist()
            check_loss(run, epoch, turn, means[0])
            bar.set_postfix(epoch=epoch + 1, loss=f"{means[0]:.2f}", refresh=False)
        bar.update(len(images))
    return {"epoch": epoch + 1, "lr": rate, **dict(zip(losses, means, strict=True))}


def check_loss(run: Run, epoch: int, step: int, loss: float) -> None:
    """Stop a training that has diverged.

    Raises:
        DivergedError: the loss is infinite or not a number.
    """
    if not math.isfinite(loss):
        raise DivergedError(
            f"{run.name}: the loss is {loss} in epoch {epoch + 1}, step {step + 1}; train with a smaller lr than "
            f"{run.lr:g} or a longer warmup than {run.warmup:g} epochs."
        )


def scorer(
    run: Run,
    network: Trunk,
    validation: pd.DataFrame | None,
    boxes: pd.DataFrame | None,
    pixels: str | Path,
    score: Score | None,
) -> Callable[[], float]:
    """Return a function that scores the present network: its CMC@1 on held-out images, NaN if there are none."""
    if validation is None or validation.empty or score is None:
        return lambda: math.nan
    held_out = decoded(validation, run.size, pixels)
    corners = None if run.use_global else part_boxes(run, boxes, validation)

    def present() -> float:
        network.eval()
        return score(compute(network, held_out, corners), validation["vehicle"].to_numpy())

    return present


LEARNT = {
    "run": "another description",
    "weights": "other weights to start from",
    "vehicles": "other vehicles",
    "pictures": "other pictures",
    "boxes": "other part boxes",
    "validation": "other validation images",
    "side": "other side files",
}


def learnt_from(
    run: Run,
    images: pd.DataFrame,
    boxes: pd.DataFrame | None,
    validation: pd.DataFrame | None,
    side: dict[str, np.ndarray],
    pixels: str | Path,
) -> dict[str, str]:
    """Describe what a training depends on, by the names of `LEARNT`: the description, and digests of all data."""

    def digest(*pieces: Any) -> str:
        joined = hashlib.sha256()
        for piece in pieces:
            joined.update(piece if isinstance(piece, bytes) else str(piece).encode())
        return joined.hexdigest()[:16]

    def listed(table: pd.DataFrame | None) -> str:
        return "" if table is None else digest(table["vehicle"].tolist())

    corners = part_boxes(run, boxes, images)
    held_out = None if validation is None or validation.empty else validation
    return {
        "run": run.to_json(),
        "weights": run.weights_content,
        "vehicles": listed(images),
        "pictures": fingerprint(images, pixels),
        "boxes": "" if corners is None else digest(corners.numpy().tobytes()),
        "validation": "" if held_out is None else listed(held_out) + fingerprint(held_out, pixels),
        "side": digest(*(part for name in sorted(side) for part in (name, np.ascontiguousarray(side[name]).tobytes()))),
    }


def refuse_other(path: Path, before: dict[str, str], digests: dict[str, str]) -> None:
    """Refuse a folder whose training started from other data.

    Raises:
        PartregError: the digests differ; the sentence says in what.
    """
    differ = [words for name, words in LEARNT.items() if before.get(name) != digests[name]]
    if differ:
        raise PartregError(
            f"{path}: a training from {' and '.join(differ)} is in this folder; give each run a folder of its own, or "
            "delete this one."
        )


def resumed(digests: dict[str, str], folder: Path, network: Trunk, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Load the state of an earlier call into network and optimizer and return it; an empty state if there is none.

    Raises:
        PartregError: the checkpoint belongs to another training, or cannot be read.
    """
    path = folder / "checkpoint.pt"
    if not path.exists():
        return {"learnt_from": digests, "history": [], "seconds": 0.0}
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        before = dict(state["learnt_from"])
        if before == digests:
            network.load_state_dict(state["network"])
            rates = [group["lr"] for group in optimizer.param_groups]
            optimizer.load_state_dict(state["optimizer"])
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate  # on a GPU it is a tensor; each step sets its value first
    except Exception as error:  # torch raises errors of many classes for files that are not its own
        why = f"{type(error).__name__}: {str(error).splitlines()[0][:80]}" if str(error) else type(error).__name__
        raise PartregError(f"{path}: not a readable checkpoint ({why}); delete it and train again.") from error
    refuse_other(path, before, digests)
    return state


def finish(
    run: Run, folder: Path, network: Trunk, state: dict[str, Any], vehicles: list[int], data: Data, passes: int
) -> pd.DataFrame:
    """Write the results of a training, the weights last, and delete the checkpoint."""
    history = pd.DataFrame(state["history"])
    files.write_text(folder / "history.csv", history.to_csv(index=False))
    files.write_json(folder / "run.json", asdict(run))
    device = network.device
    unused = sum(p.numel() for p in network.only_for_training())
    facts = {
        "device": device.type,
        "format": "bfloat16 and float32" if has_fast_bfloat16(device) else "float32",
        "images": len(data.pixels),
        "vehicles": len(vehicles),
        "parameters": sum(p.numel() for p in network.parameters()),
        "parameters_at_test": sum(p.numel() for p in network.parameters()) - unused,
        "seconds": round(state["seconds"], 1),
        "images_per_second": round(run.epochs * passes / max(state["seconds"], 1e-9), 1),
        "learnt_from": state["learnt_from"],
    }
    files.write_json(folder / "training.json", facts)
    files.write_weights(
        folder / "weights.pt",
        {"network": network.cpu().state_dict(), "vehicles": torch.tensor(vehicles), "classes": data.classes},
    )
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    return history
