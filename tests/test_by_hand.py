"""What chapters compute by hand in a cell of theirs, on data made here: it is what the library gives."""

from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from partreg import paper, workflow
from partreg.datasets.veri import cross_camera
from partreg.figures import origins, ranklist, tables
from partreg.parts.cells import covered_cells
from partreg.reid import likeness
from partreg.reid.activation import class_activation
from partreg.reid.loss import agreement_loss, branch_losses
from partreg.reid.network import PartRegularizedNet
from partreg.retrieval import metrics
from partreg.retrieval.distances import l2
from partreg.retrieval.protocols import draw_gallery, vehicleid_protocol, veri_scores
from partreg.retrieval.statistics import Prior, difference
from partreg.search import rates, threshold
from partreg.studies import effects
from tests.conftest import REPOSITORY

RNG = np.random.default_rng(3)
VEHICLES = np.repeat(np.arange(12), 5)
FEATURES = (RNG.normal(size=(12, 8))[VEHICLES] + RNG.normal(size=(60, 8))).astype(np.float32)


def run(chapter: str, cell: str = "hand", /, **names):
    """The names that a cell of a chapter leaves, after it ran on the ones given."""
    notebook = nbformat.read(REPOSITORY / "notebooks" / f"{chapter}.ipynb", as_version=4)
    (source,) = (one.source for one in notebook.cells if one.id == cell)
    space = {
        "np": np,
        "pd": pd,
        "torch": torch,
        "l2": l2,
        "tables": tables,
        "origins": origins,
        "paper": paper,
        **names,
    }
    exec(source, space)
    return SimpleNamespace(**space)


def test_cmc_in_chapter_05():
    judged = {60: vehicleid_protocol(FEATURES, VEHICLES)}
    workflow = SimpleNamespace(vehicleid_scores=lambda ws, run: judged)
    data = {"features": FEATURES, "vehicles": VEHICLES, "test": VEHICLES, "full": [None], "ws": None}
    shown = run("05_vehicleid", **data, workflow=workflow, sets={"Large": 60}, largest="Large")
    assert shown.found["CMC@1"][0] == shown.found["CMC@1"][1] > 0.1
    assert shown.found["CMC@5"][0] == shown.found["CMC@5"][1] < 1


@pytest.mark.parametrize("number", range(6))
def test_one_query_in_chapter_06(number):
    images = pd.DataFrame(
        {"vehicle": VEHICLES, "camera": RNG.integers(0, 3, 60), "image": [f"{i}.jpg" for i in range(60)]}
    )
    images["track"] = [f"{row.vehicle} {row.camera}" for row in images.itertuples()]
    data = SimpleNamespace(query=images[::7].reset_index(drop=True), gallery=images)
    distances = l2(FEATURES[::7], FEATURES)
    first = veri_scores(distances, data.query, data.gallery)
    shown = run("06_veri", data=data, distances=distances, first=first, number=number)
    assert shown.found["by hand"] == shown.found["library"]
    assert shown.left_out.sum() > 0


def test_an_interval_over_vehicles_in_chapter_07():
    worse = FEATURES + RNG.normal(size=FEATURES.shape)
    judged = {
        paper.FULL: [vehicleid_protocol(FEATURES, VEHICLES)] * 2,
        paper.BASELINE: [vehicleid_protocol(worse, VEHICLES)],
    }
    shown = run("07_ablation", judged=judged)
    assert shown.by_hand == pytest.approx(shown.library[1:])
    assert shown.by_hand[0] < shown.library.mean < shown.by_hand[1]


