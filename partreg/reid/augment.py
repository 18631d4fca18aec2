"""Augment a batch: pixels, part boxes and key points together (the paper names no augmentation: *assumed*).

One affine map flips, scales and moves each image with its boxes and key points. Boxes end at the picture's edge, and a
part that leaves the picture is missing from that image. The CPU draws the random numbers, a few for each image, so
that a seed means the same on every device; the images' device computes the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from partreg.datasets.side import KEYPOINTS
from partreg.parts.boxes import CAR, PartDefinition

SCALE = (0.87, 1.15)  # of the picture's sides; below 1 the vehicle becomes smaller, and edge pixels fill the rim
SHIFT = 0.06  # largest move, as a share of the side
BRIGHTNESS = 24.0  # largest shift of all pixels, of 255
CONTRAST = (0.8, 1.25)  # factor of the distance from the image's mean
NUMBERS = 11  # random numbers that an image needs
# Random erasing (Zhong et al. 2020): probability, share of the area, height to width.
ERASE = (0.5, (0.02, 0.4), (0.3, 3.3))
SIDES = {"left": "right", "right": "left"}
MIRRORED = [KEYPOINTS.index("_".join(SIDES.get(word, word) for word in point.split("_"))) for point in KEYPOINTS]


@dataclass(frozen=True)
class Draw:
    """Parameters of the augmentation of B images; tensors on the device of their random numbers, float32 but ``flip``.

    Attributes:
        flip: (B,) bool.
        scale: (B,) factor of the image's sides about its centre.
        shift: (B, 2) move in x and y after that, as shares of the side.
        contrast: (B,) factor of the distance from the image's mean.
        brightness: (B,) added to all pixels.
        erased: (B, 4) x0, y0, x1, y1, relative to the image, of the rectangle to paint over; none where x0 = x1.
    """

    flip: Tensor
    scale: Tensor
    shift: Tensor
    contrast: Tensor
    brightness: Tensor
    erased: Tensor


def random_numbers(batch: int, dropped: int, generator: torch.Generator) -> Tensor:
    """Draw all random numbers of a batch, on the CPU: (batch, 11) for `draw`, then (batch, ``dropped``) if any."""
    numbers = torch.rand(batch, NUMBERS, generator=generator)
    return torch.cat([numbers, torch.rand(batch, dropped, generator=generator)], 1) if dropped else numbers


def draw(numbers: Tensor, kinds: tuple[str, ...]) -> Draw:
    """Convert uniform random numbers (B, 11) to augmentations; kinds outside ``kinds`` change nothing.

    Each kind always uses the same numbers, so that two runs with the same seed share all kinds that both have.
    """
    uniform = numbers[:, :NUMBERS]
    affine, color = float("affine" in kinds), float("color" in kinds)
    return Draw(
        flip=(uniform[:, 0] < 0.5) & ("flip" in kinds),
        scale=_between(SCALE, uniform[:, 1]) ** affine,
        shift=(2 * uniform[:, 2:4] - 1) * SHIFT * affine,
        contrast=_between(CONTRAST, uniform[:, 4]) ** color,
        brightness=(2 * uniform[:, 5] - 1) * BRIGHTNESS * color,
        erased=_rectangles(uniform[:, 6:]) * ("erase" in kinds),
    )


def _rectangles(uniform: Tensor) -> Tensor:
    """Convert five numbers each to rectangles (B, 4): whether there is one, its area, shape and two of place."""
    probability, areas, shapes = ERASE
    area, shape = areas[0] + (areas[1] - areas[0]) * uniform[:, 1], _between(shapes, uniform[:, 2])
    size = torch.stack([(area / shape).sqrt(), (area * shape).sqrt()], 1).clamp(max=1)
    corner = (1 - size) * uniform[:, 3:]
    return torch.cat([corner, corner + size], 1) * (uniform[:, :1] < probability)


def _between(limits: tuple[float, float], uniform: Tensor) -> Tensor:
    """Convert uniform numbers to factors, evenly spread on the logarithmic scale."""
    low, high = limits
    return low * (high / low) ** uniform


def move_boxes(boxes: Tensor, drawn: Draw, definition: PartDefinition = CAR) -> Tensor:
    """Apply the affine map of ``drawn`` to boxes.

    Args:
        boxes: (B, K, 4) x0, y0, x1, y1 relative to the image, in the order of the definition, NaN where missing.
        drawn: one flip, scale and shift for each image.
        definition: the parts; in a flipped image the left light is the right one.

    Returns:
        The same shape, within [0, 1]; NaN where the part is missing or has left the picture.
    """
    corners = boxes.unflatten(-1, (2, 2))  # (B, K, corner, axis)
    flip = drawn.flip.to(boxes.device)[:, None, None]
    across = corners[..., 0]
    across = torch.where(flip, 1 - across.flip(-1), across)
    corners = torch.stack([across, corners[..., 1]], dim=-1)
    swapped = torch.stack([corners[:, part] for part in definition.mirrored], 1)
    corners = torch.where(flip[..., None], swapped, corners)
    scale, shift = drawn.scale.to(boxes)[:, None, None, None], drawn.shift.to(boxes)[:, None, None]
    corners = ((corners - 0.5) * scale + 0.5 + shift).clamp(0, 1)
    inside = (corners[:, :, 0] < corners[:, :, 1]).all(-1)
    return corners.flatten(-2).masked_fill(~inside[..., None], torch.nan)


def move_pixels(images: Tensor, drawn: Draw) -> Tensor:
    """Apply the affine map of ``drawn`` to images; edge pixels repeat beyond the picture's edge.

    Args:
        images: (B, 3, H, W), any number type.
        drawn: one flip, scale and shift for each image.

    Returns:
        The same shape, float32.
    """
    # A sampling grid says where each pixel of the result comes from, in [-1, 1] from edge to edge, so we invert the
    # map. Without a rotation, a column's place depends on x alone and a row's on y alone.
    batch, _, height, width = images.shape
    scale, sign = drawn.scale[:, None], 1 - 2 * drawn.flip[:, None].float()
    device = drawn.scale.device
    columns, rows = ((2 * torch.arange(side, device=device) + 1) / side - 1 for side in (width, height))
    grid = torch.empty(batch, height, width, 2, device=images.device)
    grid[..., 0] = ((columns - 2 * drawn.shift[:, :1]) / scale * sign).to(grid)[:, None, :]
    grid[..., 1] = ((rows - 2 * drawn.shift[:, 1:]) / scale).to(grid)[:, :, None]
    return F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)


def change_color(images: Tensor, drawn: Draw) -> Tensor:
    """Change brightness and contrast of images (B, 3, H, W) float32, within values 0 to 255."""
    mean = images.mean((1, 2, 3), keepdim=True)
    contrast, brightness = (value.to(images)[:, None, None, None] for value in (drawn.contrast, drawn.brightness))
    return torch.addcmul(mean * (1 - contrast) + brightness, images, contrast).clamp_(0, 255)


def move_points(points: Tensor, drawn: Draw) -> Tensor:
    """Apply the affine map of ``drawn`` to key points.

    A flipped image shows the vehicle's mirror image, whose left front wheel is where the right one was.

    Args:
        points: (B, 20, 3) x and y relative to the image, and 1 for a visible point, 0 for a hidden one, in the order of
            `partreg.datasets.side.KEYPOINTS`.
        drawn: one flip, scale and shift for each image.

    Returns:
        The same shape; a point that has left the picture is hidden.
    """
    flip = drawn.flip.to(points.device)[:, None]
    places, seen = points[..., :2], points[..., 2]
    mirrored = torch.stack([1 - places[:, MIRRORED, 0], places[:, MIRRORED, 1]], dim=-1)
    places = torch.where(flip[..., None], mirrored, places)
    seen = torch.where(flip, seen[:, MIRRORED], seen)
    scale, shift = drawn.scale.to(points)[:, None, None], drawn.shift.to(points)[:, None]
    places = (places - 0.5) * scale + 0.5 + shift
    inside = ((places >= 0) & (places <= 1)).all(-1)
    return torch.cat([places, (seen * inside)[..., None]], dim=-1)


def erase(images: Tensor, drawn: Draw) -> Tensor:
    """Paint a rectangle of each image in the image's mean colour; images (B, 3, H, W) float32."""
    height, width = images.shape[-2:]
    x0, y0, x1, y1 = (side[:, None] for side in drawn.erased.to(images).unbind(1))
    columns = (torch.arange(width, device=images.device) + 0.5) / width
    rows = (torch.arange(height, device=images.device) + 0.5) / height
    inside = ((rows >= y0) & (rows < y1))[:, None, :, None] & ((columns >= x0) & (columns < x1))[:, None, None, :]
    return torch.where(inside, images.mean((2, 3), keepdim=True), images)


