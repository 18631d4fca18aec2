"""Spoilt files for every reader, by hypothesis: each case ends in a result or in an error that names the file."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.readers import READERS, judge, lay

CASES = int(os.environ.get("PARTREG_FUZZ_CASES", "290"))  # of each reader; more than 10,000 in all
SLOW = {
    "network": 60,
    "checkpoint": 120,
    "veri colours": 120,
    "check veri": 80,
    "check vehicleid": 80,
    "check side files": 80,
}  # what takes longer gets fewer
# What readers trip over: other spaces, signs, numbers out of range, other digits, quotes, and the ends of lines.
TOKENS = [
    "", " ", "\t", "\n", "\r\n", "\r", "\x00", "\ufeff", "\u2028", "\x85", "\u00a0", "-1", "0", "-0", "1e999", "nan", "inf", "NaN",
    "99999999999999999999", "1.5", "0x10", "१२", "²", "ß", "車", "\ud83d\ude97".encode("utf-16", "surrogatepass").decode("utf-16"), '"', '""',
    "'", ",", ";", ":", "&", "<", ">", "{", "}", "[", "]", "%", "\\", "../", "/", "..", "null", "true", "!!python/name:os.system", "#",
    "?", "- ", "*a", "&a", "a" * 300, "[" * 200, "<a>" * 50,
]  # fmt: skip


@st.composite
def spoilt(draw, content: bytes, text: bool) -> bytes:
    """A file with some of its bytes or words taken away, doubled, moved, or replaced; now and then something else."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.text(max_size=200)).encode("utf-8", "surrogatepass") if text else draw(st.binary(max_size=200))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([0, 1, 2, 5, 20, 1000]))
        kind = draw(st.sampled_from(["cut", "token", "bytes", "repeat", "truncate"]))
        piece = {
            "cut": b"",
            "token": draw(st.sampled_from(TOKENS)).encode(),
            "bytes": draw(st.binary(min_size=1, max_size=4)),
            "repeat": content[at : at + length] * 2,
            "truncate": b"",
        }[kind]
        content = content[:at] if kind == "truncate" else content[:at] + piece + content[at + length :]
    return content


@pytest.mark.parametrize("name", READERS)
def test_whole_files_are_read(name, tmp_path):
    lay(tmp_path, READERS[name])
    assert judge(READERS[name], tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_spoilt_files_end_in_a_result_or_a_sentence(name, tmp_path_factory):
    reader, folder = READERS[name], tmp_path_factory.mktemp("spoilt")
    path = lay(folder, reader)
    outcomes = set()

    @settings(
        max_examples=min(CASES, SLOW.get(name, CASES)) if CASES == 290 else CASES,
        deadline=20_000,  # milliseconds: what takes longer hangs
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=CASES == 290,  # the same cases each time; more of them, and others, are asked for by the variable
    )
    @given(spoilt(reader.content, reader.text))
    def run(content):
        path.write_bytes(content)
        outcomes.add(judge(reader, folder))

    run()
    assert False in outcomes, "not one file was spoilt enough"


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", ["empty", "missing", "folder", "unreadable link"])
def test_a_file_that_is_none(name, kind, tmp_path):
    reader = READERS[name]
    path = lay(tmp_path, reader)
    path.unlink()
    if kind == "empty":
        path.touch()
    if kind == "folder":
        path.mkdir()
    if kind == "unreadable link":
        path.symlink_to(Path("nowhere"))
    judge(reader, tmp_path)
    shutil.rmtree(tmp_path)
