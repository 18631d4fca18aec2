"""Effects and their intervals, on trainings made up by hand."""

import math

import numpy as np
import pandas as pd
import pytest

import pages
from partreg import paper
from partreg.errors import PartregError
from partreg.figures import tables
from partreg.retrieval.statistics import mean_interval
from partreg.workflow import effects
from partreg.workflow.chapters import NEEDS
from partreg.workflow.profile import REPOSITORY


def training(row, seed, cmc1, **more):
    usual = {"study": "rows", "cell": "", "budget": "long", "dataset": "vehicleid", "size": 96, "outcome": "done"}
    facts = {"profile": "made up", "device": "by hand", "commit": "0123456789ab", "clean": True}
    return {"key": f"{row}{seed}", "row": row, "seed": seed, "cmc1_large": cmc1, **usual, **facts, **more}


def made_up(trainings, hits=()):
    runs = pd.DataFrame(trainings).reindex(columns=list(effects.COLUMNS["runs"]))
    shown = [{"key": key, "which": "hits", "hits": text} for key, text in hits]
    frames = [
        pd.DataFrame(columns=list(effects.COLUMNS["curves"])),
        pd.DataFrame(shown, columns=["key", "which", "hits"]),
    ]
    return effects.Evidence(runs, *frames)


@pytest.fixture
def evidence():
    scores = {"a": (0.50, 0.52, 0.54), "b": (0.40, 0.44, 0.45)}
    found = [training(row, seed, value) for row, values in scores.items() for seed, value in enumerate(values)]
    found.append(training("a", 3, 0.9))  # b has no seed 3
    found.append(training("b", 4, np.nan, outcome="b: the loss is nan"))
    shares = {"a": "1 0.5 0 0.5", "b": "0.5 0.5 0 0"}
    return made_up(found, [(f"{row}{seed}", text) for row, text in shares.items() for seed in range(3)])


def test_a_difference_is_taken_seed_by_seed_with_students_interval(evidence):
    found = effects.effect(evidence, [{"row": "a"}], [{"row": "b"}])
    assert found.values == pytest.approx((0.10, 0.08, 0.09))
    assert found.mean == pytest.approx(0.09)
    half = 4.302652729911275 * 0.01 / math.sqrt(3)  # t at 0.975 for two degrees of freedom; the spread is 0.01
    assert (found.low, found.high) == pytest.approx((0.09 - half, 0.09 + half))
    assert effects.words(found)[:2] == ["+9.0", "+6.5 to +11.5"]
    assert tables.in_points(found) == "+9.0 (+6.5 to +11.5)" == tables.in_points(mean_interval(found.values))


def test_over_vehicles_the_shares_of_each_vehicle_are_resampled(evidence):
    low, high = effects.effect(evidence, [{"row": "a"}], [{"row": "b"}]).over_vehicles
    assert 0 <= low < 0.25 < high <= 0.5  # differences 0.5, 0, 0, 0.5 of four vehicles, whose mean is 0.25


def test_a_score_alone_and_one_of_its_own(evidence):
    assert effects.effect(evidence, [{"row": "a"}]).mean == pytest.approx((0.50 + 0.52 + 0.54 + 0.9) / 4)
    runs = evidence.runs.assign(validation=evidence.runs.cmc1_large + 0.1)
    watched = effects.Evidence(runs, evidence.curves, evidence.hits)
    both = effects.effect(watched, [{"row": "a", "score": "validation"}], [{"row": "a"}])
    assert both.values == pytest.approx((0.1,) * 4)
    assert (both.low, both.high) == pytest.approx((0.1, 0.1))
    assert all(math.isnan(end) for end in both.over_vehicles)  # validation has no shares of test vehicles


def test_differences_of_differences_add_up(evidence):
    found = effects.effect(evidence, [{"row": "a"}, {"row": "b"}], [{"row": "b"}, {"row": "b"}])
    assert found.mean == pytest.approx(0.09)


def test_one_seed_has_no_interval_and_none_has_no_mean(evidence):
    alone = made_up([training("a", 0, 0.5)])
    assert math.isnan(effects.effect(alone, [{"row": "a"}]).low)
    nothing = effects.effect(evidence, [{"row": "nobody"}])
    assert nothing.values == ()
    assert math.isnan(nothing.mean)
    assert effects.words(nothing) == ["–", "–", "–"]


def test_rows_of_different_cells_are_not_paired_by_vehicle():
    here = [training("a", seed, 0.5, key=f"x{seed}", cell="x", study="cells") for seed in range(2)]
    there = [training("a", seed, 0.4, key=f"y{seed}", cell="y", study="cells") for seed in range(2)]
    evidence = made_up(here + there, [(f"{cell}{seed}", "1 0") for cell in "xy" for seed in range(2)])
    sides = [{"study": "cells", "cell": cell, "row": "a"} for cell in "xy"]
    found = effects.effect(evidence, sides[:1], sides[1:])
    assert found.mean == pytest.approx(0.1)
    assert all(math.isnan(end) for end in found.over_vehicles)


