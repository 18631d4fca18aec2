import numpy as np

from partreg.figures.likeness import likeness_sheet


def test_each_network_has_a_line_and_equal_numbers_on_both_sides():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 256, (2, 30, 40, 3)).astype(np.uint8)
    pairs = rng.normal(size=(3, 3, 3, 3))
    figure = likeness_sheet(first, second, {"PR": pairs, "NoPR": -np.abs(pairs)})
    axes = figure.axes
    assert [ax.get_ylabel() for ax in axes] == ["pictures", "", "PR", "", "NoPR", ""]
    assert [[text.get_text() for text in ax.texts] for ax in axes] == [[], [], *[list("12345")] * 2, [], []]
    best = np.unravel_index(pairs.argmax(), pairs.shape)
    corners = [ax.patches[0].get_xy() for ax in axes[2:4]]
    assert np.allclose(corners[0], (best[1] * 40 / 3 - 0.5, best[0] * 10 - 0.5))
    assert np.allclose(corners[1], (best[3] * 40 / 3 - 0.5, best[2] * 10 - 0.5))
