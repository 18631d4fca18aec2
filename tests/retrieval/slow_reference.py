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
