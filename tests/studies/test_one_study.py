"""The study of the page "Carrying on" works as it is printed there."""

import re
import textwrap
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest

from partreg import workflow
from tests.conftest import REPOSITORY


@pytest.fixture
def mine():
    page = (REPOSITORY / "book" / "carrying_on.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"studies/mine\.py`.*?```python\n(.*?)```", page, re.DOTALL)
    module = ModuleType("mine")
    exec(textwrap.dedent(code), module.__dict__)
    return module


def test_the_study_of_the_page_makes_a_table_of_its_records(mine, tmp_path, monkeypatch):
    ws = workflow.open_workspace("smoke", output=str(tmp_path))
    monkeypatch.setattr(mine, "vehicleid_scores", lambda ws, run: {8: SimpleNamespace(cmc1=run.dim / 1000), 4: None})
    jobs = mine.STUDY.jobs(ws)
    assert len(jobs) == 3
    for job in jobs.values():
        mine.STUDY.record(ws, job)
    (path,) = mine.STUDY.collect(ws)
    assert pd.read_csv(path).to_dict("list") == {"dim": [16, 64, 256], "cmc1": [0.016, 0.064, 0.256]}
