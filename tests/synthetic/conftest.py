"""One tiny benchmark, rendered once for all tests of this folder."""

from pathlib import Path

import pytest

from partreg.synthetic import Benchmark, write_vehicleid, write_veri

TINY = Benchmark(
    size=40, train_vehicles=4, test_vehicles=(2, 3, 4), images_per_vehicle=3, veri_train_vehicles=3,
    veri_test_vehicles=3, tracks_per_vehicle=3, images_per_track=2, near_duplicates=2, models=3,
)  # fmt: skip


@pytest.fixture(scope="session")
def tiny() -> Benchmark:
    return TINY


@pytest.fixture(scope="session")
def vehicleid_root(tmp_path_factory) -> Path:
    return write_vehicleid(TINY, tmp_path_factory.mktemp("vehicleid") / "VehicleID_V1.0", jobs=1)


@pytest.fixture(scope="session")
def veri_root(tmp_path_factory) -> Path:
    return write_veri(TINY, tmp_path_factory.mktemp("veri") / "VeRi", jobs=1)