def test_the_cells_of_a_box_in_chapter_08():
    windows = pd.DataFrame([{"x0": 0.15, "y0": 0.26, "x1": 0.61, "y1": 0.44}])
    picture = np.full((30, 40, 3), 200, np.uint8)
    shown = run("08_resolution", windows=windows, picture=picture, sides={32: 2, 128: 8}, covered_cells=covered_cells)
    assert [line[-2:] for line in shown.lines.values()] == [[2, 2], [8, 8]]
    assert [line[:4] for line in shown.lines.values()] == [
        ["1,024", "1.0", "2 × 2", "20.0 × 15.0"],
        ["16,384", "16.0", "8 × 8", "5.0 × 3.8"],
    ]
    bright = shown.shown["128 px"][..., 0] == 200
    assert (bright.any(axis=0).sum(), bright.any(axis=1).sum()) == (4 * 5, 7)  # rows 8 to 14 of pixels


def test_a_map_as_a_sum_over_channels_in_chapter_09():
    network = PartRegularizedNet(5, backbone="tiny", dim=8).eval()
    pixels = RNG.integers(0, 255, (2, 32, 32, 3), dtype=np.uint8)
    maps = class_activation(network, torch.from_numpy(pixels).permute(0, 3, 1, 2)).numpy()
    names = {"load": lambda folder: (SimpleNamespace(size=32), network, []), "decoded": lambda *of: pixels}
    nothing = {"folders": {"PR": ""}, "test": None, "ws": SimpleNamespace(pixels="")}
    shown = run("09_activation_maps", **names, **nothing, found={"PR": maps})
    assert shown.by_hand.numpy() == pytest.approx(maps[0], abs=1e-5)
    assert np.ptp(maps[0]) > 1e-3


def test_the_nearest_in_chapter_10():
    gallery = draw_gallery(VEHICLES, np.random.default_rng(0))
    queries = np.setdiff1d(np.arange(60), gallery)
    lists = {"a": ranklist.rank_lists(FEATURES, VEHICLES, queries, gallery, 4)}
    test = pd.DataFrame({"image": [f"{i}.jpg" for i in range(60)]})
    names = {"features": {"a": FEATURES}, "a": "a", "top": 4, "test": test, "lists": lists}
    shown = run("10_rank_lists", **names, gallery=gallery, queries=queries)
    assert shown.by_hand.tolist() == lists["a"].results[0].tolist()


def test_a_difference_of_means_in_chapter_12():
    table = pd.DataFrame({"row": np.repeat(list(workflow.STRONG), 4), "seed": [*range(4), *range(4)]})
    table["cmc1"] = RNG.uniform(size=8)
    usual = SimpleNamespace(kept_table=lambda name: (table, []), usual_scatter=lambda kept: Prior(0.04, 6.0))
    names = {"effects": usual, "workflow": workflow, "stats": stats, "difference": difference}
    usual.read_evidence = dict
    lines = run("12_where_it_breaks", "strong", **names, source_line=lambda of: "", recorded=lambda of: of).lines
    assert lines["written out"] == pytest.approx(lines["the library's"])
    assert lines["written out"][1] < lines["written out"][0] < lines["written out"][2]


def test_an_interval_for_other_trainings_and_vehicles_in_chapter_13():
    def against(row, rival=paper.BASELINE, **of):
        return {**of, "row": row}, {**of, "row": rival}

    shown = run(
        "13_when_parts_pay", "gain", kept=effects.read_evidence(), stats=stats, effects=effects, against=against
    )
    assert shown.shown["written out"] == pytest.approx(shown.shown["the library's"])
    assert np.ptp(shown.shown["written out"]) > 0


@pytest.mark.parametrize("levels", [None, 6])
def test_three_rules_of_one_list_in_chapter_14(levels):
    images = pd.DataFrame({"vehicle": VEHICLES, "camera": RNG.integers(0, 3, 60)})
    images["image"] = [f"{number}.jpg" for number in range(60)]
    distances = l2(FEATURES[::7], FEATURES)
    distances = distances if levels is None else np.round(levels * distances / distances.max())  # many ties
    data = SimpleNamespace(query=images[::7].reset_index(drop=True), gallery=images)
    names = {name: getattr(metrics, name) for name in ("match_ranks", "average_precision", "AP_RULES")}
    lines = run(
        "14_every_rule", "one", data=data, distances=distances, made="", cross_camera=cross_camera, **names
    ).lines
    for written, library in lines.values():
        assert written == pytest.approx(library)
    assert len({round(written, 6) for written, _ in lines.values()}) == (2 if levels is None else 3)


