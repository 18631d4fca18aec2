"""Both protocols end to end, against loops that read as the rules do."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_reference import slow_average_precision, slow_group_rank, slow_order

from partreg.datasets.images import images_table
from partreg.errors import PartregError
from partreg.retrieval.protocols import (
    draw_gallery,
    single_match_ranks,
    vehicleid_protocol,
    veri_protocol,
    veri_scores,
)
from partreg.retrieval.tracks import track_numbers


def table(vehicles, cameras, tracks=None) -> pd.DataFrame:
    names = [f"image_test/{row:03d}.jpg" for row in range(len(vehicles))]
    columns = {"image": names, "path": names, "vehicle": vehicles, "camera": cameras}
    return images_table(columns if tracks is None else {**columns, "track": tracks})


def test_draw_gallery_takes_one_image_of_each_vehicle():
    vehicles = np.repeat([7, 3, 5], [4, 1, 2])
    drawn = [draw_gallery(vehicles, np.random.default_rng(seed)) for seed in range(60)]
    assert all(vehicles[rows].tolist() == [3, 5, 7] for rows in drawn)
    assert {int(rows[2]) for rows in drawn} == {0, 1, 2, 3}, "every image of vehicle 7 has its turn"
    assert all(rows[0] == 4 for rows in drawn)


def test_single_match_ranks_by_hand():
    distances = np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [0.2, 0.2, 0.1], [0.2, 0.2, 0.1]])
    # Vehicles 3, 5, 7 are the gallery; the third and fourth query's vehicles tie: gallery order decides.
    assert single_match_ranks(distances, np.array([3, 7, 3, 5]), np.array([3, 5, 7])).tolist() == [1, 3, 2, 3]


def test_vehicleid_on_perfect_features():
    vehicles = np.repeat([4, 2, 9], [3, 2, 1])
    scores = vehicleid_protocol(np.eye(10)[vehicles], vehicles, galleries=4)
    assert scores.cmc.shape == (4, 3), "the curve is no longer than the gallery"
    assert scores.cmc1 == scores.cmc5 == 1
    assert scores.spread == (0, 0)
    assert scores.queries == 3
    assert np.isnan(scores.hits[5]), "vehicle 9 has one image, which is never a query"


def test_vehicleid_counts_as_equation_4_says():
    rng = np.random.default_rng(3)
    vehicles = rng.integers(0, 12, 60)
    features = rng.standard_normal((60, 3)) + 0.2 * vehicles[:, None]
    scores = vehicleid_protocol(features, vehicles, galleries=3, seed=5)
    draw = np.random.default_rng(5)
    curves, found = [], np.zeros((3, 60))
    found[:] = np.nan
    for turn in range(3):
        gallery = draw_gallery(vehicles, draw)
        ranks = []
        for query in sorted(set(range(60)) - set(gallery.tolist())):
            order = sorted(gallery.tolist(), key=lambda row: np.linalg.norm(features[query] - features[row]))
            ranks.append([vehicles[row] for row in order].index(vehicles[query]) + 1)
            found[turn, query] = ranks[-1]
        curves.append([np.mean([rank <= k for rank in ranks]) for k in range(1, scores.cmc.shape[1] + 1)])
    np.testing.assert_allclose(scores.cmc, curves)
    asked = ~np.isnan(found).all(axis=0)
    for hits, k in ((scores.hits, 1), (scores.hits5, 5)):
        within = np.where(np.isnan(found), np.nan, found <= k)
        np.testing.assert_allclose(hits[asked], np.nanmean(within[:, asked], axis=0))
    assert 0 < scores.cmc1 < scores.cmc5 < 1


def test_vehicleid_is_deterministic():
    features, vehicles = np.random.default_rng(0).standard_normal((30, 4)), np.arange(30) % 6
    first, again, other = (vehicleid_protocol(features, vehicles, seed=seed) for seed in (1, 1, 2))
    assert first.cmc.tolist() == again.cmc.tolist() != other.cmc.tolist()


def test_vehicleid_needs_a_vehicle_with_two_images():
    with pytest.raises(PartregError, match="no query has a match"):
        vehicleid_protocol(np.zeros((3, 2)), np.arange(3))


def test_veri_by_hand():
    gallery = table([1, 1, 1, 2, 2, 2], [1, 2, 2, 1, 2, 2], ["a", "b", "b", "c", "d", "d"])
    query = gallery.iloc[[0, 4]].reset_index(drop=True)
    distances = np.array([[0, 0.5, 0.4, 0.1, 0.3, 0.2], [0.1, 0.6, 0.7, 0.2, 0.0, 0.0]])
    scores = veri_scores(distances, query, gallery)
    # Query 0: column 0 is junk; then 3, 5, 4 (wrong), 2 and 1 (good): ranks 4, 5. Tracks: c, d, then b: 3.
    # Query 1: columns 4 and 5 are junk; then 0 (wrong), 3 (good): rank 2. Tracks: a, then c: 2.
    np.testing.assert_allclose(scores.ap, [(1 / 4 + 2 / 5) / 2, 1 / 2])
    assert scores.mAP == pytest.approx((0.325 + 0.5) / 2)
    assert scores.image_ranks.tolist() == [4, 2]
    assert scores.track_ranks.tolist() == [3, 2]
    assert (scores.hit1, scores.hit5, scores.hits.tolist()) == (0, 1, [0, 0])
    assert scores.hit[:3].tolist() == [0, 0.5, 1]
    assert scores.cmc[:4].tolist() == [0, 0.5, 0.5, 1]
    assert scores.skipped == 0


def test_veri_skips_and_counts_queries_without_a_match():
    gallery = table([1, 1, 2], [1, 2, 1])
    query = gallery.iloc[[0, 2]].reset_index(drop=True)
    scores = veri_scores(np.array([[0, 0.1, 0.2], [0.2, 0.1, 0]]), query, gallery)
    assert scores.skipped == 1
    assert (scores.mAP, scores.hit1) == (1, 1)
    assert np.isnan([scores.ap[1], scores.hits[1]]).all()


def test_veri_with_cameras_unknown_or_all_equal():
    gallery = table([1, 1, 2, 2], [-1] * 4)
    assert veri_protocol(np.eye(4), np.eye(4), gallery, gallery).skipped == 0, "unknown cameras are not equal ones"
    equal = table([1, 1, 2, 2], [0] * 4)
    with pytest.raises(PartregError, match="no query has a match"):
        veri_protocol(np.eye(4), np.eye(4), equal, equal)


def test_images_in_no_track_are_tracks_of_their_own():
    assert track_numbers(table([1, 1, 1, 2], [1, 2, 2, 1], ["", "b", "b", ""])).tolist() == [0, 1, 1, 2]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_veri_agrees_with_the_definition(seed):
    rng = np.random.default_rng(seed)
    vehicles, cameras = rng.integers(0, 3, 30), rng.integers(0, 3, 30)
    tracks = np.array([f"{v}_{c}_{rng.integers(2)}" for v, c in zip(vehicles, cameras, strict=True)])
    gallery = table(vehicles, cameras, tracks)
    query = gallery.iloc[::4].reset_index(drop=True)
    distances = rng.integers(0, 40, (len(query), 30)).astype(np.float32)
    same = np.equal.outer(query["vehicle"].to_numpy(), vehicles)
    kinds = same + (same & np.equal.outer(query["camera"].to_numpy(), cameras)).astype(int)
    if not (kinds == 1).any():
        return
    scores = veri_scores(distances, query, gallery)
    assert scores.ap is scores.aps["rectangular"]
    for rule, aps in scores.aps.items():
        numbers = track_numbers(gallery)
        for row, kind, ap, image, track in zip(
            distances, kinds, aps, scores.image_ranks, scores.track_ranks, strict=True
        ):
            assert track == slow_group_rank(row, kind, numbers)
            if (kind == 1).any():
                assert ap == pytest.approx(slow_average_precision(row, kind, rule, "stable"))
                assert image == 1 + [kind[column] for column in slow_order(row, kind, "stable")].index(1)


def test_veri_refuses_what_does_not_fit():
    gallery = table([1, 1], [1, 2])
    with pytest.raises(PartregError, match=r"query features have shape \(3, 2\), expected \(2, width\)"):
        veri_protocol(np.zeros((3, 2)), np.zeros((2, 2)), gallery, gallery)
    with pytest.raises(PartregError, match=r"expected \(2, 2\)"):
        veri_scores(np.zeros((2, 3)), gallery, gallery)


def test_the_error_of_veris_rule_names_the_one_camera():
    rows = table([1, 2], [3, 3])
    with pytest.raises(PartregError, match=r"only in the query's own \(camera 3\); .* -1 where the camera is unknown"):
        veri_scores(np.zeros((2, 2)), rows, rows)
    with pytest.raises(PartregError, match=r"\(cameras 3, 4\)"):
        veri_scores(np.zeros((2, 2)), table([1, 2], [3, 4]), table([1, 2], [3, 4]))
    for strangers in (table([8, 9], [3, 3]), rows[:0]):
        with pytest.raises(PartregError, match=r"no query has a match in the gallery, .* check the vehicle numbers"):
            veri_scores(np.zeros((len(strangers), 2)), strangers, rows)


def test_a_track_of_two_vehicles_is_refused():
    with pytest.raises(PartregError, match="the track 'b' holds images of two vehicles"):
        track_numbers(table([1, 1, 2, 2], [1, 2, 2, 1], ["a", "b", "b", "c"]))


@pytest.mark.parametrize("galleries", [0, -1])
def test_no_gallery_is_refused(galleries):
    with pytest.raises(PartregError, match="expected at least one; raise it"):
        vehicleid_protocol(np.eye(4), np.array([0, 0, 1, 1]), galleries=galleries)
