"""Section 3.2, "Part-based Feature Extraction and Aggregation": from a part's box to the cells of the feature map.

"We divided the input image into an S x S grid where S x S equals the spatial size of the global feature map. Every grid
cell overlapped with the ROI would be marked as that part."

So cell i is the i-th strip of the picture (*assumed*). The receptive field of a ResNet's neuron i has its centre 0.4 to
0.5 of a cell further up and left; for SqueezeNet it is 0.1 to 0.2 down and right. See the page on assumptions.
"""

from __future__ import annotations

import torch

from partreg.parts.boxes import definition_of

TOUCH = 1e-4  # cells; an overlap thinner than this is a touch, so that float32 rounding cannot mark a neighbour


def covered_cells(boxes: torch.Tensor, grid: int) -> torch.Tensor:
    """Mark every grid cell that a box overlaps; a box that only touches a cell's edge does not overlap it.

    >>> box = torch.tensor([0.3, 0.0, 0.9, 0.4])
    >>> covered_cells(box, 4).int()
    tensor([[0, 1, 1, 1],
            [0, 1, 1, 1],
            [0, 0, 0, 0],
            [0, 0, 0, 0]], dtype=torch.int32)

    Returns:
        (..., S, S) bool, row (y) before column (x), for corners x0, y0, x1, y1 (..., 4) relative to the image; empty
        for a missing box (NaN) and for one outside the image.
    """
    low = torch.arange(grid, device=boxes.device, dtype=boxes.dtype)
    x0, y0, x1, y1 = (boxes.unsqueeze(-1) * grid).unbind(-2)
    # Comparisons with NaN are false, so a missing box marks nothing.
    columns = (x0 < low + 1 - TOUCH) & (x1 > low + TOUCH) & (x1 > x0)
    rows = (y0 < low + 1 - TOUCH) & (y1 > low + TOUCH) & (y1 > y0)
    return rows.unsqueeze(-1) & columns.unsqueeze(-2)


def branch_cells(boxes: torch.Tensor, parts: tuple[str, ...], grid: int) -> torch.Tensor:
    """Mark the cells of each part branch; the light branch pools the left and the right light together (*assumed*).

    Returns:
        (B, len(parts), S, S) bool for boxes (B, K, 4) in the order of the parts' definition, see `covered_cells`.
    """
    marked, definition = covered_cells(boxes, grid), definition_of(parts)
    boxes_of = [[marked[:, definition.boxes.index(name)] for name in definition.branches[part]] for part in parts]
    branches = [torch.stack(masks).any(dim=0) for masks in boxes_of]
    return torch.stack(branches, dim=1) if branches else marked[:, :0]
