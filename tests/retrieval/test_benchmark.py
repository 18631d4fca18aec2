from click.testing import CliRunner

from partreg.datasets.veri import cross_camera
from partreg.retrieval import benchmark


def test_the_tables_have_the_data_sets_size_and_structure():
    query, gallery = benchmark.make_tables()
    assert (len(query), len(gallery)) == (1_678, 11_579)
    assert (gallery["vehicle"].nunique(), gallery["track"].nunique()) == (200, 2_021)
    assert gallery.groupby("track")[["vehicle", "camera"]].nunique().to_numpy().max() == 1
    assert query["image"].isin(gallery["image"]).all()
    good, junk = cross_camera(query, gallery)
    assert min(len(rows) for rows in good) > 0
    assert min(len(rows) for rows in junk) > 0


def test_the_command_prints_the_ratio(monkeypatch):
    for name, size in {"QUERIES": 6, "GALLERY": 60, "VEHICLES": 5, "TRACKS": 20, "CAMERAS": 4}.items():
        monkeypatch.setattr(benchmark, name, size)
    result = CliRunner().invoke(benchmark.main, ["--repeats", "1"], catch_exceptions=False)
    assert result.exit_code == 0
    assert [line.split(", ")[0] for line in result.output.splitlines()] == ["6 x 60"] * 3
    assert all("ratio" in line for line in result.output.splitlines())
