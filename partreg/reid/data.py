"""Section 3.3, the training data: decoded images and their targets, in batches on the network's device.

A small data set lies on the GPU as a whole. For a large one, threads read the next batches from the file of pixels into
pinned memory, and the GPU copies them while it computes (`Data.batches`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

HELD = 1 / 8  # largest share of a GPU's memory for the pixels; larger data sets are read batch by batch
AHEAD = 6  # batches to read ahead, each in its own thread


class Data:
    """N decoded images (N, H, H, 3) uint8, and their targets by name, one row an image.

    Attributes:
        pixels: the images, memory-mapped.
        targets: the targets, on the CPU.
        device: the device of the batches.
        classes: for each whole-numbered target, one more than its largest value.
    """

    def __init__(self, pixels: np.ndarray, targets: dict[str, Tensor], device: torch.device) -> None:
        self.pixels, self.targets, self.device = pixels, targets, device
        whole = {name: value for name, value in targets.items() if value.ndim == 1 and not value.is_floating_point()}
        self.classes = {name: int(value.max()) + 1 for name, value in whole.items()}
        self.on_device = {name: value.to(device) for name, value in targets.items()}
        self.held = None
        if device.type == "cuda" and pixels.nbytes < HELD * torch.cuda.get_device_properties(device).total_memory:
            self.held = torch.from_numpy(np.array(pixels)).to(device)

    def take(self, rows: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Images (B, 3, H, H) uint8 and targets of some rows, on the device."""
        index = rows.to(self.device, non_blocking=True)
        images = torch.from_numpy(self.pixels[rows.numpy()]).to(self.device) if self.held is None else self.held[index]
        return self._with_targets(images, index)

    def _with_targets(self, images: Tensor, index: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Images (B, H, H, 3) as (B, 3, H, H), and the targets of the rows ``index``, which lies on the device."""
        return images.permute(0, 3, 1, 2), {name: value[index] for name, value in self.on_device.items()}

    def batches(self, order: Tensor) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        """Yield `take` for each row of ``order`` (steps, B); from a file to a GPU, read `AHEAD` batches ahead."""
        if self.device.type != "cuda" or self.held is not None:
            yield from map(self.take, order)
            return
        copies = torch.cuda.Stream(self.device)
        waiting: deque[Any] = deque()
        with ThreadPoolExecutor(AHEAD) as pool:
            for rows in order:
                waiting.append(pool.submit(self._sent, rows, copies))
                if len(waiting) > AHEAD:
                    yield self._arrived(*waiting.popleft().result())
            while waiting:
                yield self._arrived(*waiting.popleft().result())

    def _sent(self, rows: Tensor, copies: torch.cuda.Stream) -> tuple[Tensor, Tensor, torch.cuda.Event]:
        """Read a batch and start its copy to the GPU, beside the computations there."""
        pinned = torch.from_numpy(self.pixels[rows.numpy()]).pin_memory()
        with torch.cuda.stream(copies):
            return rows, pinned.to(self.device, non_blocking=True), copies.record_event()

    def _arrived(self, rows: Tensor, images: Tensor, copied: torch.cuda.Event) -> tuple[Tensor, dict[str, Tensor]]:
        """Make the computing stream wait for the copy of a batch, and return the batch."""
        current = torch.cuda.current_stream(self.device)
        current.wait_event(copied)
        images.record_stream(current)
        return self._with_targets(images, rows.to(self.device, non_blocking=True))
