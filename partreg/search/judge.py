"""Judge anybody's features by every rule in use, in one table, with the toolbox that would have printed each line.

The rules are those of `partreg.retrieval.variants`; the chapter "How much does the rule change the score?" shows what
they change.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from partreg.datasets.images import images_table
from partreg.errors import PartregError
from partreg.retrieval.distances import check_features, l2
from partreg.retrieval.variants import (
    EVERY,
    NO_QUERIES,
    TOOLBOXES,
    WHOLE,
    vehicleid_variants,
    veri_toolboxes,
    veri_variants,
)
from partreg.search.labelled import Labelled

# Names that the arrays have where torchreid and fast-reid compute their scores.
TORCHREID = ("qf", "gf", "q_pids", "g_pids", "q_camids", "g_camids")
FASTREID = (
    "query_features", "gallery_features", "query_pids", "gallery_pids", "query_camids", "gallery_camids",
)  # fmt: skip
SCORES = {"mAP": "mAP", "rank1": "CMC@1", "rank5": "CMC@5", "hit1": "HIT@1", "hit5": "HIT@5"}
COLUMNS = ("protocol", "toolbox", "gallery", "rule", "ties", *SCORES.values())
VEHICLEID = {  # who draws VehicleID's gallery so
    "one random image is the gallery": "partreg, BravoLu/OpenVehicleReID",
    "the same, the draw with the lowest score": "JDAI-CV/fast-reid, Syliz517/CLIP-ReID (one draw, at worst)",
    "the same, the draw with the highest score": "JDAI-CV/fast-reid, Syliz517/CLIP-ReID (one draw, at best)",
    "one random image is the query": "slpluan/vehicle_reid",
}


@dataclass(frozen=True)
class Sides:
    """Queries and gallery with features.

    Attributes:
        query: table of images.
        gallery: table of images.
        query_features: (Q, D).
        gallery_features: (G, D).
        named: whether file names are known, by which a query's copy in the gallery is known.
    """

    query: pd.DataFrame
    gallery: pd.DataFrame
    query_features: np.ndarray
    gallery_features: np.ndarray
    named: bool = True


def judge(labelled: Labelled, cosine: bool = False) -> pd.DataFrame:
    """Score features by each variant of the protocol that their table allows.

    With queries and a gallery in ``split``, the protocol is VeRi-776's; without a split it is VehicleID's, over all
    images but those of training.

    Args:
        labelled: images and features.
        cosine: compare directions alone, as by the cosine; rank lists by it and by L2 distance of features of length 1
            are the same.

    Returns:
        A frame with the columns `COLUMNS`; scores are fractions, NaN where a protocol has none.

    Raises:
        PartregError: no query has a match, or no vehicle has two images.
    """
    held = labelled.held_out()
    split = held.images["split"] if "split" in held.images else pd.Series("", index=held.images.index)
    if not (split == "query").any() or not (split == "gallery").any():
        return judge_vehicleid(held.features, held.images["vehicle"].to_numpy(), cosine)
    rows = [(split == name).to_numpy() for name in ("query", "gallery")]
    query, gallery = (held.images[row].drop(columns="split").reset_index(drop=True) for row in rows)
    return judge_sides(Sides(query, gallery, held.features[rows[0]], held.features[rows[1]]), cosine)


def judge_sides(sides: Sides, cosine: bool = False) -> pd.DataFrame:
    """The same for queries and a gallery, by VeRi-776's protocol."""
    query, gallery = (directions(part) if cosine else part for part in (sides.query_features, sides.gallery_features))
    distances = l2(query, gallery)
    every = veri_variants(distances, sides.query, sides.gallery)
    every["toolbox"] = [_printed_by(*row) for row in every[["gallery", "rule", "ties"]].itertuples(index=False)]
    names = [toolbox.name for toolbox in TOOLBOXES if toolbox.curve == EVERY]
    printed = veri_toolboxes(distances, sides.query, sides.gallery)
    others = printed[printed["toolbox"].isin(names)].assign(gallery=WHOLE, rule="sklearn; CMC by every match", ties="")
    table = pd.concat([every, others], ignore_index=True).rename(columns=SCORES).assign(protocol="VeRi-776")
    if not (sides.gallery["track"] != "").any():
        table[["HIT@1", "HIT@5"]] = np.nan  # every image would be a track of its own
    return _ordered(table if sides.named else table[table["gallery"] != NO_QUERIES])


