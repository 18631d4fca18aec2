import pandas as pd

from partreg import files
from partreg.workflow import promises

ORIGIN = {"device": "CPU", "commit": "abc", "clean": True, "made": "2026-01-02"}


def test_what_was_not_run_is_said(tmp_path):
    commands = {
        promises.faults: "faults",
        promises.fuzz: "fuzz",
        promises.machines: "machines",
        promises.scores: "machines",
    }
    for figures, command in commands.items():
        assert (
            figures(tmp_path)
            == f"Nothing is kept yet: `make {command}` makes it, `make keep WHAT={command}` keeps it.\n"
        )


def test_kills_are_summed_up(tmp_path):
    found = {
        "kills": {"driver": 2, "kernel": 1},
        "chains": 2,
        "files": 600,
        "differ": 0,
        "left": 1,
        "refused": ["full!"],
    }
    files.write_json(tmp_path / "faults.json", {**found, **ORIGIN})
    told = promises.faults(tmp_path)
    assert "3 kills in 2 chains (driver 2, kernel 1): 0 of 1,200 result files differ" in told
    assert "1 temporary files" in told
    assert "- `full!`" in told
    assert "2026-01-02, CPU, commit `abc`." in told


def test_fuzzed_readers_and_machines_stand_in_tables(tmp_path):
    pd.DataFrame(
        [("csv", 9_000, 40, 0), ("coco", 1_000, 60, 1)], columns=["reader", "files", "branches", "failed"]
    ).assign(**{**ORIGIN, "clean": False}).to_csv(tmp_path / "fuzz.csv", index=False)
    told = promises.fuzz(tmp_path)
    assert told.startswith(
        "10,000 files, 1 readers failed. Kept from 2026-01-02, CPU, commit `abc` with uncommitted changes."
    )
    assert "| csv | 9,000 | 40 | 0 |" in told
    rows = [
        ("other", "scores", 12, 3, 0.125),
        ("other", "pictures", 200, 0, 0.0),
        ("other", "boxes", 4, 2, float("nan")),
    ]
    table = pd.DataFrame(rows, columns=["machine", "results", "files", "differ", "largest"])
    table.assign(**ORIGIN).to_csv(tmp_path / "machines.csv", index=False)
    told = promises.machines(tmp_path)
    assert "| other | scores | 12 | 3 | 0.12 |" in told
    assert "| other | pictures | 200 | 0 | – |" in told
    assert "| other | boxes | 4 | 2 | cannot be compared |" in told


def test_scores_of_machines_are_compared_seed_by_seed(tmp_path):
    rows = [("this", 0, 0.10), ("this", 1, 0.13), ("other", 0, 0.12), ("other", 1, 0.125)]
    pd.DataFrame(rows, columns=["machine", "seed", "cmc1"]).assign(**ORIGIN).to_csv(
        tmp_path / "machine_scores.csv", index=False
    )
    told = promises.scores(tmp_path)
    assert told.startswith(
        "For one seed, CMC@1 differs by up to 2.0 points between the machines; for one machine, by up to 3.0 "
    )
    assert "| this | 10.0 | 13.0 |" in told
    assert "| other | 12.0 | 12.5 |" in told
