"""Make an index of a folder of pictures, or bring an old one up to date."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from partreg import files
from partreg.datasets.contents import contents
from partreg.errors import PartregError
from partreg.search.extract import Network, batches, load_network, network_of, refuse_other
from partreg.search.pictures import counted, find_pictures
from partreg.search.store import Index, is_index, read_index, write_index

UNFINISHED = "unfinished.npz"
KEEP = 30.0  # seconds of work that a kill may cost


@dataclass(frozen=True)
class Indexed:
    """What `index_folder` did.

    Attributes:
        index: the index.
        extracted: pictures whose features were computed now.
        left_out: pictures that are not in the index, and why.
    """

    index: Index
    extracted: int
    left_out: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{name}: left out ({why})" for name, why in sorted(self.left_out.items())]
        pictures = counted(len(self.index.names))
        found = f"{pictures}, {self.extracted:,} of them new or changed; left out: {len(self.left_out):,}"
        return "\n".join([*lines, f"{self.index.folder}: {found}"])


def index_folder(pictures: str | Path, network: str | Path = "", to: str | Path = "") -> Indexed:
    """Make an index of all pictures under a folder, or bring one up to date.

    Only pictures whose bytes are new are computed; what an interrupted call computed is not lost. Pictures that are
    broken, or cannot be in a list, are left out and named.

    Args:
        pictures: the folder.
        network: the folder of a trained network, or its ONNX file; "" for that of an older index.
        to: the folder of the index; "" for ``pictures`` with ".index" after its name.

    Raises:
        PartregError: there is no such folder, it is also that of the index, no picture or no network is in it, or an
            older index is of another network or of another folder of pictures.
    """
    root = Path(pictures)
    folder = Path(to) if to else root.resolve().with_name(f"{root.resolve().name}.index")
    if folder.resolve() == root.resolve():
        raise PartregError(f"{folder}: --to is the folder of the pictures; give the index a folder of its own.")
    names, left_out = find_pictures(root)
    if not names:
        found = f"{len(left_out)} that cannot be used" if left_out else "none"
        raise PartregError(f"{root}: expected pictures such as .jpg or .png, found {found}; check the folder.")
    if not network and not is_index(folder):
        raise PartregError(
            f"{folder}: there is no index yet, so it needs a network; give the folder of a trained one by "
            "--network FOLDER, or --model FILE.onnx."
        )
    given = load_network(network) if network else None
    with files.writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with files.locked(folder / "index.json"):
        old = _older(folder, root)
        if old and given:
            refuse_other(old, given)
        loaded = given or network_of(old or read_index(folder))
        digests = contents([root / name for name in names], folder)
        known = dict(zip(old.contents, old.features, strict=True)) if old else {}
        known |= _unfinished(folder, loaded.weights)
        new = {digest: root / name for name, digest in zip(names, digests, strict=True) if digest not in known}
        broken = _extract(loaded, new, known, folder)
        left_out |= {name: broken[digest] for name, digest in zip(names, digests, strict=True) if digest in broken}
        kept = [(name, digest) for name, digest in zip(names, digests, strict=True) if digest not in broken]
        if not kept:
            raise PartregError(f"{root}: none of the {len(names)} pictures can be read ({broken[digests[0]]}).")
        features = np.stack([known[digest] for _, digest in kept])
        listed = [name for name, _ in kept], [digest for _, digest in kept]
        index = Index(folder, root, loaded.path, loaded.run, loaded.weights, *listed, features)
        write_index(index)
        (folder / UNFINISHED).unlink(missing_ok=True)
    return Indexed(index, len(new) - len(broken), left_out)


def _older(folder: Path, root: Path) -> Index | None:
    """The index that is already there, of the same pictures; None without one."""
    if not is_index(folder):
        return None
    old = read_index(folder)
    if old.root.resolve() != root.resolve() and old.root.exists():
        raise PartregError(
            f"{folder}: an index of {old.root}, not of {root}; give another folder by --to FOLDER, or delete this one."
        )
    return old


def _extract(network: Network, new: dict[str, Path], known: dict[str, np.ndarray], folder: Path) -> dict[str, str]:
    """Add the features of the ``new`` pictures to the ``known`` ones; gives why some cannot be read, by digest."""
    broken, digests, done, kept = {}, list(new), 0, time.monotonic()
    bar = tqdm(total=len(new), desc="computing features", unit="picture", mininterval=1, delay=2, leave=False)
    try:
        for features, wrong in batches(network, list(new.values())):
            for digest, feature, why in zip(digests[done : done + len(wrong)], features, wrong, strict=True):
                if why:
                    broken[digest] = why
                else:
                    known[digest] = feature
            done += len(wrong)
            bar.update(len(wrong))
            if time.monotonic() - kept >= KEEP:
                _keep(folder, network.weights, known, digests)
                kept = time.monotonic()
    finally:
        bar.close()
        if done < len(new):  # stopped
            _keep(folder, network.weights, known, digests)
    return broken


def _keep(folder: Path, weights: str, known: dict[str, np.ndarray], digests: list[str]) -> None:
    """Keep the known features of these pictures beside the index until it is whole."""
    found = [digest for digest in digests if digest in known]
    if found:
        with files.whole(folder / UNFINISHED) as temporary:
            np.savez(temporary, weights=weights, contents=found, features=np.stack([known[one] for one in found]))


def _unfinished(folder: Path, weights: str) -> dict[str, np.ndarray]:
    """What an interrupted call kept; nothing if it is damaged or of another network."""
    try:
        with np.load(folder / UNFINISHED, allow_pickle=False) as kept:
            if str(kept["weights"]) != weights or not np.isfinite(kept["features"]).all():
                return {}
            return dict(zip(kept["contents"].tolist(), kept["features"].astype(np.float32), strict=True))
    except Exception:  # NumPy raises many kinds for a spoilt file; then all is computed once more
        return {}
