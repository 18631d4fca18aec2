"""Pictures as people bring them: turned, deep, in other colours, broken."""

import io

import numpy as np
import pytest
from PIL import Image

from partreg.datasets.check import check
from partreg.datasets.pictures import fault, open_picture, picture_header, picture_size, read_picture
from partreg.errors import PartregError
from partreg.parts.detector import read_fitted
from partreg.reid.pixels import decode

CORNERS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [255, 255, 255], [128, 128, 128]]], np.uint8)


def saved(path, image, **how):
    image.save(path, **how)
    return path


def turned(path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(path, Image.fromarray(CORNERS), exif=exif)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, CORNERS),
        (3, CORNERS[::-1, ::-1]),
        (6, np.rot90(CORNERS, -1)),
        (8, np.rot90(CORNERS, 1)),
        (2, CORNERS[:, ::-1]),
    ],
)
def test_a_turned_photograph_is_set_upright_for_all(tmp_path, orientation, upright):
    path = turned(tmp_path / "a.png", orientation)
    assert read_picture(path).tolist() == upright.tolist()
    assert picture_size(path) == (upright.shape[1], upright.shape[0])
    # People, detector and network see the same pixels.
    assert read_fitted(path, 64)[..., ::-1].tolist() == upright.tolist()
    plain = saved(tmp_path / "b.png", Image.fromarray(upright.copy()))
    assert decode(path, 4).tolist() == decode(plain, 4).tolist()


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_of_grey_become_eight(tmp_path, suffix):
    deep = np.array([[0, 257, 32_768, 65_535]], np.uint16)
    path = saved(tmp_path / f"deep.{suffix}", Image.fromarray(deep))
    assert read_picture(path)[0, :, 0].tolist() == [0, 1, 127, 255]
    assert np.ptp(read_picture(path), axis=2).max() == 0


def test_cmyk_palette_grey_and_transparency_become_rgb(tmp_path):
    flat = Image.new("RGB", (8, 6), (200, 40, 90))
    found = {
        "cmyk.jpg": saved(tmp_path / "cmyk.jpg", flat.convert("CMYK"), quality=95),
        "palette.png": saved(tmp_path / "palette.png", flat.convert("P", palette=Image.Palette.ADAPTIVE)),
        "alpha.png": saved(tmp_path / "alpha.png", flat.convert("RGBA")),
        "bit.png": saved(tmp_path / "bit.png", Image.new("1", (8, 6), 1)),
    }
    for name, path in found.items():
        pixels = read_picture(path)
        assert (pixels.shape, pixels.dtype) == ((6, 8, 3), np.uint8)
        expected = (255, 255, 255) if name == "bit.png" else (200, 40, 90)
        assert np.abs(pixels.astype(int) - expected).max() <= 4, name
        assert open_picture(path).mode == "RGB"


def broken(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG")
    files = {
        "empty.jpg": b"",
        "cut.jpg": buffer.getvalue()[:900],
        "text.jpg": b"not a picture",
        "cut.png": b"\x89PNG\r\n\x1a\n\x00",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    Image.fromarray(np.array([[0.5, 2.0]], np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(np.array([[0, 70_000]], np.int32)).save(tmp_path / "wide.tif")
    return [*files, "float.tif", "wide.tif", "missing.jpg"]


def test_broken_pictures_end_in_a_sentence_for_every_reader(tmp_path):
    for name in broken(tmp_path):
        for read in (read_picture, lambda path: decode(path, 8), lambda path: read_fitted(path, 8)):
            with pytest.raises(PartregError, match=rf"{name}: (not a readable image|no such picture).*partreg check"):
                read(tmp_path / name)


def test_check_names_every_broken_picture(tmp_path):
    names = broken(tmp_path)
    Image.new("RGB", (3, 3)).save(tmp_path / "good.png")
    (tmp_path / "images.csv").write_text("path,vehicle\n" + "".join(f"{name},1\n" for name in [*names, "good.png"]))
    told = {
        name: any(name in p.message for p in check(tmp_path, decode=True).problems) for name in [*names, "good.png"]
    }
    assert told == {**dict.fromkeys(names, True), "good.png": False}
    heads = [problem.message for problem in check(tmp_path).problems]
    assert len(heads) == 4, "headers alone find what is empty, no picture, or missing"


def test_a_long_thin_picture_is_read(tmp_path):
    path = saved(tmp_path / "thin.png", Image.new("L", (20_000, 3), 7))
    assert read_picture(path).shape == (3, 20_000, 3)
    assert decode(path, 8).shape == (8, 8, 3)
    assert read_fitted(path, 64).shape == (1, 64, 3)
    assert fault(path, decode=True) == ""


@pytest.mark.parametrize("name", ["with space.png", "ü車.png", "-dash.png", "a'b\"c.png", "x" * 200 + ".png"])
def test_names_of_any_letters_are_read(tmp_path, name):
    path = saved(tmp_path / name, Image.new("RGB", (4, 4), (9, 8, 7)))
    assert read_picture(path)[0, 0].tolist() == [9, 8, 7]
    assert read_fitted(path, 8)[0, 0].tolist() == [7, 8, 9]
    saved(tmp_path / "again.png", Image.new("RGB", (4, 4)))
    (tmp_path / "images.csv").write_text('path,vehicle\nagain.png,1\n"' + name.replace('"', '""') + '",1\n')
    assert check(tmp_path, decode=True).problems == []


def test_a_link_is_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    saved(tmp_path / "elsewhere" / "a.png", Image.new("RGB", (4, 4), (9, 8, 7)))
    (tmp_path / "a.png").symlink_to("elsewhere/a.png")
    assert read_picture(tmp_path / "a.png")[0, 0].tolist() == [9, 8, 7]


def test_the_header_says_how_a_picture_is_stored_and_turned(tmp_path):
    assert picture_header(turned(tmp_path / "a.png", 6)) == (3, 2, 6)
    assert picture_header(turned(tmp_path / "b.png", 0)) == picture_header(turned(tmp_path / "c.png", 9)) == (3, 2, 1)


def test_a_truncated_picture_names_the_check_that_finds_it(tmp_path):
    broken(tmp_path)
    with pytest.raises(PartregError, match=r"cut.jpg: .*run `partreg check --decode`"):
        read_picture(tmp_path / "cut.jpg")
