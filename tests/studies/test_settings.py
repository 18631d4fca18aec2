"""The study of settings: what is tried, and what stands in its two tables."""

import numpy as np
import pandas as pd
import pytest

from partreg import files, workflow
from partreg.errors import PartregError
from partreg.studies import settings
from partreg.workflow.profile import REFERENCE


@pytest.fixture
def ws(tmp_path):
    return workflow.open_workspace("smoke", output=str(tmp_path), overrides={"methods": {"oife": {"lr": 0.03}}})


def test_each_row_of_the_kept_tables_is_a_job_and_the_chosen_ones_are_the_profiles():
    ws = workflow.open_workspace("laptop")
    kept = pd.concat([pd.read_csv(REFERENCE / f"{name}.csv", dtype=str) for name in settings.STUDY.tables])
    jobs = settings.listed(ws)
    what = pd.DataFrame([job.what for job in jobs])
    columns = ["network", "setting", "value", "chosen"]
    assert what[columns].to_numpy().tolist() == kept[columns].fillna("").to_numpy().tolist()
    assert [job.run.epochs for job in jobs] == kept.epochs.astype(int).tolist()
    assert [job.needs_boxes for job in jobs] == [bool(job.run.parts) for job in jobs]


def measured(ws, monkeypatch, job, **past):
    """The record of a job whose history is made up."""
    files.write_json(
        settings.run_folder(ws, job.run) / "provenance.json", {"profile": "smoke", "commit": "aaaa", "clean": False}
    )
    monkeypatch.setattr(settings, "history", lambda ws, run: pd.DataFrame(past))
    return settings.STUDY.record(ws, job)


def test_a_record_has_the_last_scores_and_goes_into_its_table(ws, monkeypatch):
    jobs = {(job.what["network"], job.what["setting"], job.what["value"]): job for job in settings.listed(ws)}
    baseline, other = jobs["baseline", "epochs", "20"], jobs["oife", "lr", "0.03"]
    record = measured(ws, monkeypatch, baseline, cmc1=[0.1, 0.25], accuracy_global=[0.0, 0.5])
    assert (record["validation CMC@1 (%)"], record["training accuracy (%)"], record["commit"]) == (25, 50, "aaaa+")
    assert measured(ws, monkeypatch, other, cmc1=[0.5])["training accuracy (%)"] == ""
    settings.STUDY.collect(ws)
    mine, others = (pd.read_csv(ws.folder / "studies" / f"{name}.csv") for name in settings.STUDY.tables)
    assert mine[["network", "value", "validation CMC@1 (%)"]].to_numpy().tolist() == [["baseline", 20, 25.0]]
    assert others[["network", "chosen", "epochs"]].to_numpy().tolist() == [["oife", "yes", 20]]


def test_scores_of_other_code_are_no_record(ws, monkeypatch):
    job = settings.listed(ws)[0]
    with pytest.raises(PartregError, match="its validation images were scored by other code; delete it"):
        measured(ws, monkeypatch, job, cmc1=[0.1, np.nan])
