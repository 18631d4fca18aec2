"""The networks of the book: which there are, and which tables share them."""

from partreg import paper, workflow


def test_table_4_has_the_papers_rows_in_the_papers_order():
    assert list(workflow.TABLE_4) == list(paper.table(4).index)


def test_tables_share_the_runs_that_they_have_in_common():
    ws = workflow.open_workspace("smoke")
    tables = workflow.runs(ws)
    full = tables["table_4"]["Global+Light+Brand+Window"]
    assert full == tables["table_5"]["64"] == [workflow.make_run(ws, "vehicleid")]
    keys = {run.key for table in tables.values() for row in table.values() for run in row}
    assert len(keys) == 7 + 2 + 1 + 3  # Table 4, its controls, Table 5's smaller size, Table 6


def test_each_seed_is_a_run_of_its_own():
    tables = workflow.runs(workflow.open_workspace("smoke", seeds="0,1,2"))
    row = tables["table_4"]["Baseline (w/o parts)"]
    assert [run.seed for run in row] == [0, 1, 2]
    assert len({run.key for run in row}) == 3


def test_the_baseline_does_not_wait_for_the_detector():
    ws = workflow.open_workspace("smoke")
    longer = workflow.open_workspace("smoke", overrides={"detector": {"epochs": 3}})
    assert workflow.make_run(ws, "vehicleid", parts=()) == workflow.make_run(longer, "vehicleid", parts=())
    assert workflow.make_run(ws, "vehicleid") != workflow.make_run(longer, "vehicleid")
