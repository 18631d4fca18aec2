"""Effects and their intervals, on trainings made up by hand."""

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import pages
from partreg import paper
from partreg.errors import PartregError
from partreg.parts.boxes import PARTS
from partreg.retrieval.statistics import NO_PRIOR, Arm, contrast
from partreg.studies import effects
from partreg.studies import evidence as study
from partreg.workflow.runs import CONTROLS, STRONG


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


def test_a_difference_takes_all_trainings_of_both_methods(evidence):
    found = effects.effect(evidence, [{"row": "a"}], [{"row": "b"}])
    arms = [effects.arm(evidence, {**effects.USUAL, "row": row}, {"cmc1_large": w}) for row, w in (("a", 1), ("b", -1))]
    assert found.seeds == (4, 3)
    assert found.scores == pytest.approx((0.615, 0.43))
    assert found.mean == pytest.approx(0.185)
    assert (found.low, found.high) == contrast(arms).ends()
    assert arms[0].shares.size == 0  # of one training the hits are not kept
    assert arms[1].shares.shape == (3, 4)
    assert effects.words(found)[0] == "+18.5"


def test_where_each_seed_has_a_benchmark_differences_are_those_of_each_seed(tmp_path):
    scores = {"a": {0: 0.50, 1: 0.40, 2: 0.30, 5: 0.9}, "b": {0: 0.45, 1: 0.37, 2: 0.26}}  # b has no seed 5
    lines = [
        {"key": f"{row}{seed}", "code": "c", "row": row, "learnt": 2000, "epochs": 20, "seed": seed, "cmc1": value}
        for row, some in scores.items()
        for seed, value in some.items()
    ]
    facts = {"profile": "regime", "device": "by hand", "commit": "0123456789ab", "clean": True, "outcome": "done"}
    pd.DataFrame(lines).assign(size=96, **facts).to_csv(tmp_path / "regime.csv", index=False)
    made_up([training("a", 0, 0.5)]).runs.to_csv(tmp_path / "runs.csv", index=False)
    for name in ("curves", "hits"):
        pd.DataFrame(columns=list(effects.COLUMNS[name])).to_csv(tmp_path / f"{name}.csv", index=False)
    kept = effects.read_evidence(tmp_path)
    a, b = ({**effects.at(2000, 20), "row": row} for row in "ab")
    found = effects.effect(kept, [a], [b])
    assert found.seeds == (3, 3)
    assert found.scores == pytest.approx((0.40, 0.36))
    expected = contrast([Arm(1, np.array([0.05, 0.03, 0.04]))])
    assert (found.mean, found.error, found.freedom) == pytest.approx((0.04, expected.error, 2))
    assert effects.effect(kept, [a]).seeds == (4,)
    assert effects.effect(kept, [a], [{"row": "a"}]).seeds == (4, 1)  # another study: not of the same seeds
    assert math.isnan(effects.effect(kept, [a], [{**b, "cell": "500 vehicles"}]).mean)


def test_hits_by_vehicle_widen_the_interval():
    scores = {"a": (0.50, 0.51), "b": (0.40, 0.41)}
    found = [training(row, seed, value) for row, some in scores.items() for seed, value in enumerate(some)]
    hits = [(f"{row}{seed}", text) for row, text in (("a", "1 0.5 0 0.5"), ("b", "0.5 0.5 0 0")) for seed in range(2)]
    without, known = made_up(found), made_up(found, hits)
    narrow, wide = (effects.effect(one, [{"row": "a"}], [{"row": "b"}]) for one in (without, known))
    assert wide.mean == narrow.mean
    # By vehicle the difference is 0.5, 0, 0, 0.5, alike in both trainings: a variance of 1/12 over 4 vehicles.
    assert wide.error**2 - narrow.error**2 == pytest.approx(1 / 48)


def test_a_score_alone_and_one_of_its_own(evidence):
    assert effects.effect(evidence, [{"row": "a"}]).mean == pytest.approx((0.50 + 0.52 + 0.54 + 0.9) / 4)
    runs = evidence.runs.assign(validation=evidence.runs.cmc1_large + 0.1)
    watched = effects.Evidence(runs, evidence.curves, evidence.hits)
    both = effects.effect(watched, [{"row": "a", "score": "validation"}], [{"row": "a"}])
    assert (both.mean, both.low, both.high) == pytest.approx((0.1, 0.1, 0.1))  # two scores of the same trainings


