"""Section 3.3, what is learnt from: decoded images and their targets, a batch at a time and where the network lies.

A small data set lies on the GPU as a whole. Of a large one, threads read the next batches from the file of pixels into
memory that the GPU copies from while it computes (`Data.batches`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

HELD = 1 / 8  # share of a GPU's memory that pixels may take; above it they are read batch by batch
AHEAD = 6  # batches read ahead, each by a thread of its own


class Data:
    """N decoded images (N, H, H, 3) uint8, and by name what is known of them, a row an image.

    Attributes:
        pixels: the images, memory-mapped.
        targets: on the CPU.
        device: where batches are wanted.
        classes: of each whole-numbered target, one more than its largest value.
    """

    def __init__(self, pixels: np.ndarray, targets: dict[str, Tensor], device: torch.device) -> None:
        self.pixels, self.targets, self.device = pixels, targets, device
        whole = {name: value for name, value in targets.items() if value.ndim == 1 and not value.is_floating_point()}
        self.classes = {name: int(value.max()) + 1 for name, value in whole.items()}
        self.placed = {name: value.to(device) for name, value in targets.items()}
        self.held = None
        if device.type == "cuda" and pixels.nbytes < HELD * torch.cuda.get_device_properties(device).total_memory:
            self.held = torch.from_numpy(np.array(pixels)).to(device)

    def take(self, rows: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Images (B, 3, H, H) uint8 and targets of some rows, on the device."""
        there = rows.to(self.device, non_blocking=True)
        images = torch.from_numpy(self.pixels[rows.numpy()]).to(self.device) if self.held is None else self.held[there]
        return self._beside_targets(images, there)

    def _beside_targets(self, images: Tensor, there: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Images (B, H, H, 3) as (B, 3, H, H), and the targets of their rows, which lie on the device."""
        return images.permute(0, 3, 1, 2), {name: value[there] for name, value in self.placed.items()}

    def batches(self, order: Tensor) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        """`take` for each row of ``order``, (steps, B); from a file to a GPU, `AHEAD` batches are under way."""
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
        """Read a batch, and start to copy it to the GPU beside whatever is computed there."""
        pinned = torch.from_numpy(self.pixels[rows.numpy()]).pin_memory()
        with torch.cuda.stream(copies):
            return rows, pinned.to(self.device, non_blocking=True), copies.record_event()

    def _arrived(self, rows: Tensor, images: Tensor, copied: torch.cuda.Event) -> tuple[Tensor, dict[str, Tensor]]:
        """The batch, once the stream that computes has waited for its copy."""
        current = torch.cuda.current_stream(self.device)
        current.wait_event(copied)
        images.record_stream(current)
        return self._beside_targets(images, rows.to(self.device, non_blocking=True))
