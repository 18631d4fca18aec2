"""Whether a ranking on rendered vehicles holds on photographs, as the book says it."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ranked

ORIGIN = {"profile": "laptop", "device": "card", "commit": "abc", "clean": True, "made": "2026-01-02"}


def kept(folder, chances, draws=5, tested=40, among=100):
    """A real_ranking.csv: for each side the chance by which each method finds a vehicle; one more is by hand."""
    rng, rows = np.random.default_rng(0), []
    for side, methods in chances.items():
        for draw in range(draws):
            luck = rng.random(tested)
            for method, chance in methods.items():
                shares = (luck < chance).astype(float)
                epochs = 0 if method == "LOMO" else 20
                rows.append((side, draw, method, shares.mean(), " ".join(map(str, shares)), 20 * draw, epochs))
    columns = ["side", "draw", "method", "cmc1", "shares", "first", "epochs"]
    table = pd.DataFrame(rows, columns=columns).assign(among=among, test_vehicles=tested, size=96, **ORIGIN)
    table.to_csv(folder / "real_ranking.csv", index=False)
    return ranked.read(folder / "real_ranking.csv")


def chances(real, rendered):
    names = ["A", "B", "C", "LOMO"]
    return {"photographs": dict(zip(names, real, strict=True)), "rendered": dict(zip(names, rendered, strict=True))}


def lines_of(folder):
    return ranked.ranking(folder).splitlines()


def test_what_was_not_run_is_said(tmp_path):
    assert ranked.ranking(tmp_path).startswith("Nothing is kept yet: `make real` makes it")


def test_the_same_order_on_both_sides_is_found_with_its_interval(tmp_path):
    kept(tmp_path, chances((0.9, 0.6, 0.3, 0.1), (0.7, 0.5, 0.3, 0.1)))
    lines = lines_of(tmp_path)
    assert [line.split("|")[1].strip() for line in lines[2:6]] == ["A", "B", "C", "LOMO"]
    assert [line.split("|")[-2].strip() for line in lines[2:6]] == ["1", "2", "3", "4"]
    (correlation,) = [line for line in lines if line.startswith("| Spearman's correlation")]
    assert correlation.split("|")[2].strip() == "1.00 (1.00 to 1.00)"
    (told,) = [line for line in lines if line.startswith("| pairs of methods")]
    assert [cell.strip() for cell in told.split("|")[2:4]] == ["6", "3"]
    assert "Among the networks, the rankings agree better than chance." in lines[-1]
    assert "Draws: 5, each with 40 cars of the 100" in "\n".join(lines)


def test_the_opposite_order_is_said(tmp_path):
    table = kept(tmp_path, chances((0.9, 0.6, 0.3, 0.1), (0.3, 0.5, 0.7, 0.1)))
    assert ranked.known_pairs(table, ["A", "B", "C"]) == (3, 0)
    lines = lines_of(tmp_path)
    assert any("| −1.00 (−1.00 to −1.00) |" in line for line in lines)
    assert "the rankings disagree" in lines[-1]
    (chosen,) = [line for line in lines if "the method that is best on rendered" in line]
    (best,) = [line for line in lines if line.startswith("| the one that is best")]
    shown = [[float(cell.strip(" %")) for cell in line.split("|")[2:4]] for line in (chosen, best)]
    assert (np.array(shown[1]) - shown[0] > 40).all()


def test_methods_that_are_alike_leave_the_ranking_unknown(tmp_path):
    rng = np.random.default_rng(1)
    table = kept(tmp_path, chances((0.5, 0.5, 0.5, 0.1), (0.5, 0.5, 0.5, 0.1)))
    for row in table.index:  # each its own luck, without any difference in truth
        table.loc[row, "shares"] = " ".join(map(str, rng.integers(0, 2, 40)))
    table["cmc1"] = [np.mean([float(one) for one in row.split()]) for row in table.shares]
    table.to_csv(tmp_path / "real_ranking.csv", index=False)
    assert "it is not known whether the ranking carries over" in lines_of(tmp_path)[-1]


def test_correlations_are_those_of_scipy_with_ties_too():
    rng = np.random.default_rng(2)
    first, second = (rng.integers(0, 4, (20, 6)).astype(float) for _ in range(2))
    for mine, theirs in ((ranked.spearman, stats.spearmanr), (ranked.kendall, stats.kendalltau)):
        expected = [theirs(one, other).statistic for one, other in zip(first, second, strict=True)]
        assert mine(first, second) == pytest.approx(expected)


def test_a_vehicle_is_resampled_in_all_draws_that_test_it(tmp_path):
    table = kept(tmp_path, chances((0.9, 0.6, 0.3, 0.1), (0.7, 0.5, 0.3, 0.1)))
    shares = ranked.shares_of(table, "photographs", ["A", "B"])
    assert (np.isfinite(shares[0]).sum(axis=0) == 2).all()
    assert np.isfinite(shares[0, 4]).nonzero()[0].tolist() == [*range(20), *range(80, 100)]
    scores = ranked.resampled(shares, 0)
    assert scores.mean(axis=0) == pytest.approx(ranked.scored(shares), abs=0.01)
    # Twenty times as many draws of the same vehicles say nothing new of other vehicles.
    many = ranked.resampled(np.repeat(shares, 20, axis=1), 0)
    assert many.std(axis=0)[1] > 0.03


def test_a_draw_that_is_not_finished_does_not_count(tmp_path):
    table = kept(tmp_path, chances((0.9, 0.6, 0.3, 0.1), (0.7, 0.5, 0.3, 0.1)))
    table.drop(table.index[-1]).to_csv(tmp_path / "real_ranking.csv", index=False)
    assert ranked.read(tmp_path / "real_ranking.csv").groupby("side").draw.nunique().to_dict() == {
        "photographs": 5,
        "rendered": 4,
    }
