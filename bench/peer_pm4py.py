"""pm4py: the map (counts and times; it knows no quantiles and no customers per edge) and the variants, on small data."""

import pandas
import pm4py

from answers import variants_answer

VERSION = pm4py.__version__


def log(chosen):
    frame = pandas.read_parquet(chosen.parquet, columns=["user_id", "event", "at"])
    return pm4py.format_dataframe(frame, case_id="user_id", activity_key="event", timestamp_key="at")


def map_plain(chosen):
    frame = log(chosen)
    counts, starts, ends = pm4py.discover_dfg(frame)
    times, _, _ = pm4py.discover_performance_dfg(frame)
    edges = [
        {"from": a, "to": b, "count": n, "median_s": times[a, b]["median"], "mean_s": times[a, b]["mean"]}
        for (a, b), n in sorted(counts.items())
    ]
    return {
        "edges": edges,
        "starts": [{"moment": name, "count": n} for name, n in sorted(starts.items())],
        "ends": [{"moment": name, "count": n} for name, n in sorted(ends.items())],
    }


def variants_plain(chosen):
    variants = pm4py.get_variants(log(chosen))
    rows = sorted(((list(sequence), n) for sequence, n in variants.items()), key=lambda row: (-row[1], row[0]))
    return variants_answer(sum(variants.values()), len(rows), rows[: chosen.limit] if chosen.limit else rows)


QUESTIONS = {"map": {"plain": map_plain}, "variants": {"plain": variants_plain}}
