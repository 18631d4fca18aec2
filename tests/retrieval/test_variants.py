import numpy as np
import pytest

from partreg.datasets.images import images_table
from partreg.retrieval.distances import l2
from partreg.retrieval.protocols import vehicleid_protocol, veri_scores
from partreg.retrieval.variants import drawn_features, noisy, rules_by_score, vehicleid_variants, veri_variants


def tables():
    columns = {"vehicle": [1, 1, 1, 2, 2], "camera": [1, 1, 2, 1, 2]}
    names = ["a", "b", "c", "d", "e"]
    gallery = images_table({"image": [f"image_test/{n}" for n in names], "path": names, **columns})
    query = gallery.iloc[[0, 3]].assign(image=["image_query/a", "image_query/d"]).reset_index(drop=True)
    return query, gallery


def test_veri_variants_by_hand():
    query, gallery = tables()
    distances = np.array([[0, 0.2, 0.3, 0.1, 0.3], [0.1, 0.4, 0.5, 0, 0.3]])
    table = veri_variants(distances, query, gallery).set_index(["gallery", "ties", "rule"]).sort_index()
    # Query 0: d, then c (good) and e at one distance: rank 2, or 3 where both come in together.
    # Query 1: a, then e (good): rank 2. Without the queries a and d: rank 1 (or 2), and 1.
    assert table.loc[("whole", "stable", "rectangular"), "mAP"] == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert table.loc[("whole", "together", "sklearn"), "mAP"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert table.loc[("whole", "stable", "trapezoidal"), "mAP"] == pytest.approx(
        ((1 / 2 + 0) / 2 + (1 / 2 + 0) / 2) / 2
    )
    assert table.loc[("without queries", "stable", "rectangular"), "mAP"] == 1
    assert table.loc[("without queries", "together", "sklearn"), "mAP"] == pytest.approx((1 / 2 + 1) / 2)
    assert table.loc["whole", "rank1"].tolist() == [0] * 5
    assert table.loc[("without queries", "stable", "rectangular"), ["rank1", "hit1"]].tolist() == [1, 1]
    # With nothing left out a query finds itself first: query 0 at ranks 1, 3 (b behind d) and 4, query 1 at 1 and 3.
    assert table.loc[("nothing left out", "stable", "rectangular"), "rank1"] == 1
    assert table.loc[("nothing left out", "stable", "rectangular"), "mAP"] == pytest.approx(
        ((1 + 2 / 3 + 3 / 4) / 3 + (1 + 2 / 3) / 2) / 2
    )
    assert len(table) == 15
    assert veri_scores(distances, query, gallery).mAP == table.loc[("whole", "stable", "rectangular"), "mAP"]


def test_another_cameras_picture_of_the_same_name_is_no_query():
    query, gallery = tables()
    alike = gallery.assign(image=["cam1/a", "cam1/b", "cam2/a", "cam1/d", "cam2/d"])
    asked = query.assign(image=["query/a", "query/d"])
    distances = np.array([[0, 0.2, 0.3, 0.1, 0.3], [0.1, 0.4, 0.5, 0, 0.3]])
    table = veri_variants(distances, asked, alike).set_index(["gallery", "ties", "rule"]).sort_index()
    # c and e, of the other camera, stay in the gallery and are the matches.
    assert table.loc[("without queries", "stable", "rectangular"), "mAP"] == 1


def test_vehicleid_variants_by_hand():
    # On a line: vehicle 1 at 0 and 4, vehicle 2 at 1 and 9. First-listed as gallery: 4 is nearer to 1, 9 to 1.
    features, vehicles = np.array([[0.0], [4], [1], [9]]), np.array([1, 1, 2, 2])
    table = vehicleid_variants(features, vehicles, galleries=3, seed=2).set_index("variant")
    assert table.loc["the first-listed image is the gallery"].tolist() == [0.5, 1]
    expected = vehicleid_protocol(features, vehicles, galleries=3, seed=2)
    assert table.loc["one random image is the gallery", "cmc1"] == expected.cmc1
    # Swapped, whichever is drawn: both others of vehicle 1 or 2 compete; here only 0 or 1 may be right.
    assert 0 <= table.loc["one random image is the query", "cmc1"] <= 1
    assert table.loc["one random image is the query", "cmc5"] == 1


def lists(vehicles=12, cameras=4, seed=0):
    """A gallery with two images of each vehicle in each camera, and its first image in each camera as queries."""
    chance = np.random.default_rng(seed)
    rows = [(vehicle, camera) for vehicle in range(vehicles) for camera in range(cameras) for _ in range(2)]
    names = [f"{number:04d}" for number in chance.permutation(len(rows))]
    columns = dict(zip(("vehicle", "camera"), np.array(rows).T, strict=True))
    gallery = images_table({"image": [f"image_test/{name}" for name in names], "path": names, **columns})
    query = gallery.iloc[::2].reset_index(drop=True)
    return query.assign(image=query.image.str.replace("_test", "_query")), gallery


def test_what_a_rule_changes_depends_on_the_score():
    query, gallery = lists()
    vehicles = np.concatenate([query.vehicle, gallery.vehicle])
    table = rules_by_score(drawn_features(vehicles), query, gallery, (0.0, 1.0, 2.0, 8.0))
    assert table.mAP.is_monotonic_decreasing
    assert table.iloc[0].tolist() == [0, 1, 0, 1, 0]  # perfect features: every rule agrees
    assert (table.trapezoidal[1:] < 0).all()
    assert table.trapezoidal.nunique() == len(table)  # no constant
    # Each line is what the protocols say of the same features.
    names = np.concatenate([query.image, gallery.image])
    worse = noisy(drawn_features(vehicles), np.array([name.split("/")[1] for name in names]), 2.0)
    whole = veri_scores(l2(worse[: len(query)], worse[len(query) :]), query, gallery)
    kept = ~gallery.image.str[11:].isin(query.image.str[12:])
    fewer = veri_scores(l2(worse[: len(query)], worse[len(query) :][kept]), query, gallery[kept].reset_index(drop=True))
    line = table[table.noise == 2].iloc[0]
    assert line.mAP == pytest.approx(whole.mAP)
    assert line.trapezoidal == pytest.approx(np.nanmean(whole.aps["trapezoidal"]) - whole.mAP)
    assert line.no_queries == pytest.approx(fewer.cmc[0] - whole.cmc[0])


def test_noise_is_one_for_an_image_and_its_copy():
    features = np.ones((3, 5)) * np.arange(5)
    worse = noisy(features, np.array(["a", "b", "a"]), 0.5)
    assert np.array_equal(worse[0], worse[2])
    assert not np.allclose(worse[0], worse[1])
    assert np.array_equal(noisy(features, np.array(["a", "b", "a"]), 0.0), features.astype(np.float32))
    assert np.std(noisy(np.tile(np.arange(5), (4000, 1)), np.arange(4000).astype(str), 2.0) - np.arange(5)) == (
        pytest.approx(2 * np.std(np.arange(5)), rel=0.02)
    )
