"""Section 3.3, one step of stochastic gradient descent: augmentation, the loss (Eq. 3), its gradient, the update.

A step of a small network is some hundred operations of microseconds each, so a GPU mostly waits for the next one. On a
GPU we therefore record a step once, as a CUDA graph, and replay it: the same operations, started together.
"""

from __future__ import annotations

from threading import Lock

import torch
from torch import Tensor

from partreg.parts.boxes import definition_of
from partreg.reid.augment import NUMBERS, augment, drop_parts
from partreg.reid.device import mixed_precision
from partreg.reid.method import Method
from partreg.reid.network import Trunk
from partreg.reid.run import Run

EAGER = 3  # steps before the recording, in which libraries choose algorithms and the optimizer creates its state
RECORDING = Lock()  # only one thread records at a time


class Step:
    """A training step that starts its operations one by one.

    Attributes:
        run: the description.
        method: gives the losses.
        network: the network to train.
        optimizer: SGD with the run's momentum and weight decay.
    """

    def __init__(self, run: Run, method: Method, network: Trunk, rate: float | Tensor = 0.0) -> None:
        self.run, self.method, self.network = run, method, network
        self.definition = definition_of(run.parts)
        self.optimizer = torch.optim.SGD(
            network.parameters(), lr=rate, momentum=run.momentum, weight_decay=run.weight_decay, fused=True
        )

    def __call__(self, images: Tensor, targets: dict[str, Tensor], numbers: Tensor, rate: float) -> dict[str, Tensor]:
        """Learn one batch.

        Args:
            images: (B, 3, H, H) uint8.
            targets: targets by name: "vehicle" (B,), for parts "boxes" (B, K, 4), and the method's own.
            numbers: (B, 11 or more) uniform random numbers, see `partreg.reid.augment.random_numbers`.
            rate: the learning rate.

        Returns:
            The method's scalars, "loss" first, detached from their graph.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return self.compute(images, targets, numbers)

    def compute(self, images: Tensor, targets: dict[str, Tensor], numbers: Tensor) -> dict[str, Tensor]:
        """Do a step at the optimizer's present learning rate."""
        run = self.run
        with torch.no_grad():
            images, moved = augment(images, targets, run.augment, numbers, self.definition)
        if run.boxes == "whole":
            moved["boxes"] = targets["boxes"]  # the whole image stays the whole image
        if run.part_dropout and run.parts:
            moved["boxes"] = drop_parts(moved["boxes"], run.part_dropout, numbers[:, NUMBERS:], self.definition)
        with mixed_precision(images.device):
            output = self.network(images, moved.get("boxes"))
        losses = self.method.losses(run, self.network, output, moved)
        self.optimizer.zero_grad()
        losses["loss"].backward()
        self.optimizer.step()
        return {name: value.detach() for name, value in losses.items()}


class RecordedStep(Step):
    """A training step on a GPU: the first few run as in `Step`, then one is recorded and replayed on each batch."""

    def __init__(self, run: Run, method: Method, network: Trunk) -> None:
        self.rate = torch.zeros((), device=network.device)
        super().__init__(run, method, network, self.rate)
        self.done = 0
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, images: Tensor, targets: dict[str, Tensor], numbers: Tensor, rate: float) -> dict[str, Tensor]:
        """Learn one batch; the next step overwrites the scalars."""
        self.rate.fill_(rate)
        if self.graph is None and self.done < EAGER:
            self.done += 1
            return self.compute(images, targets, numbers)
        graph = self.record(images, targets, numbers) if self.graph is None else self.graph
        inputs = {"images": images, "numbers": numbers, **targets}
        for name, place in self.places.items():
            place.copy_(inputs[name], non_blocking=True)
        graph.replay()
        return self.losses

    def record(self, images: Tensor, targets: dict[str, Tensor], numbers: Tensor) -> torch.cuda.CUDAGraph:
        """Record the operations of a step on fixed tensors (`places`); recording computes nothing."""
        self.places = {"images": images.clone(), "numbers": numbers.clone()}
        self.places |= {name: value.clone() for name, value in targets.items()}
        fixed_targets = {name: self.places[name] for name in targets}
        self.optimizer.zero_grad()
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        with RECORDING, torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            self.losses = self.compute(self.places["images"], fixed_targets, self.places["numbers"])
        self.graph = graph
        return graph


def make_step(run: Run, method: Method, network: Trunk) -> Step:
    """Make the step of a network: a recorded one on a GPU, if the method allows it."""
    return (RecordedStep if network.device.type == "cuda" and method.recordable else Step)(run, method, network)
