"""What rendered vehicles are worth on photographs, as the book shows it."""

import pandas as pd
import pytest

import started

ORIGIN = {"profile": "laptop", "device": "card", "commit": "abc", "clean": True, "made": "2026-01-02"}


def detectors(folder, rows, name="real_detectors"):
    columns = ["pictures", "start", "annotated", "seed", "front_window", "rear_window", "left_light", "right_light"]
    columns += ["size", "epochs"]
    rows = [row if len(row) == len(columns) else (*row, 128, 30) for row in rows]
    shared = {"tested": 100, "seconds": 9, **ORIGIN}
    pd.DataFrame(rows, columns=columns).assign(**shared).to_csv(folder / f"{name}.csv", index=False)


def networks(folder, rows):
    """A real_starts.csv of lines (start, parts, seed, shares of the vehicles)."""
    shared = {"backbone": "small", "test_vehicles": 4, "size": 96, "epochs": 60, **ORIGIN}
    table = pd.DataFrame(rows, columns=["start", "parts", "seed", "shares"])
    cmc1 = [sum(map(float, one.split())) / 4 for one in table.shares]
    table.assign(cmc1=cmc1, **shared).to_csv(folder / "real_starts.csv", index=False)


def test_what_was_not_run_is_said(tmp_path):
    for figures in (started.detectors, started.annotated, started.starts, started.walked):
        told = "Nothing is kept yet: `make real` makes it, `make keep WHAT=real` keeps it.\n"
        assert figures(tmp_path) == told
    assert started.annotated_figure(tmp_path).axes[0].has_data() is False


def test_detectors_of_a_kind_are_told_by_their_mean_and_each_seed(tmp_path):
    rows = [
        ("photographs", "rendered", 200, 0, 0.90, 0.50, 0.8, 0.6),
        ("photographs", "rendered", 200, 1, 0.94, 0.60, 0.9, 0.7),
        ("photographs", "none", 200, 0, 0.50, 0.10, 0.3, 0.1),
    ]
    detectors(tmp_path, rows)
    lines = started.detectors(tmp_path).splitlines()
    assert "| random weights | 128 | 30 | 0.500 (0.500) | 0.100 (0.100) | 0.200 (0.200) |" in lines
    assert (
        "| rendered vehicles | 128 | 30 | 0.920 (0.900, 0.940) | 0.550 (0.500, 0.600) | 0.750 (0.700, 0.800) |" in lines
    )
    detectors(tmp_path, [*rows, ("photographs", "rendered", 200, 0, 0.89, 0.65, 0.8, 0.6, 160, 40)])
    lines = started.detectors(tmp_path).splitlines()
    assert "| rendered vehicles | 160 | 40 | 0.890 (0.890) | 0.650 (0.650) | 0.700 (0.700) |" in lines


def test_the_detector_of_all_photographs_ends_their_line(tmp_path):
    of_all = [("photographs", "rendered", 200, seed, 0.9, 0.6, 0.8, 0.8) for seed in (0, 1)]
    detectors(tmp_path, [*of_all, ("photographs", "rendered", 200, 0, 0.95, 0.7, 0.9, 0.9, 160, 40)])
    rows = [("rendered", "none", 50, 0, 0.5, 0.4, 0.3, 0.3), ("photographs", "rendered", 50, 0, 0.7, 0.2, 0.5, 0.5)]
    detectors(tmp_path, rows, "real_annotated")
    told = started.annotated(tmp_path).splitlines()
    assert [line for line in told if line.startswith("| photographs")] == [
        "| photographs | 50 | 0.70 | 0.20 | 0.50 |",
        "| photographs | 200 | 0.90 | 0.60 | 0.80 |",
    ]
    assert "not measured" not in told[-1]
    figure = started.annotated_figure(tmp_path)
    assert [list(line.get_xdata()) for line in figure.axes[1].lines] == [[50, 200]] * 3
    assert [text.get_text() for text in figure.legends[0].texts] == list(started.KINDS)
    detectors(tmp_path, rows[:1], "real_annotated")
    assert "On photographs, this was not measured." in started.annotated(tmp_path)
    assert len(started.annotated_figure(tmp_path).axes) == 1


def test_a_gain_is_given_with_its_interval_and_what_is_absent_is_said(tmp_path):
    rows = [("none", False, 0, "0.5 0 1 0.5"), ("none", False, 1, "0.5 0.2 1 0.5")]
    rows += [("rendered", False, 0, "1 0.5 1 1"), ("rendered", False, 1, "1 0.5 1 0.8")]
    rows += [("ImageNet", False, 0, "1 1 1 1"), ("both", True, 0, "1 1 1 1")]
    networks(tmp_path, rows)
    told = started.starts(tmp_path)
    assert "| random weights | `small` | 52.5% (50.0%, 55.0%) | not measured | not measured |" in told
    (line,) = [line for line in told.splitlines() if line.startswith("| rendered vehicles, over random")]
    assert line.startswith("| rendered vehicles, over random weights | +32.5 (")
    assert line.endswith(" | not measured |")
    assert "1 of these 1 intervals leave zero out." in told
    found = started.gain(pd.read_csv(tmp_path / "real_starts.csv"), ("rendered", False), ("none", False))
    assert found.mean == pytest.approx(0.325)
    assert found.low < 0.325 < found.high


def test_the_walk_is_added_up(tmp_path):
    table = pd.DataFrame({"step": ["Start", "Train", "Search"], "seconds": [0.1, 240.0, 12.0]}).assign(**ORIGIN)
    table.to_csv(tmp_path / "real_walk.csv", index=False)
    lines = started.walked(tmp_path).splitlines()
    assert lines[2:5] == ["| Train | 4.0 min |", "| Search | 12 s |", "| *all* | 4.2 min |"]


def test_corrected_boxes_are_held_against_drawn_ones(tmp_path):
    rows = [("draw", 0.9, 300, 1.0), ("correct", 0.8, 120, 0.4)]
    shared = {"pictures": 50, "boxes": 141, "hand_iou": 0.86, **ORIGIN}
    table = pd.DataFrame(rows, columns=["way", "iou", "actions", "share"]).assign(**shared)
    assert "`make annotating` makes it" in started.actions(tmp_path)
    table.to_csv(tmp_path / "annotating.csv", index=False)
    told = started.actions(tmp_path).splitlines()
    assert told[2:4] == ["| drawn | 0.9 | 300 | 100% |", "| corrected | 0.8 | 120 | 40% |"]
    assert told[-1].startswith("141 boxes in 50 pictures")
    assert "0.86" in told[-1]