def judge_vehicleid(features: np.ndarray, vehicles: np.ndarray, cosine: bool = False) -> pd.DataFrame:
    """The same for images without a split, by VehicleID's protocol."""
    found = vehicleid_variants(directions(features) if cosine else features, vehicles)
    table = found.rename(columns={"variant": "gallery", "cmc1": "CMC@1", "cmc5": "CMC@5"})
    table["toolbox"] = table["gallery"].map(VEHICLEID).fillna("")
    return _ordered(table.assign(protocol="VehicleID"))


def directions(features: np.ndarray) -> np.ndarray:
    """Scale features (N, D) to length 1.

    Raises:
        PartregError: a feature is zero, so it has no direction.
    """
    lengths = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    if not lengths.all():
        row = int(np.flatnonzero(lengths[:, 0] == 0)[0])
        raise PartregError(f"row {row} of the features is zero and has no direction; leave --cosine out.")
    scaled: np.ndarray = features / lengths
    return scaled


def read_sides(path: str | Path) -> Sides:
    """Read the arrays from which torchreid and fast-reid compute their scores, out of one .npz file.

    Neither writes such a file itself; ``np.savez("features.npz", qf=qf, gf=gf, q_pids=q_pids, g_pids=g_pids,
    q_camids=q_camids, g_camids=g_camids)`` does, where torchreid has them. fast-reid's own names are read, too.

    Raises:
        PartregError: the file is missing, no .npz of numbers, or lacks an array; or rows do not fit each other.
    """
    path = Path(path)
    if path.is_dir() or path.suffix == ".npy":
        raise PartregError(f"{path}: no names of vehicles are in it; give a CSV with them, too, as images.csv.")
    arrays = _arrays(path)
    names = FASTREID if FASTREID[0] in arrays else TORCHREID
    if absent := [name for name in names if name not in arrays]:
        raise PartregError(f"{path}: expected the arrays {', '.join(names)}; {absent[0]} is missing; save it, too.")
    features = [check_features(arrays[name], f"{path}: {name}:") for name in names[:2]]
    for name, rows in zip(names[2:], [len(side) for side in features] * 2, strict=True):
        if arrays[name].shape != (rows,) or arrays[name].dtype.kind not in "iu":
            found = f"{arrays[name].dtype} of shape {arrays[name].shape}"
            raise PartregError(f"{path}: {name}: expected {rows:,} whole numbers, found {found}; save it again.")
    tables = []
    for side, vehicles, cameras in zip(("query", "gallery"), names[2:4], names[4:], strict=True):
        images = [f"{side}/{row}" for row in range(len(arrays[vehicles]))]
        columns = {"image": images, "path": images, "vehicle": arrays[vehicles], "camera": arrays[cameras]}
        tables.append(images_table(columns, f"{path}: {vehicles}"))
    return Sides(tables[0], tables[1], features[0], features[1], named=False)


def report(table: pd.DataFrame) -> str:
    """The table as text, scores with three digits, without columns and scores that it has not."""
    shown = table.dropna(axis=1, how="all")
    shown = shown.loc[:, (shown != "").any()].drop(columns="protocol")
    words = {name: shown[name].str.ljust(shown[name].str.len().max()) for name in COLUMNS[1:5] if name in shown}
    lines = shown.assign(**words).to_string(index=False, float_format="{:.3f}".format, na_rep="", justify="left")
    return f"protocol of {table['protocol'].iloc[0]}\n{lines}"


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files if name in (*TORCHREID, *FASTREID)}
    except FileNotFoundError as error:
        raise PartregError(f"{path}: no such file; check the path.") from error
    except Exception as error:  # NumPy raises many kinds for a spoilt file
        raise PartregError(
            f"{path}: expected a .npz file of arrays of numbers ({type(error).__name__}: {str(error)[:120]}); save it "
            "again by np.savez."
        ) from error


def _printed_by(gallery: str, rule: str, ties: str) -> str:
    """The toolboxes that would print a variant, by `TOOLBOXES`."""
    if ties not in ("stable", "together"):
        return ""
    names = [one.name for one in TOOLBOXES if (one.gallery, one.rule) == (gallery, rule) and one.curve != EVERY]
    return ", ".join(names)


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """The columns in order, lines that a toolbox prints first."""
    table = table.reindex(columns=COLUMNS)
    table = table.assign(**{name: table[name].astype(object).fillna("") for name in COLUMNS[:5]})
    first = np.argsort((table["toolbox"] == "").to_numpy(), kind="stable")
    return table.iloc[first].reset_index(drop=True)
