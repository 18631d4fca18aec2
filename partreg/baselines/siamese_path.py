"""Table 3's Siamese+Path: a siamese image network, and the path that a vehicle takes between two sightings.

After Shen, Xiao, Li, Yi and Wang, "Learning deep neural networks for vehicle re-ID with visual-spatio-temporal path
proposals" (ICCV 2017), from its description: `METHOD` learns the similarity of two images; a small network says whether
a time and a way suit each other; a chain MRF of the two proposes the likeliest path of sightings from a query to each
image of the gallery; an LSTM reads the path and says whether one vehicle took it.

A sighting is a track: its mean feature, its mean time, its camera. Identities of the gallery are not used. All is
fitted to training tracks, but a query is one image, and the similarity added at the end is that of two images. That the
fit holds for single images too, which lie somewhat farther apart than means, is *assumed*.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy.special import log_expit
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from tqdm import tqdm

from partreg.baselines.declaration import Declaration
from partreg.baselines.small_nets import load, train_once
from partreg.baselines.spacetime import gaps, metres, places, training_tracks
from partreg.baselines.task import Cost, Task, timed
from partreg.datasets.side import read_camera_distances
from partreg.errors import PartregError
from partreg.reid.device import reproducible
from partreg.reid.method import Method, by_identity
from partreg.reid.network import Output, Trunk
from partreg.reid.run import Run
from partreg.retrieval.distances import l2
from partreg.retrieval.tracks import track_numbers

BETWEEN = 4  # sightings between the two ends of a path, at most (*assumed*)
HIDDEN = 32  # width of the LSTM (*assumed*)
STARTS = 512  # training tracks where paths start, at most; more only take longer (*assumed*)
HARD, RANDOM = 5, 5  # wrong ends for each of them: the likeliest of other vehicles, and random ones (*assumed*)
EPOCHS = 20  # of the path's two nets, or the network's if fewer
BLOCK = 64  # queries at a time, so that a step of the search fits the processor's cache


class SiameseNet(Trunk):
    """One half of the siamese network: pooled backbone and embedding; two features of length 1 compare by cosine.

    The original's ResNet-50 compares 2048-d features; here the width is the run's, as for all methods (*assumed*).
    """

    def __init__(self, run: Run, classes: dict[str, int]) -> None:
        super().__init__(run.backbone, run.last_stride, run.pixels)
        self.embed = nn.Linear(self.channels, run.dim, bias=False)
        self.classify = nn.Linear(run.dim, classes["vehicle"], bias=False)
        # Similarity is sigmoid(scale * cosine + shift), both learnt (*assumed*), from 1/2 at a cosine of 1/2.
        self.scale = nn.Parameter(torch.tensor(8.0))
        self.shift = nn.Parameter(torch.tensor(-4.0))

    def forward(self, images: Tensor, boxes: Tensor | None = None) -> Output:
        """Features (B, dim) of length 1, identity scores and, as ``similarity``, (B, B) logits that two are of one."""
        feature_map = self.feature_map(images)
        with torch.autocast(feature_map.device.type, enabled=False):
            embedded = self.embed(feature_map.mean((2, 3)))
            feature = F.normalize(embedded)
            similarity = self.scale * feature @ feature.T + self.shift
            return Output(feature, {"vehicle": self.classify(embedded)}, extra={"similarity": similarity})


def verification(similarity: Tensor, labels: Tensor) -> Tensor:
    """Return the cross entropy of "one vehicle or two" over a batch's pairs; both answers weigh the same (*assumed*).

    Args:
        similarity: (B, B) logits.
        labels: (B,) int64, the vehicle.

    Returns:
        Scalar; an answer that no pair has adds nothing.
    """
    pairs = torch.ones_like(similarity, dtype=torch.bool).triu(1)
    same = labels[:, None] == labels
    losses = F.binary_cross_entropy_with_logits(similarity, same.to(similarity), reduction="none")
    return sum((losses * kind).sum() / kind.sum().clamp(min=1) for kind in (pairs & same, pairs & ~same)) / 2


def siamese_losses(run: Run, network: Trunk, output: Output, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return identity and verification losses, equally weighted (*assumed*), and their sum."""
    labels = targets["vehicle"]
    identity = F.cross_entropy(output.logits["vehicle"], labels)
    pairs = verification(output.extra["similarity"], labels)
    hits = (output.logits["vehicle"].argmax(1) == labels).float().mean()
    return {"loss": identity + pairs, "loss_identity": identity, "loss_pairs": pairs, "accuracy_vehicle": hits}


