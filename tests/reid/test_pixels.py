import errno
import os
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from partreg.datasets import contents
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
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 1


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


def test_pictures_of_one_name_and_size_are_told_apart_by_what_they_hold(tmp_path):
    folders = {value: tmp_path / str(value) for value in (10, 200)}
    for value, folder in folders.items():
        folder.mkdir()
        flat(folder, "frame.bmp", (value, value, value))
        os.utime(folder / "frame.bmp", (1, 1))
    found = {value: decoded(table(folder, ["frame.bmp"]), 32, tmp_path / "pixels") for value, folder in folders.items()}
    assert {value: int(pixels.mean()) for value, pixels in found.items()} == {10: 10, 200: 200}


@pytest.mark.parametrize("age", [0, 3600])
def test_a_replaced_picture_is_decoded_again(tmp_path, age, monkeypatch):
    """Also one of the same size and times, in a file that was known for long."""
    images, now = table(tmp_path, ["frame.bmp"]), contents.time.time() + age
    flat(tmp_path, "frame.bmp", (10, 10, 10))
    times = os.stat(tmp_path / "frame.bmp").st_mtime_ns
    monkeypatch.setattr(contents.time, "time", lambda: now)
    assert decoded(images, 32, tmp_path / "pixels").mean() == 10
    assert (tmp_path / "pixels" / "contents.json").exists() is (age > 0)
    time.sleep(0.02)  # a tick of the file system's clock
    flat(tmp_path, "frame.bmp", (200, 200, 200))
    os.utime(tmp_path / "frame.bmp", ns=(times, times))
    assert decoded(images, 32, tmp_path / "pixels").mean() == 200


def test_a_known_picture_is_not_read_again_in_this_process_or_another(tmp_path, monkeypatch):
    images = table(tmp_path, ["a.png"])
    flat(tmp_path, "a.png", 0)
    later = contents.time.time() + 3600
    monkeypatch.setattr(contents.time, "time", lambda: later)
    first = fingerprint(images, tmp_path / "pixels")
    monkeypatch.setattr(contents, "_hash", lambda name: pytest.fail(f"{name} was read again"))
    assert fingerprint(images, tmp_path / "pixels") == first
    monkeypatch.setattr(contents, "_known", {})
    monkeypatch.setattr(contents, "_read", set())
    assert fingerprint(images, tmp_path / "pixels") == first


@pytest.mark.parametrize("spoilt", ["", "[1]", '{"a": 3}', "{"])
def test_a_spoilt_ledger_is_passed_over(tmp_path, spoilt):
    flat(tmp_path, "a.png", 0)
    expected = fingerprint(table(tmp_path, ["a.png"]))
    (tmp_path / "pixels").mkdir()
    (tmp_path / "pixels" / "contents.json").write_text(spoilt)
    assert fingerprint(table(tmp_path, ["a.png"]), tmp_path / "pixels") == expected


@pytest.mark.parametrize("cut", [0, 20, 200])
def test_an_image_that_is_cut_short_is_named(tmp_path, cut):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[:cut])
    with pytest.raises(PartregError, match=r"a\.jpg: not a readable image"):
        decode(tmp_path / "a.jpg", 32)
    with pytest.raises(PartregError, match=r"a\.jpg"):
        decoded(table(tmp_path, ["a.jpg"]), 32, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.npy"))


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
    assert not list(tmp_path.rglob("*.npy"))