def test_slips_are_named(evidence):
    with pytest.raises(PartregError, match=r"runs\.csv has no column 'colour'"):
        effects.chosen(evidence, {"colour": "red"})
    twice = made_up([training("a", 0, 0.5), training("a", 0, 0.6, size=48)])
    with pytest.raises(PartregError, match="two trainings of one seed"):
        effects.chosen(twice, {"row": "a"})


def test_a_table_leaves_out_what_was_not_run(evidence):
    pairs = {"a and b": ({"row": "a"}, {"row": "b"}), "a and nobody": ({"row": "a"}, {"row": "nobody"})}
    table = effects.gain_table(evidence, pairs)
    assert list(table.index) == ["a and b"]
    assert table.loc["a and b", "difference"] == "+9.0"
    assert table.loc["a and b", "95% over seeds"] == "+6.5 to +11.5"
    assert table.loc["a and b", "seeds"] == 3
    # a has a fourth seed, which b has not: it counts neither in the difference nor in the scores.
    assert table.loc["a and b", ["with parts", "without parts"]].tolist() == ["52.0%", "43.0%"]


def test_kept_scores_stand_beside_a_table(evidence):
    scores = effects.reference_scores(
        evidence, {"row of b": {"row": "b"}, "nobody": {"row": "nobody"}}, {"CMC@1": "cmc1_large"}
    )
    assert list(scores) == ["row of b"]
    assert str(scores["row of b"]["CMC@1"]).startswith("0.430 [0.364, 0.496]")
    note = effects.kept_note(evidence, [[{"row": "a"}], [{"row": "a"}, {"row": "b"}]])
    assert "3–4 seeds" in note  # a alone has four, and beside b the three that b has
    assert "0123456789" in note
    sentence = effects.kept_sentence(evidence, {"row": "b"}, {"CMC@1": "cmc1_large"})
    assert sentence == "Ours in the reference at 96 px: CMC@1 0.430 [0.364, 0.496]."


def test_an_effect_carries_the_seeds_and_commits_of_its_own_trainings(evidence):
    found = effects.effect(evidence, [{"row": "a"}], [{"row": "b"}])
    assert sorted({one.seed for one in found.origins}) == [0, 1, 2]
    assert {(one.profile, one.commit, one.size) for one in found.origins} == {("made up", "0123456789", 96)}
    assert effects.effect(evidence, [{"row": "nobody"}]).origins == ()


def test_the_reference_beside_table_3_is_of_the_size_that_it_names():
    of = {"study": "sizes", "dataset": "veri", "row": paper.FULL}
    kept = effects.read_evidence()
    assert effects.kept_sizes("veri") == {128: 48, 256: 96, 512: 128}
    said = {size: effects.kept_sentence(kept, {**of, "size": size}, {"mAP": "mAP"}) for size in (96, 128)}
    for size, sentence in said.items():
        mean = effects.effect(kept, [{**of, "size": size}], score="mAP").mean
        assert f"at {size} px: mAP {mean:.3f}" in sentence
    assert said[96] != said[128]
    note = effects.kept_note(kept, [[{**of, "size": size}] for size in (96, 128)], "mAP")
    assert "96–128 px" in note


def test_tables_come_back_as_they_were_written(evidence, tmp_path):
    for name in effects.COLUMNS:
        getattr(evidence, name).to_csv(tmp_path / f"{name}.csv", index=False)
    again = effects.read_evidence(tmp_path)
    assert effects.effect(again, [{"row": "a"}], [{"row": "b"}]).values == pytest.approx((0.10, 0.08, 0.09))
    (tmp_path / "hits.csv").unlink()
    with pytest.raises(PartregError, match="run make reference"):
        effects.read_evidence(tmp_path)
    nothing = effects.read_evidence(tmp_path / "nowhere")
    assert nothing.runs.empty
    assert effects.effect(nothing, [{"row": "a"}]).values == ()
    assert "not made yet" in effects.kept_note(nothing, [[{"row": "a"}]])


def test_the_page_of_runs_counts_those_that_failed_and_says_why(evidence):
    shown = pages.runs_table(effects.Evidence(evidence.runs.assign(seconds=60.0), evidence.curves, evidence.hits))
    assert "8 trainings are kept, 1 of them failed; together they took 0.1 hours" in shown
    assert "| a | 4 | 0 | 4 | rows | long | vehicleid |  |" in shown
    assert "| b | 4 | 1 | 4 | rows | long | vehicleid |  |" in shown
    assert "- `b4` (b, seed 4): b: the loss is nan" in shown


