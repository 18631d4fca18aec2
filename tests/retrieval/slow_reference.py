"""Slow and obvious: what the fast code of `partreg.retrieval` must agree with."""


def slow_order(row, kind, ties):
    """The columns, nearest first, without junk (kind 2); "relevant" puts matches (kind 1) first among equals."""
    kept = [column for column in range(len(row)) if kind[column] != 2]
    return sorted(kept, key=lambda column: (row[column], kind[column] != 1 if ties == "relevant" else 0, column))


def slow_average_precision(row, kind, rule, ties):
    """Average precision of one query by walking down the list, cutoff by cutoff."""
    matches = int((kind == 1).sum())
    if rule == "sklearn":
        points = [((row <= value) & (kind != 2)) for value in sorted(set(row[kind != 2]))]
        total, recall = 0.0, 0.0
        for above in points:
            found = int((above & (kind == 1)).sum())
            total += (found / matches - recall) * found / int(above.sum())
            recall = found / matches
        return total
    order = slow_order(row, kind, ties)
    hits = [kind[column] == 1 for column in order]
    places = list(range(1, len(order) + 1))
    if ties == "together":  # everything at one distance stands at the last one's place, found with all its equals
        values = [row[column] for column in order]
        ends = [max(i for i, value in enumerate(values) if value == own) for own in values]
    else:
        ends = [place - 1 for place in places]
    total = 0.0
    for place in range(len(order)):
        if not hits[place]:
            continue
        rank, found = ends[place] + 1, sum(hits[: ends[place] + 1])
        precision = found / rank
        if rule == "trapezoidal":
            before = 1.0 if rank == 1 else (found - 1) / (rank - 1)
            precision = (precision + before) / 2
        total += precision / matches
    return total


def slow_group_rank(row, kind, groups):
    """Rank of the nearest group that holds a match: every group by its nearest image, equals by number."""
    if not (kind == 1).any():
        return 0
    nearest = {}
    for group in sorted(set(groups[kind != 2].tolist())):
        nearest[group] = min(row[(groups == group) & (kind != 2)])
    best = row[kind == 1].min()
    ours = min(groups[(kind == 1) & (row == best)].tolist())
    order = sorted(nearest, key=lambda group: (nearest[group], group))
    return order.index(ours) + 1


# Whole protocols, a function for each named rule, with loops that read as the rules do. Tables come as lists of
# dictionaries (image, vehicle, camera, track); distances as lists of lists.


def is_junk(query, image):
    """VeRi-776: the query's vehicle in the query's own camera; where that is unknown, the query's image alone."""
    if query["vehicle"] != image["vehicle"]:
        return False
    if query["camera"] < 0:
        return query["image"] == image["image"]
    return query["camera"] == image["camera"]


def rank_list(row, query, gallery, junk=is_junk):
    """VeRi-776, the stable rule: the gallery without junk, nearest first, equals in gallery order; True is a match."""
    kept = [column for column in range(len(gallery)) if not junk(query, gallery[column])]
    kept.sort(key=lambda column: row[column])  # Python's sort is stable
    return [gallery[column]["vehicle"] == query["vehicle"] for column in kept]


def rectangular(hits):
    """Equation 5: the precision at each match, on average."""
    return sum(sum(hits[: k + 1]) / (k + 1) for k in range(len(hits)) if hits[k]) / sum(hits)


def trapezoidal(hits):
    """VeRi-776's own evaluation: the mean of the precisions at a match and one rank before it, 1 before rank 1."""
    total, found = 0.0, 0
    for k in range(len(hits)):
        if hits[k]:
            before = found / k if k else 1.0
            found += 1
            total += (before + found / (k + 1)) / 2
    return total / found


def first_match(hits):
    """The rank of the first match, from 1."""
    return hits.index(True) + 1


def every_match(hits, k):
    """open-reid's CMC@k: the share of matches with fewer than k wrong images before them."""
    return sum(hits[i] and sum(not hit for hit in hits[:i]) < k for i in range(len(hits))) / sum(hits)


def first_track(row, query, gallery):
    """HIT: the rank of the first track with a match; a track is as near as its nearest image, junk is no track."""
    nearest = {}
    for column, image in enumerate(gallery):
        if not is_junk(query, image):
            track = image["track"] or image["image"]  # an image in no track is one of its own
            nearest[track] = min(nearest.get(track, (row[column],)), (row[column],))
    order = {}
    for image in gallery:  # tracks by first appearance in the gallery, which decides between equals
        order.setdefault(image["track"] or image["image"], len(order))
    right = {image["track"] or image["image"] for image in gallery if image["vehicle"] == query["vehicle"]}
    tracks = sorted(nearest, key=lambda track: (nearest[track], order[track]))
    return next(place for place, track in enumerate(tracks, 1) if track in right)


def single_match(row, own):
    """VehicleID, Equation 4: the rank of the one gallery image of the query's vehicle, equals in gallery order."""
    return sorted(range(len(row)), key=lambda column: row[column]).index(own) + 1
