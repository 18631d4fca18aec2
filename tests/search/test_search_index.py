"""An index holds what it should, is brought up to date, and survives a kill."""

import os
import shutil

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from partreg import files
from partreg.__main__ import commands
from partreg.datasets.images import images_table
from partreg.errors import PartregError
from partreg.reid.features import extract, load
from partreg.reid.pixels import decode
from partreg.search import index as indexing
from partreg.search.extract import features_of, load_network
from partreg.search.index import index_folder
from partreg.search.pictures import find_pictures
from partreg.search.store import read_index
from tests.search.conftest import RUN, draw, saved

NAMES = ["c.png", "d ü,1.png", "lot/a.png", "lot/b.JPG"]


def computed(monkeypatch) -> list[str]:
    """The names of the pictures that are computed from now on."""
    seen, before = [], indexing.batches

    def batches(network, paths):
        seen.extend(path.name for path in paths)
        return before(network, paths)

    monkeypatch.setattr(indexing, "batches", batches)
    return seen


def test_an_index_has_the_features_that_the_library_extracts(pictures, network, tmp_path):
    done = index_folder(pictures, network)
    assert done.index.folder == tmp_path / "photos.index"
    assert (done.extracted, done.left_out) == (4, {})
    index = read_index(done.index.folder)
    assert index.names == NAMES
    table = images_table({"image": NAMES, "path": [str(pictures / name) for name in NAMES], "vehicle": [0] * 4})
    np.testing.assert_array_equal(index.features, extract(network, table, pixels=tmp_path / "pixels", device="cpu"))


def test_only_new_and_changed_pictures_are_computed(pictures, network, indexed, monkeypatch):
    before = read_index(indexed)
    seen = computed(monkeypatch)
    assert index_folder(pictures).extracted == 0
    draw(pictures / "lot/a.png", 9)
    draw(pictures / "e.png", 5)
    (pictures / "lot/b.JPG").rename(pictures / "moved.jpg")
    (pictures / "c.png").unlink()
    done = index_folder(pictures)
    assert sorted(seen) == ["a.png", "e.png"]
    assert done.index.names == ["d ü,1.png", "e.png", "lot/a.png", "moved.jpg"]
    np.testing.assert_array_equal(done.index.features[3], before.features[3])
    assert not np.array_equal(done.index.features[2], before.features[2])
    kept = sorted(path.name for path in indexed.glob("*-*"))
    assert kept == [f"features-{done.index.state}.npy", f"pictures-{done.index.state}.csv"]


def test_equal_pictures_are_computed_once(pictures, network, monkeypatch):
    shutil.copy(pictures / "c.png", pictures / "copy.png")
    seen = computed(monkeypatch)
    index = index_folder(pictures, network).index
    assert len(seen) == 4
    assert index.names[:2] == ["c.png", "copy.png"]
    np.testing.assert_array_equal(index.features[0], index.features[1])


def test_a_kill_leaves_the_old_index_whole_and_loses_no_work(pictures, network, indexed, monkeypatch):
    before = read_index(indexed)
    monkeypatch.setattr("partreg.search.extract.BATCH", 1)
    for number in range(3):
        draw(pictures / f"new{number}.png", 20 + number)
    whole = indexing.batches

    def killed(network, paths):
        for number, batch in enumerate(whole(network, paths)):
            if number == 2:
                raise KeyboardInterrupt
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(indexing, "batches", killed)
        with pytest.raises(KeyboardInterrupt):
            index_folder(pictures)
    after = read_index(indexed)
    assert after.names == before.names
    np.testing.assert_array_equal(after.features, before.features)
    seen = computed(monkeypatch)
    assert len(index_folder(pictures).index.names) == 7
    assert seen == ["new2.png"]
    assert not (indexed / indexing.UNFINISHED).exists()


def test_features_are_kept_on_the_way(pictures, network, monkeypatch):
    monkeypatch.setattr("partreg.search.extract.BATCH", 1)
    monkeypatch.setattr(indexing, "KEEP", 0)
    kept, save = [], np.savez

    def seen(file, **arrays):
        kept.append(len(arrays["features"]))
        save(file, **arrays)

    monkeypatch.setattr(np, "savez", seen)
    index_folder(pictures, network)
    assert kept == [1, 2, 3, 4]