METHOD = Method(SiameseNet, siamese_losses, by_identity)


@dataclass(frozen=True)
class Sightings:
    """N sightings: features (N, D), times (N,), -1 where unknown, and cameras' places (N,), -1 where unknown."""

    features: np.ndarray
    times: np.ndarray
    places: np.ndarray


def sightings(
    features: np.ndarray, images: pd.DataFrame, tracks: np.ndarray, camera_distances: pd.DataFrame
) -> Sightings:
    """Return a sighting for each track, from images' features (N, D) and track numbers (N,), 0, 1, 2, ..."""
    count = np.bincount(tracks)
    total = np.zeros((len(count), features.shape[1]))
    np.add.at(total, tracks, features)
    times = images["time"].to_numpy()
    known = np.ones(len(count), dtype=bool)
    np.logical_and.at(known, tracks, times >= 0)
    first = np.unique(tracks, return_index=True)[1]
    mean = np.bincount(tracks, times) / count
    return Sightings(total / count[:, None], np.where(known, mean, -1.0), places(images, camera_distances)[first])


def relations(query: Sightings, gallery: Sightings, camera_distances: pd.DataFrame) -> np.ndarray:
    """(3, Q, G) float32: L2 distance of features, ``log(1 + |Ti - Tj|)``, kilometres; the latter NaN if unknown."""
    apart = metres(query.places, gallery.places, camera_distances) / 1000
    gap = np.log1p(gaps(query.times, gallery.times))
    return np.stack([l2(query.features, gallery.features), gap, apart]).astype(np.float32)


class PathNet(nn.Module):
    """The nets that learn on training tracks: both potentials of the chain, and the LSTM along a path."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("spread", torch.ones(3))
        self.similar = nn.Linear(1, 1)
        self.suits = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
        self.lstm = nn.LSTM(3, HIDDEN, batch_first=True)
        self.valid = nn.Linear(HIDDEN, 1)

    def scaled(self, relations: np.ndarray) -> Tensor:
        """Turn relations (3, ...) into (..., 3), with mean 0 and spread 1 over all pairs of training tracks."""
        return (torch.from_numpy(np.moveaxis(relations, 0, -1)) - self.mean) / self.spread

    def along(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """(P,) logits that paths are one vehicle's, from scaled steps (P, L, 3), of which ``lengths`` (P,) count."""
        hidden = self.lstm(steps)[0]
        return self.valid(hidden[torch.arange(len(steps)), lengths - 1])[:, 0]

    @torch.inference_mode()
    def similarity(self, visual: np.ndarray) -> np.ndarray:
        """Logits that two are of one vehicle, from L2 distances of features, any shape; float64."""
        weight, bias = self.similar.weight.double().item(), self.similar.bias.double().item()
        return weight * (np.asarray(visual, np.float64) - self.mean[0].item()) / self.spread[0].item() + bias

    @torch.inference_mode()
    def potential(self, relations: np.ndarray) -> np.ndarray:
        """(Q, G) float32 logarithm of the pairwise potential: similarity times how time and way suit each other.

        The latter is 1/2, neither for nor against, where time or place is unknown.
        """
        blocks = (self.scaled(relations[:, k : k + BLOCK])[..., 1:] for k in _blocks(relations))
        suits = np.concatenate([self.suits(block)[..., 0].numpy() for block in blocks])
        return (log_expit(self.similarity(relations[0])) + log_expit(np.nan_to_num(suits))).astype(np.float32)


def _blocks(relations: np.ndarray) -> range:
    return range(0, relations.shape[1], BLOCK)


def best_paths(
    direct: np.ndarray, start: np.ndarray, hop: np.ndarray, between: int = BETWEEN
) -> tuple[np.ndarray, np.ndarray]:
    """Find the likeliest path from each query to each node of a chain MRF, by max-product over its length.

    For every number of nodes between the ends, dynamic programming gives the path with the largest product of
    potentials. Of these, the one with the largest geometric mean is proposed (*assumed*: the product itself would
    always favour the short ones); of equal ones the shortest.

    Args:
        direct: (Q, T) logarithms of the potentials between queries and last nodes.
        start: (Q, T) the same for the first node between, -inf where a node may not be it.
        hop: (T, T) from one node to the next, -inf where that may not follow; no cycles, so no node comes twice.
        between: nodes between the ends, at most.

    Returns:
        (Q, T) mean logarithms of the potentials, and (Q, T, ``between`` + 1) int32 nodes after the query, -1 behind the
        last one.
    """
    queries, number = direct.shape
    score, nodes = np.empty_like(direct), np.full((queries, number, between + 1), -1, dtype=np.int32)
    for first in range(0, queries, BLOCK):
        here = slice(first, first + BLOCK)
        reached, through = [direct[here]], []
        last = start[here]
        for _ in range(between):
            last, via = _one_more(last, hop)
            reached.append(last)
            through.append(via)
        mean = np.stack([total / (k + 1) for k, total in enumerate(reached)])
        length = mean.argmax(0)
        score[here] = mean.max(0)
        node = np.broadcast_to(np.arange(number), length.shape)
        for k in range(between, 0, -1):
            on = length >= k
            nodes[here, :, k] = np.where(on, node, -1)
            node = np.where(on, np.take_along_axis(through[k - 1], node, axis=1), node)
        nodes[here, :, 0] = node
    return score, nodes