def test_weights_count(evidence):
    found = effects.effect(evidence, [{"row": "a"}], [{"row": "a", "weight": 0.5}, {"row": "b", "weight": 0.5}])
    assert found.mean == pytest.approx(0.5 * (0.615 - 0.43))


def test_a_mean_gain_is_over_pairs_whatever_their_trainings(evidence):
    pairs = [({"row": "a"}, {"row": "b"}), ({"row": "b"}, {"row": "a"}), ({"row": "a"}, {"row": "b"})]
    assert effects.mean_gain(evidence, pairs).mean == pytest.approx((0.615 - 0.43) / 3)
    assert effects.mean_gain(evidence, pairs[:1]) == effects.effect(evidence, *([one] for one in pairs[0]))


def test_differences_of_differences_add_up(evidence):
    found = effects.effect(evidence, [{"row": "a"}, {"row": "b"}], [{"row": "b"}, {"row": "b"}])
    assert found.mean == pytest.approx(0.615 - 0.43)


def test_a_main_effect_is_the_mean_of_simple_ones():
    scores = {"none": 0.10, "x": 0.14, "y": 0.11, "both": 0.13}
    rows = {"none": (), "x": ("x",), "y": ("y",), "both": ("x", "y")}
    found = [training(row, seed, score + 0.01 * seed) for row, score in scores.items() for seed in range(3)]
    kept = made_up(found)
    x = effects.main_effect(kept, rows, {"x": 1})
    assert x.mean == pytest.approx((0.04 + 0.02) / 2)
    assert x.error == pytest.approx(math.sqrt(4 * 0.25 * 0.01**2 / 3))
    assert effects.main_effect(kept, rows, {"x": 1, "y": -1}).mean == pytest.approx(0.03 - 0.0)


def test_every_subset_of_the_parts_is_a_method():
    kept = effects.read_evidence()
    assert sorted(map(sorted, study.FACTORIAL.values())) == sorted(
        [sorted(some) for number in range(4) for some in combinations(PARTS, number)]
    )
    assert sum(len(effects.chosen(kept, {"row": row})) for row in study.FACTORIAL) >= 28
    told = effects.main_effects(kept, study.FACTORIAL)
    assert list(told.index) == [*PARTS, "window minus light", "window minus brand"]
    for part in PARTS:
        assert told.loc[part, "difference"] == effects.words(effects.main_effect(kept, study.FACTORIAL, {part: 1}))[0]


def test_one_training_has_no_interval_and_none_has_no_mean(evidence):
    alone = made_up([training("a", 0, 0.5)])
    assert math.isnan(effects.effect(alone, [{"row": "a"}]).low)
    nothing = effects.effect(evidence, [{"row": "nobody"}])
    assert nothing.values == ()
    assert math.isnan(nothing.mean)
    assert effects.words(nothing) == ["–", "–", "–"]


def test_the_usual_scatter_is_of_trainings_of_one_kind(evidence):
    assert effects.usual_scatter(evidence) == NO_PRIOR  # two methods tell nothing
    usual = effects.usual_scatter(effects.read_evidence())
    assert 100 * math.sqrt(usual.variance) == pytest.approx(0.72, abs=0.01)
    assert usual.freedom == pytest.approx(5, abs=0.2)


# An audit of the kept trainings by other code, in points: both agree to a twentieth of a point.
FULL, BASE = {"row": paper.FULL}, {"row": paper.BASELINE}
SHUFFLED, RANDOM = ({"row": row} for row in list(CONTROLS)[1:])
PULLED, PULLED_ELSEWHERE = (
    {"row": "Global prediction pulled to the parts'"},
    {"row": next(iter(study.PULLED_ELSEWHERE))},
)
AUDITED = [
    ([FULL], [BASE], (1.35, 0.33, 2.37)),
    ([FULL], [{"row": study.WHOLE}], (0.74, -0.39, 1.87)),
    ([FULL], [SHUFFLED], (1.28, 0.19, 2.37)),
    ([FULL], [RANDOM], (1.37, 0.25, 2.50)),
    ([FULL], [{**one, "weight": 0.5} for one in (SHUFFLED, RANDOM)], (1.33, 0.34, 2.31)),
    ([PULLED], [FULL], (2.83, 1.53, 4.13)),
    ([PULLED], [BASE], (4.18, 2.94, 5.42)),
    ([PULLED], [PULLED_ELSEWHERE], (3.41, 2.06, 4.76)),
    *(
        ([{"row": f"{paper.FULL}, {words}"}], [{"row": f"{paper.BASELINE}, {words}"}], ends)
        for words, ends in {"pretrained on other models": (1.66, 0.44, 2.88)}.items()
    ),
    *(({part: 1}, None, ends) for part, ends in {"light": (0.77, 0.15, 1.39), "brand": (0.87, 0.25, 1.49)}.items()),
    ({"window": 1}, None, (0.07, -0.55, 0.68)),
]