def drop_parts(boxes: Tensor, probability: float, numbers: Tensor, definition: PartDefinition = CAR) -> Tensor:
    """Remove parts from images at random, both lights together; an extension of this book, not of the paper.

    Args:
        boxes: (B, K, 4) in the order of the definition, NaN where missing.
        probability: of each part, 0 to 1.
        numbers: (B, branches) uniform random numbers.
        definition: the parts.
    """
    dropped = numbers < probability
    gone = torch.stack([dropped[:, branch] for branch in definition.branch_of], 1)
    return boxes.masked_fill(gone.to(boxes.device)[..., None], torch.nan)


def augment(
    images: Tensor,
    targets: dict[str, Tensor],
    kinds: tuple[str, ...],
    numbers: Tensor,
    definition: PartDefinition = CAR,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Augment a batch of images (B, 3, H, W), values 0 to 255, with their targets.

    Args:
        images: the pixels.
        targets: by name; "boxes" and "keypoints" move with the pixels, others stay the same.
        kinds: some of `partreg.reid.run.AUGMENTATIONS`.
        numbers: (B, 11) uniform random numbers, from `random_numbers`.
        definition: the parts that "boxes" are of.

    Returns:
        Images, float32, and targets.
    """
    drawn, moved = draw(numbers, kinds), dict(targets)
    if "boxes" in moved:
        moved["boxes"] = move_boxes(moved["boxes"], drawn, definition)
    if "keypoints" in moved:
        moved["keypoints"] = move_points(moved["keypoints"], drawn)
    images = move_pixels(images, drawn) if {"flip", "affine"} & set(kinds) else images.float()
    images = change_color(images, drawn) if "color" in kinds else images
    return erase(images, drawn) if "erase" in kinds else images, moved