def _one_more(last: np.ndarray, hop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Add a node to the chain: the maximum over i of last[q, i] + hop[i, j], and its i, (Q, T) each."""
    best, via = np.full_like(last, -np.inf), np.zeros(last.shape, dtype=np.int32)
    for i in np.flatnonzero(np.isfinite(hop).any(1) & np.isfinite(last).any(0)):
        new = last[:, i, None] + hop[i]
        np.copyto(via, i, where=new > best)
        np.maximum(best, new, out=best)
    return best, via


def propose(net: PathNet, query: Sightings, nodes: Sightings, across: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Propose a path from each query to each node, in the order of time, forwards or backwards.

    From step to step the camera changes (*assumed*; only the query and the last node may share one), so no path goes
    through the query's own track. Where time or place of either end is unknown, the path is the direct one.

    Args:
        net: with the potentials.
        query: Q sightings.
        nodes: T sightings.
        across: (3, Q, T) `relations` of queries and nodes.
        within: (3, T, T) of the nodes.

    Returns:
        (Q, T, BETWEEN + 1) int32, see `best_paths`.
    """
    direct, hop = net.potential(across), net.potential(within)
    moved = [
        (q.places[:, None] != nodes.places) & (q.places[:, None] >= 0) & (nodes.places >= 0) for q in (query, nodes)
    ]
    after = [np.where(q.times < 0, np.nan, q.times)[:, None] for q in (query, nodes)]
    at = np.where(nodes.times < 0, np.nan, nodes.times)

    def directed(later: list[np.ndarray]) -> np.ndarray:
        start, follows = (where & moves for where, moves in zip(later, moved, strict=True))
        return best_paths(direct, np.where(start, direct, -np.inf), np.where(follows, hop, -np.inf))[1]

    forwards = [at > time for time in after]
    return np.where(forwards[0][..., None], directed(forwards), directed([at < time for time in after]))


def path_steps(
    across: np.ndarray, within: np.ndarray, query: np.ndarray, nodes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the LSTM's input for paths.

    Args:
        across: (3, Q, T) `relations` of queries and nodes.
        within: (3, T, T) of the nodes.
        query: rows of the paths' queries, broadcast against the paths.
        nodes: (..., L) int32 the paths, -1 behind their ends.

    Returns:
        (3, ..., L) the relations of each step, meaningless behind the end, and (...,) the numbers of steps.
    """
    first = across[:, query, nodes[..., 0]]
    later = within[:, nodes[..., :-1], nodes[..., 1:]]
    return np.concatenate([first[..., None], later], axis=-1), (nodes >= 0).sum(-1)


@torch.inference_mode()
def path_scores(net: PathNet, query: Sightings, nodes: Sightings, camera_distances: pd.DataFrame) -> np.ndarray:
    """(Q, T) float32 logits that one vehicle took the path from a query to a node; 0 where time or place is unknown."""
    across, within = relations(query, nodes, camera_distances), relations(nodes, nodes, camera_distances)
    paths = propose(net, query, nodes, across, within)
    scores = np.empty(paths.shape[:2], dtype=np.float32)
    for k in _blocks(across):
        block = slice(k, k + BLOCK)
        steps, lengths = path_steps(across[:, block], within, np.arange(len(paths[block]))[:, None], paths[block])
        logits = net.along(net.scaled(steps).flatten(0, 1), torch.from_numpy(lengths).flatten())
        scores[block] = logits.view(lengths.shape).numpy()
    return np.where(np.isnan(across).any(0), 0, scores)


def train_path(
    features: np.ndarray,
    images: pd.DataFrame,
    camera_distances: pd.DataFrame,
    *,
    epochs: int,
    seed: int,
) -> PathNet:
    """Learn the potentials, then the LSTM on the paths that they propose between training tracks.

    A path is right between two tracks of a vehicle, wrong to another's.

    Args:
        features: (N, D) of the training images by the siamese network.
        images: the N training images, with vehicle, camera and time; `training_tracks` are their tracks.
        camera_distances: (C, C) metres.
        epochs: passes over the pairs, for each of the two networks.
        seed: of everything random.

    Raises:
        PartregError: fewer than two training vehicles were seen twice at known times and places.
    """
    known = ((images["time"] >= 0) & (places(images, camera_distances) >= 0)).to_numpy()
    features, images = np.asarray(features)[known], images[known]
    tracks = training_tracks(images)
    vehicles = images["vehicle"].to_numpy()[np.unique(tracks, return_index=True)[1]]
    if (np.unique(vehicles, return_counts=True)[1] > 1).sum() < 2:
        raise PartregError(
            "images: expected two training vehicles or more with two tracks of known time and camera, to learn paths "
            "from; this needs a data set such as VeRi-776."
        )
    seen = sightings(features, images, tracks, camera_distances)
    within = relations(seen, seen, camera_distances)
    with reproducible(1, torch.device("cpu")), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net, rng = PathNet(), np.random.default_rng(seed)
        pairs = torch.from_numpy(within[:, ~np.eye(len(vehicles), dtype=bool)])
        net.mean.copy_(pairs.mean(1))
        net.spread.copy_(pairs.std(1).clamp(min=1e-6))
        learn_potentials(net, within, seen.times, vehicles, epochs, rng)
        learn_paths(net, seen, within, vehicles, epochs, rng)
    return net.eval()


def learn_potentials(
    net: PathNet, within: np.ndarray, times: np.ndarray, vehicles: np.ndarray, epochs: int, rng: np.random.Generator
) -> None:
    """Fit similarity by logistic regression on all tracks of a vehicle, time and place on consecutive ones.

    Their counterparts are pairs of different vehicles, near in time and at random (*assumed*).
    """
    same = vehicles[:, None] == vehicles
    wrong = wrong_ends(-within[1], ~same, rng)
    ends = np.concatenate([np.argwhere(same & ~np.eye(len(same), dtype=bool)).T, wrong], axis=1)
    visual = net.scaled(within[:, *ends])[:, :1].numpy()
    fit = LogisticRegression(class_weight="balanced").fit(visual, same[*ends])
    with torch.no_grad():
        net.similar.weight.copy_(torch.from_numpy(fit.coef_))
        net.similar.bias.copy_(torch.from_numpy(fit.intercept_))
    ends = np.concatenate([consecutive(times, vehicles), wrong], axis=1)
    inputs = net.scaled(within[:, *ends])[:, 1:]
    fit_binary(net.suits, lambda rows: net.suits(inputs[rows])[:, 0], same[*ends], epochs, "time and place")


def learn_paths(
    net: PathNet, seen: Sightings, within: np.ndarray, vehicles: np.ndarray, epochs: int, rng: np.random.Generator
) -> None:
    """Fit the LSTM on proposed paths: all to the vehicle's other tracks, the likeliest and random ones to another's."""
    starts = np.sort(rng.permutation(len(vehicles))[:STARTS])
    same = vehicles[starts][:, None] == vehicles
    first, across = Sightings(seen.features[starts], seen.times[starts], seen.places[starts]), within[:, starts]
    paths = propose(net, first, seen, across, within)
    right = np.argwhere(same & (starts[:, None] != np.arange(len(vehicles)))).T
    ends = np.concatenate([right, wrong_ends(net.potential(across), ~same, rng)], axis=1)
    steps, lengths = path_steps(across, within, ends[0], paths[*ends])
    steps, lengths = net.scaled(steps), torch.from_numpy(lengths)
    both = nn.ModuleList([net.lstm, net.valid])
    fit_binary(both, lambda rows: net.along(steps[rows], lengths[rows]), same[*ends], epochs, "paths")


def wrong_ends(likely: np.ndarray, wrong: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose pairs of different vehicles to learn from: for each row the `HARD` likeliest and `RANDOM` random ones.

    Args:
        likely: (Q, T), larger is likelier.
        wrong: (Q, T) bool, the pairs of different vehicles.
        rng: draws the random ones.

    Returns:
        (2, P) rows and columns, first the likeliest of all rows; a pair may be in both halves.
    """
    chosen = []
    for values, number in ((likely, HARD), (rng.random(wrong.shape), RANDOM)):
        best = np.argsort(-np.where(wrong, values, -np.inf), axis=1, kind="stable")[:, :number]
        chosen.append(np.stack([np.repeat(np.arange(len(best)), best.shape[1]), best.ravel()]))
    pairs = np.concatenate(chosen, axis=1)
    return pairs[:, wrong[*pairs]]


def consecutive(times: np.ndarray, vehicles: np.ndarray) -> np.ndarray:
    """(2, P) consecutive tracks of one vehicle, the earlier first."""
    order = np.lexsort([times, vehicles])
    first = np.flatnonzero(vehicles[order][1:] == vehicles[order][:-1])
    return np.stack([order[first], order[first + 1]])


def fit_binary(module: nn.Module, score, same: np.ndarray, epochs: int, name: str) -> None:
    """Train ``module`` so that the logits ``score(rows)`` predict ``same`` (P,); both classes weigh the same in sum."""
    target = torch.from_numpy(same.astype(np.float32))
    weight = (1 - target).sum() / target.sum()
    optimizer = torch.optim.AdamW(module.parameters(), lr=5e-3, weight_decay=1e-2)
    with tqdm(range(epochs), desc=name, unit=" epochs", mininterval=1) as bar:
        for _ in bar:
            for rows in torch.randperm(len(target)).split(128):
                loss = F.binary_cross_entropy_with_logits(score(rows), target[rows], pos_weight=weight)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)


def path_distances(
    net: PathNet,
    query_features: np.ndarray,
    gallery_features: np.ndarray,
    query: pd.DataFrame,
    gallery: pd.DataFrame,
    camera_distances: pd.DataFrame,
) -> np.ndarray:
    """Return minus the sum of the images' siamese logit and the path logit from query to gallery image's track.

    The equal weight of both logits is *assumed*. The publication's score is the sigmoid of the sum. Its order is the
    same, but it rounds to 0 for most pairs, which would put them at one distance.

    Args:
        net: from `train_path`.
        query_features: (Q, D) by the siamese network.
        gallery_features: (G, D).
        query: table of Q images; each is a sighting of its own.
        gallery: table of G images; paths go through its tracks; "" is a track of its own.
        camera_distances: (C, C) metres. Where a time or place is unknown, the siamese network decides alone.

    Returns:
        (Q, G) float64, any sign; smaller is likelier to be one vehicle.
    """
    tracks = track_numbers(gallery)
    alone = net.similarity(l2(query_features, gallery_features))
    with reproducible(1, torch.device("cpu")):
        starts = sightings(np.asarray(query_features), query, np.arange(len(query)), camera_distances)
        nodes = sightings(np.asarray(gallery_features), gallery, tracks, camera_distances)
        path = path_scores(net, starts, nodes, camera_distances)
    return -(alone + path[:, tracks])


def distances(task: Task) -> tuple[np.ndarray, Cost]:
    """(Q, G) distances by the network and by the paths that a second net judges, and their cost."""
    cameras = read_camera_distances(task.root)
    query, gallery, learnt = (task.features(half) for half in ("query", "gallery", "train"))
    how = {"epochs": min(task.epochs, EPOCHS), "seed": task.seed}
    train = partial(train_path, learnt, task.train, cameras, **how)
    cost = task.network_cost() + Cost(training=train_once(task.folder, train))
    net = load(PathNet(), task.folder)
    return timed(partial(path_distances, net, query, gallery, task.query, task.gallery, cameras), cost)


DECLARATION = Declaration(
    name="Siamese+Path", tables=("veri",), training=("identities", "cameras", "time", "camera distances"),
    test=("cameras", "time", "camera distances"), takes_a_while=True,
    tried=({"lr": 0.03}, {"lr": 0.01}),
    publication="Shen et al. 2017", citation="shen2017path", feature="a score for each pair",
    alt="Flow chart: a Siamese network says how alike two images look; a chain over cameras proposes the most likely "
    "path between them, a path-LSTM scores it, and both scores make one.",
    nodes={
        "pair": ("two images", "input", 0, 0), "place": ("times, cameras", "input", 0, 1),
        "between": ("images taken\nin between", "input", 0, 2), "siamese": ("Siamese\nResNet-50", "learnt", 1, 0),
        "chain": ("chain MRF: most\nlikely path of\ncameras", "learnt", 1, 1),
        "alike": ("how alike the\ntwo look", "fixed", 2, 0),
        "lstm": ("path-LSTM: is\nthis one\nvehicle's path?", "learnt", 2, 1),
        "sum": ("one score\nfor the pair", "compared", 3, 0.5),
    },
    edges=("pair siamese alike sum", "place chain lstm sum", "between chain", "siamese chain"),
)  # fmt: skip