@pytest.mark.parametrize(("plus", "minus", "ends"), AUDITED)
def test_the_kept_trainings_give_what_an_audit_gave(plus, minus, ends):
    kept = effects.read_evidence()
    if not set(kept.runs.commit[kept.runs.study == "rows"]) <= {"f6c0bff356", "7dada0f1d4", "f8cc62382c"}:
        pytest.skip("the kept trainings have been made again since the audit")
    found = effects.effect(kept, plus, minus) if minus else effects.main_effect(kept, study.FACTORIAL, plus)
    assert (100 * found.mean, 100 * found.low, 100 * found.high) == pytest.approx(ends, abs=0.05)


def test_what_an_audit_gave_for_the_strong_baseline():
    strong, _ = effects.kept_table("strong")
    if set(strong.commit) != {"641e8783ba", "abe51c4df4"}:
        pytest.skip("the kept trainings have been made again since the audit")
    scores = {row: some.cmc1.to_numpy() for row, some in strong.groupby("row")}
    usual = effects.usual_scatter(effects.read_evidence())
    arms = [Arm(sign, scores[row], prior=usual) for row, sign in zip(STRONG, (-1, 1), strict=True)]
    found = contrast(arms)
    assert (100 * found.mean, 100 * found.low, 100 * found.high) == pytest.approx((0.93, -0.29, 2.16), abs=0.05)


def test_cells_with_other_numbers_of_vehicles_both_count():
    here = [training("a", seed, 0.5, key=f"x{seed}", cell="x", study="cells") for seed in range(2)]
    there = [training("a", seed, 0.4, key=f"y{seed}", cell="y", study="cells") for seed in range(2)]
    hits = [(f"{cell}{seed}", text) for cell, text in (("x", "1 0"), ("y", "1 0 0 1")) for seed in range(2)]
    sides = [{"study": "cells", "cell": cell, "row": "a"} for cell in "xy"]
    found = effects.effect(made_up(here + there, hits), sides[:1], sides[1:])
    assert found.mean == pytest.approx(0.1)
    assert found.error**2 == pytest.approx(0.5 / 2 + (1 / 3) / 4)


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
    assert table.loc["a and b", "difference"] == "+18.5"
    assert table.loc["a and b", "seeds"] == "4 and 3"
    assert table.loc["a and b", ["with parts", "without parts"]].tolist() == ["61.5%", "43.0%"]


def test_kept_scores_stand_beside_a_table(evidence):
    scores = effects.reference_scores(
        evidence, {"row of b": {"row": "b"}, "nobody": {"row": "nobody"}}, {"CMC@1": "cmc1_large"}
    )
    assert list(scores) == ["row of b"]
    low, high = effects.effect(evidence, [{"row": "b"}]).ends()
    assert str(scores["row of b"]["CMC@1"]) == f"0.430 [{low:.3f}, {high:.3f}]"
    note = effects.kept_note(evidence, [[{"row": "a"}], [{"row": "a"}, {"row": "b"}]])
    assert "3–4 seeds" in note
    assert "0123456789" in note
    sentence = effects.kept_sentence(evidence, {"row": "b"}, {"CMC@1": "cmc1_large"})
    assert sentence == f"Ours in the reference at 96 px: CMC@1 {scores['row of b']['CMC@1']}."


