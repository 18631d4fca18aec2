"""Files are whole or absent, and names stay inside their folder."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partreg import files
from partreg.errors import PartregError


def test_write_text_and_json(tmp_path):
    files.write_text(tmp_path / "new/a.txt", "größer\n")
    assert (tmp_path / "new/a.txt").read_text(encoding="utf-8") == "größer\n"
    files.write_json(tmp_path / "a.json", {"b": [1, 2.5], "a": None})
    assert (tmp_path / "a.json").read_text() == '{\n "a": null,\n "b": [\n  1,\n  2.5\n ]\n}\n'
    assert files.read_json(tmp_path / "a.json") == {"a": None, "b": [1, 2.5]}
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o644


def test_what_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half():
        with files.whole(path) as temporary:
            temporary.write_text("new")
            raise ValueError(f"half way, {path.read_text()}")

    with pytest.raises(ValueError, match="half way, old"):
        write_half()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_the_temporary_name_keeps_the_suffix(tmp_path):
    with files.whole(tmp_path / "a.npy") as temporary:
        assert temporary.suffix == ".npy"
        assert temporary.parent == tmp_path


def test_json_has_no_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(tmp_path / "a.json", float("nan"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PartregError, match=r"file/a.txt: could not be written .*free some space") as error:
        files.write_text(tmp_path / "file/a.txt", "x")
    assert str(error.value).count(".") < 5


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_numpy_says_a_full_disk_without_a_number():
    with pytest.raises(PartregError, match="/dev/full: could not be written"), files.writable("/dev/full"):
        np.zeros(100_000).tofile("/dev/full")


def test_a_folder_in_which_nothing_can_be_locked_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PartregError, match="could not be written"), files.locked(tmp_path / "file" / "below" / "a"):
        pass


def test_a_full_disk_is_said_and_other_faults_are_not_hidden(tmp_path, monkeypatch):
    def fail(code):
        def replace(*_):
            raise OSError(code, os.strerror(code))

        return replace

    monkeypatch.setattr(files.os, "replace", fail(errno.ENOSPC))
    with pytest.raises(PartregError, match="No space left"):
        files.write_text(tmp_path / "a.txt", "x")
    monkeypatch.setattr(files.os, "replace", fail(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        files.write_text(tmp_path / "a.txt", "x")
    assert list(tmp_path.iterdir()) == []


def test_json_that_cannot_be_read(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(PartregError, match="no such file"):
        files.read_json(path)
    path.write_text('{"a": 1,\n "b": }')
    with pytest.raises(PartregError, match=r"a.json:2: expected JSON"):
        files.read_json(path)
    path.write_bytes(b'"\xff"')
    with pytest.raises(PartregError, match="could not be read as UTF-8"):
        files.read_json(path)


@pytest.mark.parametrize("name", ["", "/etc/passwd", "..", "../x", "a/../../x", "a/b/../../../x"])
def test_names_that_lead_out_are_refused(tmp_path, name):
    with pytest.raises(PartregError, match="leads out of this folder"):
        files.inside(tmp_path / "root", name)


def test_a_neighbour_with_the_same_beginning_is_outside(tmp_path):
    with pytest.raises(PartregError, match="leads out"):
        files.inside(tmp_path / "root", "../root2/x")


@pytest.mark.parametrize(("root", "name"), [(".", "../x"), ("..", "../../x"), ("", "../x"), ("a/..", "../x")])
def test_names_lead_out_of_relative_folders_too(root, name):
    with pytest.raises(PartregError, match="leads out of this folder"):
        files.inside(root, name)
    assert files.inside(root, "x") == Path(os.path.normpath(Path(root) / "x"))


def test_names_that_stay_inside(tmp_path):
    assert files.inside(tmp_path, "a/./b.jpg") == tmp_path / "a/b.jpg"
    assert files.inside(tmp_path, "a/../b.jpg") == tmp_path / "b.jpg"
    assert str(files.inside("data", "b.jpg")) == "data/b.jpg"


@given(st.lists(st.sampled_from(["..", ".", "a", "b"]), min_size=1, max_size=6))
def test_a_name_is_inside_exactly_where_it_never_ends_above(parts):
    depth = 0
    lowest = 0
    for part in parts:
        depth += {"..": -1, ".": 0}.get(part, 1)
        lowest = min(lowest, depth)
    name = "/".join(parts)
    if lowest < 0:
        resolved = os.path.normpath(os.path.join("/x/root", name))
        if resolved == "/x/root" or resolved.startswith("/x/root/"):
            return
        with pytest.raises(PartregError):
            files.inside("/x/root", name)
    else:
        assert str(files.inside("/x/root", name)).startswith("/x/root")


def test_the_same_value_gives_the_same_bytes(tmp_path):
    files.write_json(tmp_path / "a", {"x": 1, "y": 2})
    files.write_json(tmp_path / "b", json.loads('{"y": 2, "x": 1}'))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_a_killed_writer_left_is_swept(tmp_path):
    code = f"""
import os
import subprocess
import sys
from partreg.files import whole
with whole({str(tmp_path / "runs" / "weights.pt")!r}) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    (left,) = (tmp_path / "runs").iterdir()
    assert left.name.startswith(".weights.")
    for kept in (".weights.pt.lock", ".hidden.json", "a.12345678.pt", ".mine.settings.json"):
        (tmp_path / kept).touch()
    assert files.sweep(tmp_path) == 1
    assert not left.exists()
    assert len(list(tmp_path.glob("*.*"))) == 4


def test_what_cannot_be_written_is_a_sentence_whoever_writes(tmp_path):
    told = r"out: could not be written \(No space left on device\); free some space"
    with pytest.raises(PartregError, match=told), files.writable(tmp_path / "out"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(FileNotFoundError), files.writable(tmp_path):
        (tmp_path / "none").read_text()


WRITTEN_BY = {  # how editors, spreadsheets and shells write the same text
    "plain": lambda text: text.encode(),
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "Windows": lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
    "old Macintosh": lambda text: text.replace("\n", "\r").encode(),
    "UTF-16": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "UTF-16, big end first": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
}


@pytest.mark.parametrize("written", WRITTEN_BY.values(), ids=WRITTEN_BY)
def test_text_is_read_whoever_wrote_it(tmp_path, written):
    (tmp_path / "a.txt").write_bytes(written("größer\n車\n"))
    assert files.read_text(tmp_path / "a.txt") == "größer\n車\n"
    (tmp_path / "a.json").write_bytes(written('{"größe":\n 1}\n'))
    assert files.read_json(tmp_path / "a.json") == {"größe": 1}


def test_text_that_is_none(tmp_path):
    with pytest.raises(PartregError, match=r"a.txt: no such file"):
        files.read_text(tmp_path / "a.txt")
    for content in (b"\xff", b"\xff\xfe\x00", b"\xef\xbb\xbf\xff"):
        (tmp_path / "a.txt").write_bytes(content)
        with pytest.raises(PartregError, match=r"a.txt: could not be read as UTF-8 text"):
            files.read_text(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": 1, "b": {"x": 1, "x": 2}}', "the key 'x' appears twice in one object"),
        ("[" * 100_000, "recursion"),
        ("9" * 5000, "4300 digits"),
    ],
)
def test_json_that_python_would_bend_or_choke_on(tmp_path, text, sentence):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(PartregError, match=rf"a.json: expected JSON \(.*{sentence}"):
        files.read_json(tmp_path / "a.json")
