"""The score over every gallery against the mean over all of them, one by one."""

from itertools import product

import numpy as np
import pytest

from partreg.errors import PartregError
from partreg.retrieval.distances import l2
from partreg.retrieval.expected import expected_cmc1, expected_hits


@pytest.mark.parametrize("ties", [True, False])
def test_the_expected_hits_are_the_mean_over_every_gallery(ties):
    singles = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        vehicles = rng.permutation([7, 7, 7, 3, 3, 9, 9, 5][: 7 + seed % 2])
        features = rng.integers(0, 3, (len(vehicles), 2)) if ties else rng.standard_normal((len(vehicles), 2))
        found, times, scores = np.zeros(len(vehicles)), np.zeros(len(vehicles)), []
        for gallery in product(*(np.flatnonzero(vehicles == vehicle) for vehicle in np.unique(vehicles))):
            queries = np.setdiff1d(np.arange(len(vehicles)), gallery)
            distances = l2(features[queries], features[list(gallery)])
            hits = [vehicles[gallery[int(row.argmin())]] for row in distances] == vehicles[queries]
            found[queries] += hits
            times[queries] += 1
            scores.append(hits.mean())
        expected = expected_hits(features, vehicles)
        assert np.isnan(expected).tolist() == (times == 0).tolist()
        singles += np.isnan(expected).sum()
        asked = times > 0
        np.testing.assert_allclose(expected[asked], found[asked] / times[asked])
        assert expected_cmc1(expected, vehicles) == pytest.approx(np.mean(scores))
    assert singles, "a vehicle of one image is never asked for"


def test_a_score_needs_a_vehicle_with_two_images():
    vehicles = np.arange(4)
    with pytest.raises(PartregError, match="at least one with two images"):
        expected_cmc1(expected_hits(np.eye(4), vehicles), vehicles)