def test_a_commit_that_looks_like_a_number_stays_as_it_is(tmp_path):
    (tmp_path / "table.csv").write_text("key,commit,seed\n0123,7137688e80,1\n")
    assert effects.read_table(tmp_path / "table.csv").iloc[0].tolist() == ["0123", "7137688e80", 1]


def test_scores_of_the_regime_stand_side_by_side_for_the_seeds_that_all_have():
    kept, most = effects.read_evidence(), effects.largest()
    rows = {row: {**most, "row": row} for row in (paper.FULL, "Window+Light+Brand")}
    full, alone = (effects.chosen(kept, of).cmc1_large for of in rows.values())
    assert set(full.index) > set(alone.index)
    shown = effects.reference_scores(kept, {**rows, "nobody": {**most, "row": "nobody"}}, {"CMC@1": "cmc1_large"})
    assert shown[paper.FULL]["CMC@1"].mean == pytest.approx(full[alone.index].mean())
    assert len(effects.reference_scores(kept, {0: rows[paper.FULL]}, {1: "cmc1_large"})[0][1].values) == len(full)
    of_few = {"row": paper.FULL}  # of another study, whose seeds share a benchmark
    assert len(effects.chosen(effects.on_common_seeds(kept, [*rows.values(), of_few]), of_few)) == 5


def test_an_effect_carries_the_seeds_and_commits_of_its_own_trainings(evidence):
    found = effects.effect(evidence, [{"row": "a"}], [{"row": "b"}])
    assert sorted({one.seed for one in found.origins}) == [0, 1, 2, 3]
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


def test_the_note_says_how_many_vehicles_the_networks_learnt():
    kept = effects.read_evidence()
    for of in ({}, {"score": "cmc1_best"}, {"weight": 0.5}):
        assert effects.kept_note(kept, [[{"row": paper.FULL, **of}]]).endswith("of the reference learnt 200 vehicles.")
    assert effects.kept_note(kept, [[{**effects.largest(), "row": paper.FULL}]]).endswith("learnt 2,000 vehicles.")
    both = effects.kept_note(kept, [[{"row": paper.FULL}, {**effects.largest(), "row": paper.FULL}]])
    assert both.endswith(" Each network of the reference learnt 200 to 2,000 vehicles.")


def test_tables_come_back_as_they_were_written(evidence, tmp_path):
    for name in effects.COLUMNS:
        getattr(evidence, name).to_csv(tmp_path / f"{name}.csv", index=False)
    again = effects.read_evidence(tmp_path)
    assert effects.effect(again, [{"row": "a"}], [{"row": "b"}]).mean == pytest.approx(0.185)
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
    assert "| a | 4 | 0 | 4 | Table 4 and beyond | long | vehicleid |  |" in shown
    assert "| b | 4 | 1 | 4 | Table 4 and beyond | long | vehicleid |  |" in shown
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
    assert effects.effect(kept, [{"row": "b"}]).values == ((0.45,),)
    assert effects.effect(kept, [{"row": "a"}]).values == ((0.50, 0.52, 0.54, 0.9),)
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
    with pytest.raises(PartregError, match=r"strong\.csv: .*run make reference and make keep WHAT=dial"):
        effects.kept_table("strong", tmp_path)
    with pytest.raises(PartregError, match=r"tried\.csv: .*run make gpu STUDY=regime and make keep WHAT=tried"):
        effects.kept_table("gpu/tried", tmp_path)


def test_no_cell_is_of_the_commit_that_drew_it_otherwise_than_it_says():
    runs = effects.read_evidence().runs
    again = ["near_duplicates=1", "train_vehicles=40", "train_vehicles=240", "images_per_vehicle=3"]
    assert runs.cell.isin(again).sum() == 48
    assert not runs.commit[runs.cell.isin(again)].isin(["f6c0bff356"]).any()


def test_rows_of_the_dial_that_older_code_made_are_named_beside_it():
    points = pd.read_csv(effects.REFERENCE / "dial.csv")
    frame, said = effects.corrected(points, "dial")
    pd.testing.assert_frame_equal(frame, points)
    for words, rows in said.items():
        assert points.commit[rows].isin(["abe51c4df4"]).all(), words
    older = points[points.commit == "abe51c4df4"]
    for row in ("FACT+Plate+STR", "Siamese+Path"):
        assert not (older.row == row).any() or any(words.startswith(row) for words in said)