@pytest.fixture
def on_a_batch():
    """What chapter 15 has of a batch: six images, the last without parts, and a network that has learnt nothing."""
    torch.manual_seed(0)
    network = PartRegularizedNet(5, backbone="tiny").eval()
    corners = torch.tensor([0.2, 0.3, 0.5, 0.6]).expand(6, 4, 4).clone()
    corners[5] = torch.nan
    maps = []
    network.backbone.register_forward_hook(lambda layer, given, made: maps.append(made))
    output = network(torch.randint(0, 256, (6, 3, 64, 64), dtype=torch.uint8), corners)
    names = {"network": network, "corners": corners, "maps": maps, "output": output, "batch": range(6)}
    names["this"] = SimpleNamespace(parts=network.parts, part_weight=0.3)
    return {**names, "agreement_loss": agreement_loss, "branch_losses": branch_losses}


def test_the_pull_in_chapter_15(on_a_batch):
    shown = run("15_what_pays", **on_a_batch)
    assert shown.by_hand.item() == pytest.approx(agreement_loss(on_a_batch["output"]).item())
    assert shown.by_hand > 0
    assert (shown.divergence[5] == 0).all()  # an image without parts adds nothing


def test_what_reaches_the_global_branch_in_chapter_15(on_a_batch):
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    made = SimpleNamespace(origins=lambda *of: None)
    shown = run("15_what_pays", "reach", **on_a_batch, labels=labels, workflow=made, source_line=lambda of: "", ws=None)
    share, *norms = shown.found["Eq. 3, part terms"]
    assert (share, norms) == ("100.0%", ["0", "0"])
    for term in ("Eq. 3, global term", "the pull"):
        assert all(float(norm) > 0 for norm in shown.found[term][1:]), term
    area = shown.cells[:5].float().mean().item()  # all five have the same boxes; the pull reaches all cells alike
    assert float(shown.found["the pull"][0].rstrip("%")) / 100 == pytest.approx(area, abs=6e-4)


def test_a_likeness_map_in_chapter_09():
    network = PartRegularizedNet(3, "tiny", dim=8).eval()
    pixels = RNG.integers(0, 256, (60, 32, 32, 3)).astype(np.uint8)
    test = pd.DataFrame({"vehicle": VEHICLES, "path": [str(number) for number in range(60)]})
    names = {
        "load": lambda folder: (SimpleNamespace(size=32), network, None),
        "decoded": lambda table, size, folder: pixels,
        "likeness_sheet": lambda first, second, pairs: None,
        "cell_features": likeness.cell_features,
        "made": "",
    }
    data = {"test": test, "picked": [10], "folders": {"PR": "a"}, "ws": SimpleNamespace(pixels="")}
    shown = run("09_activation_maps", "likeness", **names, **data)
    assert (shown.one, shown.other) == (10, 11)
    assert shown.product == pytest.approx(shown.total, rel=1e-5)
    cells = likeness.cell_features(network, torch.from_numpy(pixels[[10, 11]]).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(shown.pairs["PR"], likeness.likeness(*cells), rtol=1e-5)


@pytest.mark.parametrize("rate", [0.01, 0.2])
def test_a_threshold_and_what_it_misses_in_chapter_16(rate):
    names = {"pairs_of": threshold.pairs_of, "rates": rates, "made": "", "rate": rate}
    shown = run("16_same_or_not", **names, features={"with parts": FEATURES}, vehicles=VEHICLES)
    assert shown.lines["by hand"] == pytest.approx(shown.lines["library"])
    calibrated = threshold.calibrate(shown.pairs["with parts"], rate)
    assert shown.lines["by hand"] == pytest.approx([calibrated.distance, calibrated.missed])
    assert 0 < shown.missed < 1