@pytest.mark.parametrize("step", ["features", "index.json"])
def test_a_kill_while_files_are_written_leaves_the_old_index_whole(pictures, indexed, monkeypatch, step):
    before = read_index(indexed)
    draw(pictures / "new.png", 30)
    replace = os.replace

    def killed(source, target):
        if target.name.startswith(step):
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            index_folder(pictures)
    assert read_index(indexed).names == before.names
    assert "new.png" in index_folder(pictures).index.names
    assert len(list(indexed.glob("features-*"))) == 1


@pytest.mark.parametrize("spoilt", [b"", b"PK\x03\x04 no archive"])
def test_spoilt_unfinished_work_is_done_again(pictures, network, tmp_path, spoilt):
    (tmp_path / "photos.index").mkdir()
    (tmp_path / "photos.index" / indexing.UNFINISHED).write_bytes(spoilt)
    assert index_folder(pictures, network).extracted == 4


def test_broken_pictures_are_named_left_out_and_counted(pictures, network):
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    (pictures / "cut.png").write_bytes((pictures / "c.png").read_bytes()[:300])
    done = CliRunner().invoke(commands, ["index", str(pictures), "--network", str(network)])
    assert done.exit_code == 1
    assert "broken.jpg: left out (no format of pictures" in done.output
    assert "cut.png: left out (" in done.output
    assert "4 pictures, 4 of them new or changed; left out: 2" in done.output
    (pictures / "broken.jpg").unlink()
    (pictures / "cut.png").unlink()
    assert CliRunner().invoke(commands, ["index", str(pictures)]).exit_code == 0


def test_a_picture_of_too_many_pixels_is_left_out(pictures, network, monkeypatch):
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 100)
    with pytest.raises(PartregError, match=r"none of the 4 pictures can be read \(Image size"):
        index_folder(pictures, network)


def test_links_out_of_the_folder_and_things_that_are_no_files_are_left_out(pictures, tmp_path):
    outside = draw(tmp_path / "outside.png", 3)
    (pictures / "link.png").symlink_to(outside)
    (pictures / "inner.png").symlink_to("c.png")
    (pictures / "linked").symlink_to(tmp_path)
    (pictures / "gone.png").symlink_to("nothing.png")
    os.mkfifo(pictures / "pipe.png")
    (pictures / ".hidden.png").touch()
    (pictures / "note.txt").touch()
    draw(pictures / "two\nlines.png", 4)
    names, left_out = find_pictures(pictures)
    assert names == ["c.png", "d ü,1.png", "inner.png", "lot/a.png", "lot/b.JPG"]
    assert left_out == {
        "link.png": "a link that leads out of the folder",
        "linked": "a link to a folder, which is not followed",
        "gone.png": "no file",
        "pipe.png": "no file",
        "two\nlines.png": "a name that is not UTF-8, or has control characters",
    }


def test_a_name_that_is_not_utf8_is_left_out(tmp_path):
    try:
        with open(os.path.join(os.fsencode(tmp_path), b"\xff.png"), "wb"):
            pass
    except OSError:
        pytest.skip("this file system takes no such name")
    assert list(find_pictures(tmp_path)[1].values()) == ["a name that is not UTF-8, or has control characters"]


def test_folders_without_pictures_are_refused(tmp_path, network):
    with pytest.raises(PartregError, match="expected a folder of pictures, found no such folder"):
        index_folder(tmp_path / "none", network)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PartregError, match=r"expected pictures such as \.jpg or \.png, found none"):
        index_folder(tmp_path / "empty", network)


def test_networks_are_not_mixed(pictures, indexed, other_network):
    before = read_index(indexed)
    with pytest.raises(PartregError, match="made by a network with other weights"):
        index_folder(pictures, other_network)
    assert read_index(indexed).names == before.names


