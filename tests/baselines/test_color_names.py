import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab

from partreg.baselines.color_names import COLORS, PROTOTYPES, WIDTH, color_names, table


def name(red, green, blue):
    return COLORS[color_names(np.array([red, green, blue], dtype=np.uint8)).argmax()]


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ((0, 0, 0), "black"),
        ((0, 0, 255), "blue"),
        ((100, 60, 30), "brown"),
        ((128, 128, 128), "grey"),
        ((0, 255, 0), "green"),
        ((255, 140, 0), "orange"),
        ((255, 180, 200), "pink"),
        ((128, 0, 128), "purple"),
        ((255, 0, 0), "red"),
        ((255, 255, 255), "white"),
        ((255, 255, 0), "yellow"),
    ],
)
def test_pure_colors_have_their_names(color, expected):
    assert name(*color) == expected
    assert color_names(np.array(color, dtype=np.uint8)).max() > 0.5


def test_each_prototype_has_its_own_name():
    assert len(COLORS) == 11
    for expected, colors in PROTOTYPES.items():
        assert {name(*color) for color in colors} == {expected}


def test_the_table_is_a_probability():
    assert table().shape == (32, 32, 32, 11)
    assert table().min() >= 0
    np.testing.assert_allclose(table().sum(axis=-1), 1, atol=1e-6)


def test_a_gray_between_two_prototypes_by_hand():
    # Grays differ in lightness alone, so the distance to a name is that in L to its nearest gray prototype.
    lightness = {gray: rgb2lab(np.array([gray, gray, gray]) / 255)[0] for gray in (212, 185, 230)}
    grey, white = (np.exp(-((lightness[212] - lightness[p]) ** 2) / (2 * WIDTH**2)) for p in (185, 230))
    # 208 to 215 share a level, its centre is 212.
    found = color_names(np.array([[208] * 3, [215] * 3], dtype=np.uint8))
    assert found[0].tolist() == found[1].tolist()
    ratio = found[0, COLORS.index("white")] / found[0, COLORS.index("grey")]
    assert ratio == pytest.approx(white / grey, rel=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_a_pixel_is_looked_up_by_its_levels(color):
    red, green, blue = (value // 8 for value in color)
    found = color_names(np.array([[color]], dtype=np.uint8))
    assert found.shape == (1, 1, 11)
    assert found[0, 0].tolist() == table()[red, green, blue].tolist()


def test_the_table_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        table()[0] = 0
