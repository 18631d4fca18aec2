import pandas as pd

import promises
from partreg import files
from partreg.paper import BASELINE, FULL

ORIGIN = {"device": "CPU", "commit": "abc", "clean": True, "made": "2026-01-02"}


def test_what_was_not_run_is_said(tmp_path):
    commands = {
        promises.faults: "faults",
        promises.fuzz: "fuzz",
        promises.machines: "machines",
        promises.scores: "machines",
        promises.gpu: "gpu",
        promises.start: "start",
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


def test_the_start_says_what_it_learnt(tmp_path):
    facts = {"epochs": 3, "size": 32, "seconds": 150.0, "seed": 7, "held_out": 9, "validation CMC@1 (%)": 12.34}
    files.write_json(tmp_path / "start.json", {**facts, **ORIGIN, "made": "2026-01-02T03:04+00:00"})
    told = promises.start(tmp_path)
    assert "3 {term}`epochs <epoch>` at 32 pixels, 2 minutes on one core, with {term}`seed` 7." in told
    assert "On 9 {term}`validation vehicles <validation vehicle>`" in told
    assert "is 12.3%. Kept from 2026-01-02, CPU, commit `abc`." in told


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


def test_what_a_gpu_gave_is_shown_with_its_intervals(tmp_path):
    made = {"device": "card", "cores": 4, "torch": "2.1", "commit": "abc"}
    parts = {
        "provenance": made,
        "agreement": {"features, float32": 3.14159e-7, "equal bytes": True},
        "speed, small": {"bare": 24604.6, "ratio to bare": 0.9764},
        "detector": {"boxes on the GPU": 1202, "same": False},
    }
    report = {"parts": {name: {"seconds": 1.0, "found": found} for name, found in parts.items()}, "failed": {}}
    files.write_json(tmp_path / "gpu" / "gpu.json", report)
    shared = {"network": "tiny", "size": 96, "vehicles": 4000, "images": 24000, "epochs": 14, "batch": 32}
    rows = [(BASELINE, 0, 0.10, 0.4), (BASELINE, 1, 0.12, 0.6), (FULL, 0, 0.2, 0.5)]
    table = pd.DataFrame(rows, columns=["row", "seed", "cmc1", "accuracy"]).assign(**shared)
    table.to_csv(tmp_path / "gpu" / "table_4.csv")
    hits = [f"{cmc1:g} {cmc1:g}" for cmc1 in table.cmc1]
    table[["network", "row", "seed"]].assign(hits=hits).to_csv(tmp_path / "gpu" / "hits.csv")
    told = promises.gpu(tmp_path)
    assert told.startswith("card, 4 cores, torch 2.1, commit `abc`.")
    for line in (
        "| features, float32 | 3.14e-07 |",
        "| equal bytes | yes |",
        "| detector: boxes on the GPU | 1,202 |",
        "| detector: same | no |",
        "| bare | 24,605 |",
        "| ratio to bare | 0.976 |",
        "`tiny`, 96 px, 4,000 training vehicles, 24,000 images, 14 epochs of batches of 32, true boxes:",
        # Student's t with one degree of freedom: 11 +- 12.706 * sqrt(2) / sqrt(2)
        f"| {BASELINE} | 11.0 | -1.7 to 23.7 | 50.0 | 2 |",
        f"| {FULL} | 20.0 | – | 50.0 | 1 |",
        "Full model minus baseline: +9.0 (–) points of CMC@1.",
    ):
        assert line in told.splitlines()


def test_a_part_that_failed_on_the_gpu_is_said(tmp_path):
    made = {"device": "card", "cores": 4, "torch": "2.1", "commit": "abc"}
    report = {"parts": {"provenance": {"found": made}}, "failed": {"agreement": "Traceback\nValueError: no"}}
    files.write_json(tmp_path / "gpu" / "gpu.json", report)
    columns = "network,size,vehicles,images,epochs,batch,row,seed,cmc1,accuracy\n"
    (tmp_path / "gpu" / "table_4.csv").write_text(columns)
    (tmp_path / "gpu" / "hits.csv").write_text("network,row,seed,hits\n")
    assert "- agreement failed: ValueError: no" in promises.gpu(tmp_path)
