"""`make real` makes each measurement once, and its tables of those that are there."""

import pandas as pd
import pytest

from partreg import files
from tests import real
from tests.walk import seconds, steps


@pytest.fixture
def made(tmp_path, monkeypatch):
    """The measurements that were made, in order; none takes any time."""
    done = []
    monkeypatch.setattr(real, "FOLDER", tmp_path)

    def measure(**what):
        done.append(what)
        return {"rear_window": 0.5, "cmc1": 0.25} if what else dict.fromkeys(steps(), 1.5)

    for name in ("measure_detector", "measure_start", "measure_ranking", "measure_walk"):
        monkeypatch.setattr(real, name, measure)
    return done


def test_each_measurement_is_made_once(made, tmp_path):
    assert real.main([]) == 0
    assert len(made) == len({str(what) for what in made}) == len(list(real.jobs()))
    count = len(made)
    assert real.main([]) == 0
    assert len(made) == count
    tables = {path.stem: pd.read_csv(path) for path in tmp_path.glob("*.csv")}
    assert set(tables) == set(real.COLUMNS)
    assert list(tables["real_walk"].step) == list(steps())
    assert (tables["real_walk"].seconds == 1.5).all()
    assert set(tables["real_starts"].start) == {"none", "rendered", "ImageNet", "both"}
    for table in tables.values():
        assert table.device.notna().all()
        assert table.commit.notna().all()


def test_a_table_holds_what_is_there(made, tmp_path):
    table, _, what = next(real.jobs())
    files.write_json(real.record_path(table, what), {**what, "rear_window": 0.75})
    assert real.main(["walk"]) == 0
    found = pd.read_csv(tmp_path / "real_detectors.csv")
    assert list(found.rear_window) == [0.75]
    assert list(found.start) == [what["start"]]


def test_the_photographs_that_test_the_detector_are_those_of_the_page(request, monkeypatch):
    monkeypatch.setenv("PARTREG_REAL", str(request.getfixturevalue("real")))
    for seed in real.SEEDS:
        learnt, tested, _ = real.annotated_halves("photographs", seed)
        assert (len(learnt.images), len(tested.images)) == (real.LEARNT, 100)
        assert not set(learnt.images.image) & set(tested.images.image)
        assert (tested.objects.name == "rear_window").sum() == 20


def test_processor_time_is_read_as_bash_writes_it():
    assert seconds("@@ 0m3.512s 1m0.304s") == pytest.approx(63.816)
