"""Section 4.1: hold identities out of the training set, to choose settings without the test set."""

from __future__ import annotations

import numpy as np
import pandas as pd

from partreg.errors import PartregError


def hold_out(train: pd.DataFrame, vehicles: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a training table by identity.

    >>> table = pd.DataFrame({"vehicle": [1, 1, 2, 2, 3, 3]})
    >>> train, validation = hold_out(table, vehicles=1, seed=0)
    >>> kept, held_out = set(train.vehicle), set(validation.vehicle)
    >>> len(kept), len(held_out), kept & held_out
    (2, 1, set())

    The same seed and table give the same split, whatever the order of the rows.

    Returns:
        (training, validation): no vehicle is on both sides, rows keep their order, both are indexed from 0.

    Raises:
        PartregError: the table has fewer than ``vehicles`` + 1 identities.
    """
    known = np.unique(train["vehicle"].to_numpy())
    if not 0 <= vehicles < max(len(known), 1):
        what = f"{vehicles} vehicles cannot be held out of {len(known)}: expected 0 to {len(known) - 1}"
        raise PartregError(f"{what}; choose fewer, as held_out: {{vehicleid: 0}} in a file of choices.")
    drawn = np.random.default_rng(seed).permutation(known)[:vehicles]
    out = train["vehicle"].isin(drawn)
    return train[~out].reset_index(drop=True), train[out].reset_index(drop=True)