def test_the_network_may_move_and_must_be_there(pictures, network, tmp_path):
    moved = shutil.copytree(network, tmp_path / "moved")
    folder = index_folder(pictures, moved).index.folder
    moved = moved.rename(tmp_path / "away")
    with pytest.raises(PartregError, match="is not there any more; say where it is by --network FOLDER"):
        index_folder(pictures)
    assert index_folder(pictures, moved).extracted == 0
    assert read_index(folder).network == moved


def test_an_onnx_file_makes_an_index_and_searches_it(pictures, network, tmp_path):
    from partreg.reid.export import to_onnx
    from partreg.search.answer import answer

    model, folder = tmp_path / "network.onnx", tmp_path / "onnx.index"
    to_onnx(network, model)
    command = ["index", str(pictures), "--model", str(model), "--to", str(folder)]
    assert CliRunner().invoke(commands, command).exit_code == 0
    index = read_index(folder)
    assert (index.names, index.network, index.weights) == (NAMES, model, files.sha256(model))
    shown = torch.from_numpy(np.stack([decode(pictures / name, RUN.size) for name in NAMES])).permute(0, 3, 1, 2)
    with torch.inference_mode():  # float32, whatever this processor computes faster
        expected = load(network)[1](shown).feature.numpy()
    np.testing.assert_allclose(index.features, expected, atol=1e-4)
    (found,) = answer(index, [pictures / "c.png"]).lists
    assert (found.hits[0].name, found.hits[0].distance) == ("c.png", pytest.approx(0, abs=1e-3))
    assert index_folder(pictures, to=folder).extracted == 0
    moved = model.rename(tmp_path / "moved.onnx")
    with pytest.raises(PartregError, match=r"not there any more; say where it is by .* --model FILE\.onnx"):
        answer(index, [pictures / "c.png"])
    done = CliRunner().invoke(commands, ["search", str(folder), str(pictures / "c.png"), "--model", str(moved)])
    assert done.exit_code == 0, done.output


def test_another_onnx_file_is_refused(pictures, network, other_network, tmp_path):
    from partreg.reid.export import to_onnx

    for name, folder in [("one", network), ("two", other_network)]:
        to_onnx(folder, tmp_path / f"{name}.onnx")
    to = index_folder(pictures, tmp_path / "one.onnx").index.folder
    for other in (tmp_path / "two.onnx", network):
        with pytest.raises(PartregError, match="made by a network with other weights"):
            index_folder(pictures, other, to)


def test_what_is_no_network_is_refused(pictures, tmp_path):
    for given, words in [
        ("", "give the folder of a trained one"),
        (tmp_path, "no trained network, for run.json and weights.pt cannot be found there"),
        (pictures / "c.png", "no trained network"),
        (tmp_path / "none", "no trained network"),
    ]:
        with pytest.raises(PartregError, match=words):
            index_folder(pictures, given)
    assert not (tmp_path / "photos.index").exists()
    boxes = saved(tmp_path / "boxes", RUN.changed(parts=("window",), use_global=False))
    with pytest.raises(PartregError, match="needs boxes of parts"):
        index_folder(pictures, boxes)


def test_an_index_does_not_lie_among_the_pictures(network, pictures):
    before = sorted(pictures.rglob("*"))
    with pytest.raises(PartregError, match="--to is the folder of the pictures; give the index a folder of its own"):
        index_folder(pictures, network, pictures)
    assert sorted(pictures.rglob("*")) == before


def test_an_index_of_another_folder_is_not_overwritten(pictures, indexed, network, tmp_path):
    draw(tmp_path / "others" / "x.png", 1)
    with pytest.raises(PartregError, match=r"an index of .*photos, not of .*others"):
        index_folder(tmp_path / "others", network, indexed)
    pictures.rename(tmp_path / "renamed")
    assert index_folder(tmp_path / "renamed", network, indexed).extracted == 0


def test_a_query_that_cannot_be_read_is_refused(network, tmp_path):
    loaded = load_network(network)
    with pytest.raises(PartregError, match=r"x\.png: expected a picture \(no such file\)"):
        features_of(loaded, [tmp_path / "x.png"])
    with pytest.raises(PartregError, match=r"expected a picture \(a folder\)"):
        features_of(loaded, [tmp_path])


