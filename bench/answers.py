"""The answers that every peer and desireline give, in one shape, so that they can be compared for equality.

Times are in seconds. Quantiles interpolate linearly between the two nearest values (what SQL calls `percentile_cont`).
Lists are sorted by their names, so that equal answers are equal texts; variants are sorted by count, then by sequence.
"""

# The funnels count a customer at the furthest step reached by the best chain over every possible start, inside a window from
# that start: ClickHouse's windowFunnel. All formulations of all peers give exactly this.

STEPS_SHOWN = 10

FUNNELS = {
    "funnel5": (
        30 * 86_400,
        ["Page Viewed", "Product Viewed", "Product Added", "Checkout Started", "Order Completed"],
    ),
    "funnel20": (
        180 * 86_400,
        [
            "Email Opened", "Email Link Clicked", "Page Viewed", "Products Searched", "Product List Viewed",
            "Product Viewed", "Product Added", "Cart Viewed", "Checkout Started", "Payment Info Entered",
            "Order Completed", "Order Shipped", "Order Delivered", "Survey Answered", "Signed In", "App Opened",
            "Promotion Viewed", "Promotion Clicked", "Coupon Entered", "Coupon Applied",
        ],
    ),
}

QUESTIONS = ["map", "variants", "steps", *FUNNELS]


def map_answer(moments, edges, starts, ends):
    """`moments`: (name, events, customers); `edges`: (from, to, count, customers, median, p90, mean) in microseconds."""
    return {
        "moments": [dict(zip(("moment", "events", "customers"), row)) for row in sorted(moments)],
        "edges": [
            {
                "from": row[0], "to": row[1], "count": row[2], "customers": row[3],
                "median_s": row[4] / 1e6, "p90_s": row[5] / 1e6, "mean_s": row[6] / 1e6,
            }
            for row in sorted(edges)
        ],
        "starts": [dict(zip(("moment", "count"), row)) for row in sorted(starts)],
        "ends": [dict(zip(("moment", "count"), row)) for row in sorted(ends)],
    }


def variants_answer(journeys, distinct, rows):
    """`rows`: (sequence of names, count), already limited."""
    rows = sorted(((list(sequence), count) for sequence, count in rows), key=lambda row: (-row[1], row[0]))
    variants = [{"sequence": s, "count": n, "share": n / journeys} for s, n in rows]
    return {"journeys": journeys, "of": distinct, "variants": variants}


def steps_answer(journeys, rows):
    """`rows`: (position from 1, name, count)."""
    steps = []
    for position in range(1, STEPS_SHOWN + 1):
        here = sorted((name, count) for at, name, count in rows if at == position)
        steps.append(
            {
                "step": position,
                "moments": [{"moment": name, "count": count} for name, count in here],
                "ended": journeys - sum(count for _, count in here),
            }
        )
    return {"journeys": journeys, "steps": steps}


def funnel_answer(names, levels):
    """`levels`: (furthest step reached from 1, customers)."""
    reached = [sum(n for level, n in levels if level >= step) for step in range(1, len(names) + 1)]
    return {"steps": [{"moment": name, "customers": n} for name, n in zip(names, reached)]}


SORTED_BY = {
    "moments": lambda row: row["moment"],
    "edges": lambda row: (row["from"], row["to"]),
    "starts": lambda row: row["moment"],
    "ends": lambda row: row["moment"],
    "variants": lambda row: (-row["count"], row["sequence"]),
}


def canonical(answer):
    """The same answer with its lists sorted as above; a funnel's and a matrix' steps keep their order."""
    if isinstance(answer, dict):
        return {
            key: sorted(map(canonical, value), key=SORTED_BY[key]) if key in SORTED_BY else canonical(value)
            for key, value in answer.items()
        }
    return [canonical(value) for value in answer] if isinstance(answer, list) else answer


def differences(ours, theirs, path=""):
    """The places where two answers differ, as texts. Members that only ours has (shares, intervals) are not compared."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = []
        for key in sorted(theirs):
            known = key in ours
            found += differences(ours[key], theirs[key], f"{path}.{key}") if known else [f"{path}.{key} is missing"]
        return found
    if isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            return [f"{path}: {len(ours)} entries against {len(theirs)}"]
        found = []
        for i, (one, other) in enumerate(zip(ours, theirs)):
            found += differences(one, other, f"{path}[{i}]")
        return found
    if isinstance(ours, float) or isinstance(theirs, float):
        # Sums of doubles depend on their order; a microsecond is the resolution of the data.
        close = abs(ours - theirs) <= max(2e-6, 1e-9 * max(abs(ours), abs(theirs)))
        return [] if close else [f"{path}: {ours} against {theirs}"]
    return [] if ours == theirs else [f"{path}: {ours!r} against {theirs!r}"]
