"""Crops of number plates and a reader of them, for Plate-SNN, FACT+Plate-REC and FACT+Plate-SNN of Table 3.

Liu et al. (ECCV 2016) use a commercial recognition tool that they do not name. Our reader is *assumed*: a small CNN
attends to each of the 7 places of a plate and gives each a softmax over the blank, A-Z and 0-9. It learns from the
training half alone. A few hundred plates hold few letters, so the places share one classifier, and every crop is moved,
dimmed and blurred anew each time it is shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from partreg.datasets.pictures import read_picture
from partreg.errors import PartregError
from partreg.reid.device import mixed_precision, reproducible

HEIGHT, WIDTH = 32, 96
PLACES = 7
SYMBOLS = " ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"  # the blank first
UNKNOWN = -100  # a symbol that the reader neither learns nor reads, such as the character of a province
EPOCHS = 15  # of nets for plates, or the profile's if fewer
BATCH, RATE, SMOOTHING = 64, 2e-3, 0.05  # assumed
CPU = torch.device("cpu")  # nets so small need no GPU


def load_crops(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Open the crops of `partreg.datasets.side.read_plates`.

    Args:
        frame: N rows with the column crop, the path, "" where an image has no plate.

    Returns:
        Crops (N, 32, 96) uint8, grey, black where there is none, and whether there is one, (N,) bool.

    Raises:
        PartregError: a crop is missing or no picture.
    """
    paths = frame["crop"].tolist()
    crops = np.zeros((len(paths), HEIGHT, WIDTH), np.uint8)
    for row, path in enumerate(paths):
        if not path:
            continue
        image = cv2.cvtColor(read_picture(path), cv2.COLOR_RGB2GRAY)
        shrinks = image.shape[0] > HEIGHT or image.shape[1] > WIDTH
        crops[row] = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return crops, np.array([bool(path) for path in paths], bool)


def prepared(crops: np.ndarray | Tensor) -> Tensor:
    """Scale grey crops (B, 32, 96) 0..255 to mean 0 and deviation 1 each, in any light: (B, 1, 32, 96) float32."""
    x = torch.as_tensor(crops).float().flatten(1)
    x = (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True, unbiased=False) + 4.0)
    return x.view(-1, 1, HEIGHT, WIDTH)


