"""What is tried on held-out vehicles, on a GPU: its table, and what it tries."""

import pandas as pd

from partreg import files
from tests import gpu_regime


def result(folder, number, kind, outcome="done", **record):
    facts = {"row": "plain", "seed": 0, "cmc1": 0.123456, "device": "card", "hits": [0.5], "outcome": outcome, **record}
    files.write_json(folder / f"{number:04d}.json", {"kind": kind, "wall": 1.0, "record": facts})


def test_the_table_has_what_was_tried_and_is_done(tmp_path):
    result(tmp_path, 2, "tried", row="pulled")
    result(tmp_path, 1, "recipe", cosine=0.2)
    result(tmp_path, 0, "study")
    result(tmp_path, 3, "winner")
    result(tmp_path, 4, "recipe", outcome="failed")
    files.write_json(tmp_path / "other.json", [])
    table = gpu_regime.tried_table(tmp_path, "abc")
    assert table[["kind", "row", "commit"]].to_numpy().tolist() == [
        ["recipe", "plain", "abc"],
        ["variation", "pulled", "abc"],
    ]
    assert table.cmc1.tolist() == [0.1235, 0.1235]
    assert table.cosine.fillna(-1).tolist() == [0.2, -1]
    assert list(table) == gpu_regime.COLUMNS


def test_without_results_the_table_is_empty_and_has_its_columns(tmp_path):
    assert list(gpu_regime.tried_table(tmp_path, "abc")) == gpu_regime.COLUMNS
    assert isinstance(gpu_regime.tried_table(tmp_path, "abc"), pd.DataFrame)