def test_what_was_found_wrong_counts_for_nothing_and_is_said_until_it_is_made_again(evidence, tmp_path):
    for name in effects.COLUMNS:
        getattr(evidence, name).to_csv(tmp_path / f"{name}.csv", index=False)
    lines = [
        "table,where,commits,withdrawn,says",
        "runs,row: b; seed: 0 | 1,0123456789ab ffff,yes,two of b",
        "runs,row: a,0123456789ab,no,A is doubtful.",
        "runs,row: a,ffff,yes,of another commit",
        "dial,row: a,0123456789ab,yes,of another table",
    ]
    (tmp_path / "corrections.csv").write_text("\n".join(lines) + "\n")
    kept = effects.read_evidence(tmp_path)
    assert effects.effect(kept, [{"row": "b"}]).values == (0.45,)
    assert effects.effect(kept, [{"row": "a"}]).values == (0.50, 0.52, 0.54, 0.9)
    assert kept.said == {"rows": ["Withdrawn: two of b.", "A is doubtful."]}
    note = effects.kept_note(kept, [[{"row": "a"}]])
    assert note.endswith("compare methods with methods. Withdrawn: two of b. A is doubtful.")
    page = pages.runs_table(effects.Evidence(kept.runs.assign(seconds=60.0), kept.curves, kept.hits, kept.said))
    assert "8 trainings are kept, 1 of them failed; together they took 0.1 hours" in page
    assert " 2 of them count for nothing." in page
    assert "- Withdrawn: two of b." in page
    (tmp_path / "corrections.csv").write_text("table,where,commits,withdrawn,says\nruns,colour: red,x,yes,y\n")
    with pytest.raises(PartregError, match=r"corrections\.csv: runs\.csv has no column 'colour'"):
        effects.read_evidence(tmp_path)


def test_a_kept_table_has_no_withdrawn_row_and_is_asked_for_where_it_is_not(tmp_path):
    (tmp_path / "dial.csv").write_text("row,cmc1,commit\na,0.1,x\nb,0.2,x\nc,0.3,y\n")
    (tmp_path / "corrections.csv").write_text(
        "table,where,commits,withdrawn,says\ndial,row: a | c,x,yes,a was wrong\ndial,row: b,x,no,B is doubtful.\n"
    )
    frame, said = effects.kept_table("dial", tmp_path)
    assert frame.row.tolist() == ["b", "c"]  # c is of another commit
    assert said == ["Withdrawn: a was wrong.", "B is doubtful."]
    with pytest.raises(PartregError, match=r"strong\.csv: expected a table .*run make reference and make keep"):
        effects.kept_table("strong", tmp_path)


def test_the_cell_that_was_not_drawn_as_it_says_is_in_no_effect():
    kept = effects.read_evidence()
    for row in ("Baseline (w/o parts)", "Global+Light+Brand+Window"):
        for budget in ("short", "long"):
            cell = {"study": "cells", "cell": "near_duplicates=1", "row": row, "budget": budget}
            made = kept.runs[(kept.runs.cell == cell["cell"]) & kept.runs.commit.isin(["f6c0bff356"])]
            assert effects.effect(kept, [cell]).values == () or made.empty
    note = effects.kept_note(kept, [[{"study": "cells", "cell": "base", "row": "Baseline (w/o parts)"}]])
    assert "4.6 of a kind" in note
    assert "test images of their own" in note
    assert "4.6" not in effects.kept_note(kept, [[{"row": "Baseline (w/o parts)"}]])


def test_rows_of_the_dial_that_older_code_made_are_named_beside_it():
    points = pd.read_csv(effects.REFERENCE / "dial.csv")
    frame, said = effects.corrected(points, "dial")
    pd.testing.assert_frame_equal(frame, points)
    for words, rows in said.items():
        assert points.commit[rows].isin(["abe51c4df4"]).all(), words
    older = points[points.commit == "abe51c4df4"]
    for row in ("FACT+Plate+STR", "Siamese+Path"):
        assert not (older.row == row).any() or any(words.startswith(row) for words in said)


def test_every_chapter_that_shows_kept_numbers_is_due_again_where_a_correction_is_made(tmp_path):
    names = [path.name for path in effects.kept_files("dial")]
    profiles = ["reference.yaml", "laptop.yaml"]  # of which the first takes its sizes from the second
    assert names == ["dial.csv", "corrections.csv", *profiles]
    assert [path.name for path in effects.kept_files("dial", folder=tmp_path)] == profiles
    shown = [path.stem for path in (REPOSITORY / "notebooks").glob("*.ipynb") if "effects" in path.read_text("utf-8")]
    assert len(shown) > 5
    assert all(NEEDS[name].kept for name in shown)