def test_features_that_are_nan_are_refused(pictures, tmp_path):
    broken = saved(tmp_path / "broken")
    state = torch.load(broken / "weights.pt", weights_only=True)
    state["network"]["gain"] = torch.tensor(float("nan"))
    files.write_weights(broken / "weights.pt", state)
    with pytest.raises(PartregError, match="broken: the network's features hold NaN"):
        index_folder(pictures, broken)


def spoil(folder, name, change):
    path = next(folder.glob(name))
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("index.json", lambda text: text[:40], "expected JSON"),
        ("index.json", lambda text: text.replace(b'"weights"', b'"weight"'), "'weight' is unknown"),
        ("index.json", lambda text: text.replace(b'"state": "', b'"state": "../'), "expected 12 hexadecimal digits"),
        ("pictures-*", lambda text: text.replace(b"c.png", b"../../c.png"), "leads out of this folder"),
        ("pictures-*", lambda text: text.replace(b"c.png", b"/etc/c.png"), "leads out of this folder"),
        ("pictures-*", lambda text: text.replace(b"path,content", b"a,b"), ":1: expected the heading"),
        ("pictures-*", lambda text: text.replace(b"c.png,", b"c.png,x"), ":2: expected a path and 16 hexadecimal"),
        ("pictures-*", lambda text: text[: text.index(b"lot/b")], "expected 3 rows of float32, one a line"),
        ("pictures-*", lambda text: b"\xff\xfe\x00", "could not be read as UTF-8"),
        ("features-*", lambda text: text[:-9], "expected an array of numbers"),
        ("features-*", lambda text: text[:-4] + np.float32(np.nan).tobytes(), "hold NaN or infinite values"),
        ("features-*", lambda text: text.replace(b"<f4", b"<i4"), "found 4 rows of int32"),
        ("features-*", lambda text: text[:-1] + bytes([text[-1] ^ 1]), "are not what was written"),
        ("pictures-*", lambda text: text.replace(b"c.png", b"d.png"), "are not what was written"),
    ],
)
def test_a_damaged_index_is_refused_in_a_sentence(indexed, name, change, words):
    spoil(indexed, name, change)
    with pytest.raises(PartregError, match=words) as caught:
        read_index(indexed)
    assert str(caught.value).startswith(f"{indexed}: the index is damaged (")


def test_an_index_of_another_version_is_not_called_damaged(indexed):
    spoil(indexed, "index.json", lambda text: text.replace(b'"version": 1', b'"version": 2'))
    with pytest.raises(PartregError, match="is of version 2, and this partreg reads version 1; make another one"):
        read_index(indexed)


def test_files_of_ones_own_beside_an_index_stay(pictures, network, tmp_path):
    for name in ("pictures-2024.csv", "features-resnet.npy", "cells-old.faiss"):
        (tmp_path / name).write_bytes(b"mine")
    index_folder(pictures, network, str(tmp_path))
    (pictures / "c.png").unlink()
    index_folder(pictures, network, str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file() and path.read_bytes() == b"mine") == [
        "cells-old.faiss",
        "features-resnet.npy",
        "pictures-2024.csv",
    ]
    assert len([*tmp_path.glob("features-*.npy")]) == 2  # the index's own old one is gone


def test_what_is_no_index_is_refused(tmp_path):
    for folder, words in [(tmp_path, "no index.json in it"), (tmp_path / "x", "no such folder")]:
        with pytest.raises(PartregError, match=f"expected an index, found {words}; make it by `partreg index"):
            read_index(folder)


def test_a_picture_replaced_by_a_link_out_of_the_folder_is_not_opened(indexed, pictures, tmp_path):
    index = read_index(indexed)
    (pictures / "c.png").unlink()
    (pictures / "c.png").symlink_to(draw(tmp_path / "secret.png", 1))
    with pytest.raises(PartregError, match="a link that leads out of the folder"):
        index.path("c.png")
    assert index.path("lot/a.png") == pictures / "lot/a.png"
