from functools import partial

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from partreg.baselines import plates
from partreg.errors import PartregError


@pytest.fixture(scope="module")
def crops():
    """Three plates of seven bright or dark bars, four crops each, and one image without a plate."""
    texts = ["AB12345", "CD67890", "EF13579"]
    drawn = np.zeros((13, 32, 96), np.uint8)
    for k in range(12):
        bars = np.random.default_rng(k % 3).integers(40, 220, (8, 24), dtype=np.uint8)
        drawn[k] = np.kron(bars, np.ones((4, 4), np.uint8))
    return drawn, np.arange(13) < 12, [texts[k % 3] for k in range(12)] + [""]


def test_load_crops(tmp_path):
    left = np.zeros((24, 72, 3), np.uint8)
    left[:, :36] = 200
    cv2.imwrite(str(tmp_path / "a.png"), left)
    cv2.imwrite(str(tmp_path / "b.png"), np.full((64, 300), 90, np.uint8))
    names = [str(tmp_path / "a.png"), "", str(tmp_path / "b.png")]
    crops, has = plates.load_crops(pd.DataFrame({"crop": names}))
    assert (crops.shape, crops.dtype, has.tolist()) == ((3, 32, 96), np.uint8, [True, False, True])
    assert (crops[0, :, :46] == 200).all()
    assert (crops[0, :, 50:] == 0).all()
    assert not crops[1].any()
    assert (crops[2] == 90).all()


def test_a_crop_that_is_no_picture(tmp_path):
    (tmp_path / "a.jpg").write_text("plate")
    for name in ("a.jpg", "b.jpg"):
        with pytest.raises(PartregError, match=rf"{name}: (not a readable image|no such picture)"):
            plates.load_crops(pd.DataFrame({"crop": [str(tmp_path / name)]}))


def test_the_light_on_a_plate_is_taken_away():
    crop = np.random.default_rng(0).integers(0, 100, (1, 32, 96), dtype=np.uint8)
    dim, bright = plates.prepared(crop), plates.prepared(crop * 2 + 20)
    assert dim.shape == (1, 1, 32, 96)
    assert float(dim.mean()) == pytest.approx(0, abs=1e-5)
    assert torch.allclose(dim, bright, atol=0.15)
    assert torch.isfinite(plates.prepared(np.full((1, 32, 96), 7, np.uint8))).all()


def test_disturbing_moves_a_plate_a_little():
    x = plates.prepared(np.tile(np.repeat(np.arange(12, dtype=np.uint8) * 20, 8), (6, 32, 1)))
    first, again = (plates.disturbed(x, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert first.shape == x.shape
    for changed, plain in zip(first, x, strict=True):
        assert not torch.equal(changed, plain)
        assert np.corrcoef(changed.flatten(), plain.flatten())[0, 1] > 0.9


def test_texts_to_symbols_and_back():
    symbols = plates.targets(["A09", "京z12345"])
    assert symbols.tolist() == [[1, 27, 36, 0, 0, 0, 0], [-100, 26, 28, 29, 30, 31, 32]]
    scores = torch.nn.functional.one_hot(symbols[:1], 37).float()
    assert plates.spelled(scores) == ["A09"]
    assert len(plates.SYMBOLS) == len(set(plates.SYMBOLS)) == 37
    with pytest.raises(PartregError, match=r"plates of up to 7 symbols, found 'AB123456'"):
        plates.targets(["A", "AB123456"])


def test_the_untrained_reader_looks_at_the_places_from_left_to_right():
    torch.manual_seed(0)
    reader = plates.Reader(width=4).eval()
    assert reader(torch.zeros(2, 1, 32, 96)).shape == (2, 7, 37)
    columns = reader.prior.detach().flatten(1).softmax(1).view(7, 4, 24).sum(1)
    middles = (columns * (torch.arange(24) + 0.5)).sum(1) / 24
    assert torch.allclose(middles, 0.07 + 0.86 * (torch.arange(7) + 0.5) / 7, atol=0.01)


def test_the_reader_learns_what_stands_on_the_plates(crops, monkeypatch):
    monkeypatch.setattr(plates, "disturbed", lambda x, chance: x)
    monkeypatch.setattr(plates, "Reader", partial(plates.Reader, width=8))
    pictures, has, texts = crops
    reader = plates.train_reader(pictures, has, texts, epochs=60, seed=0)
    assert plates.read(reader, pictures, has) == texts


def test_the_same_seed_gives_the_same_weights_and_leaves_torchs_chance_alone(crops):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    a, b, c = (
        torch.cat([value.flatten() for value in plates.train_reader(*crops, epochs=1, seed=seed).state_dict().values()])
        for seed in (0, 0, 1)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(torch.rand(1), expected)


def test_images_without_a_plate(crops):
    pictures, _, texts = crops
    nowhere = np.zeros(13, bool)
    with pytest.raises(PartregError, match=r"expected plates of training images"):
        plates.train_reader(pictures, nowhere, texts, epochs=1, seed=0)
    assert plates.read(plates.Reader(), pictures, nowhere) == [""] * 13


def test_the_rate_rises_and_then_falls_to_nothing():
    rates = [plates.rate_left(done) for done in np.linspace(0, 1, 101)]
    assert rates[0] == pytest.approx(0.05)
    assert rates[5] == max(rates) > 0.98
    assert rates[-1] == pytest.approx(0)
    assert (np.diff(rates[5:]) < 0).all()