def disturbed(crops: Tensor, rng: torch.Generator) -> Tensor:
    """Move, blur and soil prepared crops (B, 1, 32, 96) a little; what is written on them stays the same."""
    n = len(crops)
    u = torch.rand((n, 6), generator=rng) * 2 - 1
    theta = torch.zeros((n, 2, 3))
    theta[:, 0, 0], theta[:, 1, 1] = 1 + 0.06 * u[:, 0], 1 + 0.12 * u[:, 1]
    theta[:, 0, 2], theta[:, 1, 2] = 0.04 * u[:, 2], 0.12 * u[:, 3]
    theta[:, 1, 0], theta[:, 0, 1] = 0.25 * u[:, 4], 0.03 * u[:, 5]
    grid = F.affine_grid(theta, list(crops.shape), align_corners=False)
    moved = F.grid_sample(crops, grid, mode="bilinear", padding_mode="border", align_corners=False)
    smooth = F.avg_pool2d(F.pad(moved, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    share = torch.rand((n, 1, 1, 1), generator=rng) * (torch.rand((n, 1, 1, 1), generator=rng) < 0.5)
    soiled = moved + share * (smooth - moved)
    return soiled + 0.15 * torch.rand((n, 1, 1, 1), generator=rng) * torch.randn(crops.shape, generator=rng)


class Reader(nn.Module):
    """From crops (B, 1, 32, 96) to scores (B, 7, 37) of the symbols at each place.

    Attention finds each place: scores from the features plus a learnt prior, at first seven columns side by side.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for wide, pool in ((width, (2, 2)), (2 * width, (2, 1)), (3 * width, (2, 2)), (3 * width, None)):
            layers += [nn.Conv2d(channels, wide, 3, padding=1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()]
            layers += [nn.MaxPool2d(pool)] if pool else []
            channels = wide
        self.features = nn.Sequential(*layers)
        self.look = nn.Conv2d(channels, PLACES, 1)
        rows, columns = HEIGHT // 8, WIDTH // 4
        middles = 0.07 + 0.86 * (torch.arange(PLACES) + 0.5) / PLACES
        away = (torch.arange(columns) + 0.5) / columns - middles[:, None]
        prior = -(away**2) / (2 * 0.05**2)
        self.prior = nn.Parameter(prior[:, None, :].expand(PLACES, rows, columns).clone())
        self.drop = nn.Dropout(0.3)
        self.classify = nn.Linear(channels, len(SYMBOLS))

    def forward(self, crops: Tensor) -> Tensor:
        """Scores (B, 7, 37) of prepared crops (B, 1, 32, 96)."""
        with mixed_precision(crops.device):
            maps = self.features(crops.contiguous(memory_format=torch.channels_last))
        maps = maps.float()
        weights = (self.look(maps) + self.prior).flatten(2).softmax(2)  # (B, 7, places of the map)
        attended = torch.einsum("bps,bcs->bpc", weights, maps.flatten(2))
        return self.classify(self.drop(attended))


def targets(texts: list[str]) -> Tensor:
    """Return plates as (N, 7) int64 indices of `SYMBOLS`, blanks behind short ones, `UNKNOWN` for other symbols.

    Raises:
        PartregError: a plate is longer than 7 symbols.
    """
    long = [text for text in texts if len(text) > PLACES]
    if long:
        raise PartregError(f"plates.csv: expected plates of up to {PLACES} symbols, found {long[0]!r}; correct it.")
    known = {symbol: k for k, symbol in enumerate(SYMBOLS)}
    return torch.tensor([[known.get(s, UNKNOWN) for s in text.upper().ljust(PLACES)] for text in texts])


def spelled(scores: Tensor) -> list[str]:
    """Return scores (N, 7, 37) as texts without blanks."""
    return ["".join(SYMBOLS[k] for k in row).replace(" ", "") for row in scores.argmax(2).tolist()]


def train_reader(crops: np.ndarray, has: np.ndarray, texts: list[str], *, epochs: int, seed: int) -> nn.Module:
    """Train a reader on the plates of the training half.

    Args:
        crops: (N, 32, 96) uint8, see `load_crops`.
        has: (N,) bool, whether there is a plate; the others are left out.
        texts: N plates; symbols other than A-Z and 0-9 are not learnt.
        epochs: passes over the crops.
        seed: of the first weights, the order and the disturbances.

    Raises:
        PartregError: no crop at all, or a plate longer than 7 symbols.
    """
    rows = rows_with_plates(has)
    symbols, pictures = targets([texts[row] for row in rows]), torch.from_numpy(crops[rows])

    def loss(net: nn.Module, chosen: Tensor, rng: torch.Generator) -> Tensor:
        scores = net(disturbed(prepared(pictures[chosen]), rng))
        return F.cross_entropy(
            scores.flatten(0, 1), symbols[chosen].flatten(), ignore_index=UNKNOWN, label_smoothing=SMOOTHING
        )

    def order(rng: torch.Generator) -> Tensor:
        return torch.randperm(len(rows), generator=rng)

    return learn(Reader, loss, order, epochs, seed, RATE, "plate reader")


def read(reader: nn.Module, crops: np.ndarray, has: np.ndarray) -> list[str]:
    """Return what a reader reads on each of N crops, "" where there is no plate."""
    rows = np.flatnonzero(has)
    texts = [""] * len(has)
    for row, text in zip(rows, spelled(computed(reader, crops[rows])) if len(rows) else [], strict=True):
        texts[row] = text
    return texts


def rows_with_plates(has: np.ndarray) -> np.ndarray:
    """The rows that have a plate.

    Raises:
        PartregError: there are none.
    """
    rows = np.flatnonzero(has)
    if not len(rows):
        raise PartregError("plates.csv: expected plates of training images to learn from, found none; add them.")
    return rows


def learn(
    make: Callable[[], nn.Module],
    loss: Callable[[nn.Module, Tensor, torch.Generator], Tensor],
    order: Callable[[torch.Generator], Tensor],
    epochs: int,
    seed: int,
    rate: float,
    name: str,
) -> nn.Module:
    """Train a small net by Adam on one thread, so that every run gives the same; the rate falls to 0 along a cosine.

    Args:
        make: gives the untrained net.
        loss: (net, rows of a batch, rng) -> scalar.
        order: rng -> the rows of one epoch, in order.
        epochs: how many.
        seed: of everything random.
        rate: the highest learning rate.
        name: of the progress line.
    """
    with reproducible(1, CPU), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        rng = torch.Generator().manual_seed(seed + 1)
        net = make().to(memory_format=torch.channels_last).train()
        optimizer = torch.optim.Adam(net.parameters(), lr=rate, weight_decay=1e-4)
        with tqdm(total=epochs, desc=name, unit=" epochs", mininterval=1) as bar:
            for epoch in range(epochs):
                rows = order(rng)
                steps = max(1, len(rows) // BATCH)  # an epoch leaves the few last rows of its order out
                values = []
                for step, chosen in enumerate(rows[: steps * BATCH].split(BATCH)):
                    optimizer.param_groups[0]["lr"] = rate * rate_left((epoch + step / steps) / epochs)
                    optimizer.zero_grad()
                    value = loss(net, chosen, rng)
                    value.backward()
                    optimizer.step()
                    values.append(float(value.detach()))
                bar.set_postfix(loss=f"{np.mean(values):.3f}", refresh=False)
                bar.update()
    return net.eval()


def rate_left(done: float) -> float:
    """Return the share of the learning rate after a share of the training: up over the first 5%, then a cosine."""
    return min(1.0, 0.05 + done / 0.05) * 0.5 * (1 + math.cos(math.pi * done))


def computed(net: nn.Module, crops: np.ndarray) -> Tensor:
    """Compute the net's output for crops (N, 32, 96) uint8, in order, on one thread."""
    with reproducible(1, CPU), torch.inference_mode():
        return torch.cat([net(prepared(part)) for part in np.array_split(crops, max(1, math.ceil(len(crops) / 256)))])
