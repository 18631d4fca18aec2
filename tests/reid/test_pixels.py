import errno
import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from partreg.errors import PartregError
from partreg.reid import pixels
from partreg.reid.pixels import decode, decoded, fingerprint


def table(folder, names):
    return pd.DataFrame({"image": names, "path": [str(folder / name) for name in names], "vehicle": 0})


def flat(folder, name, color, size=(8, 4)):
    Image.new("RGB", size, color).save(folder / name)


def test_images_are_resized_and_red_comes_first(tmp_path):
    flat(tmp_path, "a.png", (200, 100, 50))
    Image.new("L", (5, 9), 7).save(tmp_path / "b.png")
    found = decoded(table(tmp_path, ["b.png", "a.png"]), 32, tmp_path / "cache")
    assert found.shape == (2, 32, 32, 3)
    assert found.dtype == np.uint8
    assert (found[0] == 7).all()
    assert (found[1] == (200, 100, 50)).all()


def test_an_image_is_decoded_once(tmp_path, monkeypatch):
    flat(tmp_path, "a.png", (1, 2, 3))
    first = decoded(table(tmp_path, ["a.png"]), 32, tmp_path / "cache")
    monkeypatch.setattr(pixels, "decode", lambda *_: pytest.fail("decoded again"))
    again = decoded(table(tmp_path, ["a.png"]), 32, tmp_path / "cache")
    assert np.array_equal(first, again)
    assert isinstance(again, np.memmap)
    assert not again.flags.writeable
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".npy"]


def test_the_fingerprint_tells_lists_and_rendered_sets_apart_but_not_folders(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        flat(folder, "a.png", 0)
        flat(folder, "b.png", 0)
    base = fingerprint(table(here, ["a.png", "b.png"]))
    assert fingerprint(table(there, ["a.png", "b.png"])) == base
    assert fingerprint(table(here, ["b.png", "a.png"])) != base
    assert fingerprint(table(here, ["a.png"])) != base
    flat(there, "b.png", 0, (64, 64))
    assert fingerprint(table(there, ["a.png", "b.png"])) != base


@pytest.mark.parametrize("cut", [0, 20, 200])
def test_an_image_that_is_cut_short_is_named(tmp_path, cut):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[:cut])
    with pytest.raises(PartregError, match=r"a\.jpg: not a readable image"):
        decode(tmp_path / "a.jpg", 32)
    with pytest.raises(PartregError, match=r"a\.jpg"):
        decoded(table(tmp_path, ["a.jpg"]), 32, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_missing_image_and_an_empty_list_are_named(tmp_path):
    with pytest.raises(PartregError, match=r"gone\.jpg: the image cannot be read"):
        decoded(table(tmp_path, ["gone.jpg"]), 32, tmp_path)
    with pytest.raises(PartregError, match="expected at least one image"):
        decoded(table(tmp_path, []), 32, tmp_path)


def test_a_full_disk_is_an_error_and_no_crash(drawn, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pixels.os, "posix_fallocate", full)
    with pytest.raises(PartregError, match="No space left on device"):
        pixels.decoded(drawn[0], 16, tmp_path)
    assert not list(tmp_path.iterdir())
