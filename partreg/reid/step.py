"""Section 3.3, one step of stochastic gradient descent: augmentation, the loss (Eq. 3), its gradient, the update.

A small network's step is some hundred operations of microseconds, and a GPU waits for the next most of the time. So a
step there is recorded once, as a CUDA graph, and replayed: the same operations, started together.
"""

from __future__ import annotations

from threading import Lock

import torch
from torch import Tensor

from partreg.reid.augment import augment, drop_parts
from partreg.reid.device import mixed_precision
from partreg.reid.method import Method
from partreg.reid.network import Trunk
from partreg.reid.run import Run

EAGER = 3  # steps before a recording, in which libraries choose their algorithms and the optimizer makes its state
RECORDING = Lock()  # one thread records at a time


class Step:
    """A step, its operations started one by one.

    Attributes:
        run: the description.
        method: how it learns.
        network: what learns.
        optimizer: SGD with the run's momentum and weight decay.
    """

    def __init__(self, run: Run, method: Method, network: Trunk, rate: float | Tensor = 0.0) -> None:
        self.run, self.method, self.network = run, method, network
        self.optimizer = torch.optim.SGD(
            network.parameters(), lr=rate, momentum=run.momentum, weight_decay=run.weight_decay, fused=True
        )

    def __call__(self, images: Tensor, targets: dict[str, Tensor], numbers: Tensor, rate: float) -> dict[str, Tensor]:
        """Learn one batch.

        Args:
            images: (B, 3, H, H) uint8.
            targets: what is known of them; "vehicle" (B,) and, for parts, "boxes" (B, 4, 4).
            numbers: (B, 11 or more) uniform random numbers, see `partreg.reid.augment.random_numbers`.
            rate: the learning rate.

        Returns:
            The method's scalars, "loss" first, without their graph.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return self.compute(images, targets, numbers)

    def compute(self, images: Tensor, targets: dict[str, Tensor], numbers: Tensor) -> dict[str, Tensor]:
        """A step at the learning rate that the optimizer has."""
        run = self.run
        with torch.no_grad():
            images, moved = augment(images, targets, run.augment, numbers)
        if run.boxes == "whole":
            moved["boxes"] = targets["boxes"]  # the whole image stays the whole image
        if run.part_dropout and run.parts:
            moved["boxes"] = drop_parts(moved["boxes"], run.part_dropout, numbers[:, -3:])
        with mixed_precision(images.device):
            output = self.network(images, moved.get("boxes"))
        losses = self.method.losses(run, self.network, output, moved)
        self.optimizer.zero_grad()
        losses["loss"].backward()
        self.optimizer.step()
        return {name: value.detach() for name, value in losses.items()}


class RecordedStep(Step):
    """A step on a GPU: the first few as `Step`, then recorded, then replayed on the inputs of each batch."""

    def __init__(self, run: Run, method: Method, network: Trunk) -> None:
        self.rate = torch.zeros((), device=network.device)
        super().__init__(run, method, network, self.rate)
        self.done = 0
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, images: Tensor, targets: dict[str, Tensor], numbers: Tensor, rate: float) -> dict[str, Tensor]:
        """Learn one batch; the scalars are overwritten by the next step."""
        self.rate.fill_(rate)
        if self.graph is None and self.done < EAGER:
            self.done += 1
            return self.compute(images, targets, numbers)
        graph = self.record(images, targets, numbers) if self.graph is None else self.graph
        given = {"images": images, "numbers": numbers, **targets}
        for name, place in self.places.items():
            place.copy_(given[name], non_blocking=True)
        graph.replay()
        return self.losses

    def record(self, images: Tensor, targets: dict[str, Tensor], numbers: Tensor) -> torch.cuda.CUDAGraph:
        """Record the operations of a step on tensors of its own; nothing is computed yet."""
        self.places = {"images": images.clone(), "numbers": numbers.clone()}
        self.places |= {name: value.clone() for name, value in targets.items()}
        own = {name: self.places[name] for name in targets}
        self.optimizer.zero_grad()
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        with RECORDING, torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            self.losses = self.compute(self.places["images"], own, self.places["numbers"])
        self.graph = graph
        return graph


def make_step(run: Run, method: Method, network: Trunk) -> Step:
    """The step of a network: recorded on a GPU, where the method can be."""
    return (RecordedStep if network.device.type == "cuda" and method.recordable else Step)(run, method, network)
