import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.parts.cells import branch_cells, covered_cells

NAN = [float("nan")] * 4


def picture(marked):
    return ["".join(".#"[int(cell)] for cell in row) for row in marked]


def test_a_box_marks_every_cell_it_overlaps():
    # Sides at 0.3 and 0.6 of 4 cells: cells 1 and 2 across; 0.1 to 0.2 lies within cell 0 down.
    assert picture(covered_cells(torch.tensor([0.3, 0.1, 0.6, 0.2]), 4)) == [".##.", "....", "....", "...."]


def test_a_box_exactly_on_cell_borders_marks_no_neighbour():
    assert picture(covered_cells(torch.tensor([0.25, 0.25, 0.5, 0.75]), 4)) == ["....", ".#..", ".#..", "...."]


@pytest.mark.parametrize("grid", [3, 5, 6, 7, 12, 16])
def test_borders_that_float32_cannot_hold_mark_no_neighbour(grid):
    for cell in range(grid):
        box = torch.tensor([cell / grid, 0, (cell + 1) / grid, 1], dtype=torch.float32)
        assert covered_cells(box, grid).any(dim=0).nonzero().flatten().tolist() == [cell]


def test_a_box_a_little_over_a_border_marks_the_neighbour():
    assert picture(covered_cells(torch.tensor([0.25, 0.25, 0.51, 0.49]), 4)) == ["....", ".##.", "....", "...."]


def test_the_whole_image_marks_all_and_a_missing_box_nothing():
    marked = covered_cells(torch.tensor([[0.0, 0, 1, 1], NAN, [0.5, 0.5, 0.5, 0.5], [1.2, 0.1, 1.4, 0.3]]), 3)
    assert marked[0].all()
    assert not marked[1:].any()


def test_rows_are_y_and_columns_are_x():
    assert picture(covered_cells(torch.tensor([0.0, 0.6, 0.4, 1.0]), 2)) == ["..", "#."]


def test_branches_light_is_left_and_right_together():
    boxes = torch.tensor(
        [[[0, 0, 1, 0.5], [0, 0.5, 0.5, 1], [0.5, 0.5, 1, 1], [0, 0.5, 1, 1]], [NAN, [0, 0.5, 0.5, 1], NAN, NAN]]
    )
    marked = branch_cells(boxes, ("window", "light", "brand"), 2)
    assert [picture(m) for m in marked[0]] == [["##", ".."], ["..", "##"], ["..", "##"]]
    assert [picture(m) for m in marked[1]] == [["..", ".."], ["..", "#."], ["..", ".."]]
    assert branch_cells(boxes, ("brand",), 2).shape == (2, 1, 2, 2)
    assert branch_cells(boxes, (), 2).shape == (2, 0, 2, 2)


low = st.floats(0, 0.98)


@settings(deadline=None)
@given(low, low, st.floats(0.01, 1), st.floats(0.01, 1), st.integers(1, 16))
def test_cells_cover_the_box_and_nothing_beyond_a_cell(x0, y0, wide, high, grid):
    box = torch.tensor([x0, y0, min(x0 + wide, 1), min(y0 + high, 1)])
    marked = covered_cells(box, grid)
    across, down = marked.any(0).nonzero().flatten(), marked.any(1).nonzero().flatten()
    assert marked.sum() == len(across) * len(down) > 0  # a filled rectangle
    slack = 2e-4
    assert across[0] / grid <= box[0] + slack
    assert (across[-1] + 1) / grid >= box[2] - slack
    assert across[0] + 1 > box[0] * grid - slack
    assert across[-1] < box[2] * grid + slack


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(0, 5))
def test_a_batch_is_its_images_one_by_one(grid, seed):
    boxes = torch.rand((3, 4, 4), generator=torch.Generator().manual_seed(seed))
    boxes = torch.cat(
        [torch.minimum(boxes[..., :2], boxes[..., 2:]), torch.maximum(boxes[..., :2], boxes[..., 2:])], dim=-1
    )
    together = covered_cells(boxes, grid)
    for image in range(3):
        for part in range(4):
            assert torch.equal(together[image, part], covered_cells(boxes[image, part], grid))
