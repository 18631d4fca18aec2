"""Rank lists: each row a query and the gallery images nearest to it (Figure 6 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from partreg.figures.sheets import Picture, image_grid
from partreg.retrieval.distances import l2

QUERY_COLOR = "#2ca02c"  # "The first image with green border in each row is the query image"
MATCH_COLOR = "#d62728"  # "The ground-truth is marked with red border"; a tick says the same without colour
QUERY_MARK, MATCH_MARK = "Q", "✓"


@dataclass(frozen=True)
class RankLists:
    """What one network retrieves for some queries; all indices count rows of one table of images.

    Attributes:
        queries: (Q,) the query images.
        results: (Q, k) the gallery images nearest to each query, nearest first.
        matches: (Q, k) whether a result shows the query's vehicle.
        ranks: (Q,) rank of the first match in the whole gallery, from 1; 0 where the gallery has none.
    """

    queries: np.ndarray
    results: np.ndarray
    matches: np.ndarray
    ranks: np.ndarray


def rank_lists(
    features: np.ndarray, vehicles: np.ndarray, queries: np.ndarray, gallery: np.ndarray, top: int = 10
) -> RankLists:
    """Rank the gallery for each query by L2 distance; equal distances keep the gallery's order.

    Args:
        features: (N, D) float32 of all images.
        vehicles: (N,) identity of each image.
        queries: (Q,) rows of the queries.
        gallery: (G,) rows of the gallery.
        top: length of a list, at most G.
    """
    vehicles, queries, gallery = np.asarray(vehicles), np.asarray(queries), np.asarray(gallery)
    order = np.argsort(l2(features[queries], features[gallery]), axis=1, kind="stable")
    same = vehicles[gallery][order] == vehicles[queries][:, None]
    ranks = np.where(same.any(axis=1), same.argmax(axis=1) + 1, 0)
    return RankLists(queries, gallery[order[:, :top]], same[:, :top], ranks)


def choose(first: np.ndarray, second: np.ndarray, differing: int, random: int, seed: int = 0) -> np.ndarray:
    """Choose the queries that two networks rank most differently, in either direction, then random others.

    Args:
        first: (Q,) ranks of the first match by one network, from 1.
        second: (Q,) the same by another network.
        differing: how many to take by the largest ratio of both ranks; equal ratios keep the queries' order.
        random: how many to draw from the rest.
        seed: of that draw.

    Returns:
        Indices of queries: the differing ones by falling ratio, then the random ones, ascending.
    """
    ratio = np.abs(np.log(np.asarray(first, float)) - np.log(np.asarray(second, float)))
    chosen = np.argsort(-ratio, kind="stable")[:differing]
    rest = np.setdiff1d(np.arange(len(ratio)), chosen)
    drawn = np.random.default_rng(seed).choice(rest, min(random, len(rest)), replace=False)
    return np.concatenate([chosen, np.sort(drawn)]).astype(np.int64)


def draw(lists: RankLists, images: Sequence[Picture], rows: Sequence[int], pixels: int = 128) -> Figure:
    """Draw a block of Figure 6: each row a query, green and marked Q, then its results, matches red and ticked.

    The number at the left is the rank of the first match, which may lie beyond the images shown.

    Args:
        lists: what a network retrieves.
        images: every image, in the order of the table that ``lists`` refers to.
        rows: indices of queries, as from `choose`.
        pixels: side of an image.
    """
    cells, borders, marks, labels = [], [], [], []
    for row in rows:
        matches = lists.matches[row]
        cells += [images[index] for index in (lists.queries[row], *lists.results[row])]
        borders += [QUERY_COLOR, *(MATCH_COLOR if match else None for match in matches)]
        marks += [QUERY_MARK, *(MATCH_MARK if match else None for match in matches)]
        labels.append(f"match\nat {lists.ranks[row]}")
    columns = 1 + lists.results.shape[1]
    return image_grid(cells, columns, borders=borders, marks=marks, rows=labels, pixels=pixels)
