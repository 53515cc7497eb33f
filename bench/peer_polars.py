"""Polars: the five questions, from a Parquet file, lazily."""

import polars as pl

from answers import FUNNELS, STEPS_SHOWN, funnel_answer, map_answer, steps_answer, variants_answer

VERSION = pl.__version__


def events(chosen, user):
    """The three columns; `user` makes the customer's column, names become one byte."""
    names = sorted(pl.scan_parquet(chosen.parquet).select(pl.col("event").unique()).collect()["event"])
    frame = pl.scan_parquet(chosen.parquet).select(
        user.alias("customer"),
        pl.col("at").to_physical(),
        pl.col("event").cast(pl.Enum(names)),
    )
    return names, frame


CATEGORICAL = pl.col("user_id").cast(pl.Categorical).to_physical()
HASHED = pl.col("user_id").hash()


SAME_CUSTOMER = pl.col("customer") == pl.col("customer").shift()
SHIFTED = {
    "from": pl.when(SAME_CUSTOMER).then(pl.col("event").shift()),
    "dt": pl.col("at") - pl.col("at").shift(),
    "last": (pl.col("customer") != pl.col("customer").shift(-1)).fill_null(True),
}


def neighbours(frame):
    return frame.sort("customer", "at").with_columns(**SHIFTED)


def neighbours_in_groups(frame):
    """Each customer's few events are sorted by themselves, which is cheaper than one sort of everything."""
    sorted_lists = frame.group_by("customer").agg(pl.col("event", "at").sort_by("at"))
    return sorted_lists.explode("event", "at").with_columns(**SHIFTED)


def map_of(user, paired):
    def ask(chosen):
        _, frame = events(chosen, user)
        pairs = paired(frame).collect().lazy()
        edges = (
            pairs.filter(pl.col("from").is_not_null())
            .group_by("from", "event")
            .agg(
                pl.len(),
                pl.col("customer").n_unique().alias("customers"),
                pl.col("dt").median().alias("median"),
                pl.col("dt").quantile(0.9, interpolation="linear").alias("p90"),
                pl.col("dt").mean().alias("mean"),
            )
        )
        moments = pairs.group_by("event").agg(pl.len(), pl.col("customer").n_unique().alias("customers"))
        starts = pairs.filter(pl.col("from").is_null()).group_by("event").agg(pl.len())
        ends = pairs.filter(pl.col("last")).group_by("event").agg(pl.len())
        found = pl.collect_all([moments, edges, starts, ends])
        return map_answer(*(frame.rows() for frame in found))

    return ask


def variants_lists(user, grouped):
    """One list per customer from the sorted frame, then counted."""

    def ask(chosen):
        names, frame = events(chosen, user)
        sequence = pl.col("event").to_physical()
        if grouped:
            lists = frame.group_by("customer").agg(sequence.sort_by("at"))
        else:
            lists = frame.sort("customer", "at").group_by("customer").agg(sequence)
        counted = (
            lists.group_by("event")
            .agg(pl.len().alias("n"))
            .collect()
        )
        journeys, distinct = counted["n"].sum(), counted.height
        rows = top(counted, chosen.limit)
        rows = [([names[code] for code in sequence], n) for sequence, n in rows]
        return variants_answer(journeys, distinct, rows)

    return ask


def top(counted, limit):
    """The most frequent sequences; lists do not sort, so ties at the limit are cut by their text in Python."""
    if limit and counted.height > limit:
        least = counted["n"].top_k(limit).min()
        counted = counted.filter(pl.col("n") >= least)
    rows = [(list(sequence), n) for sequence, n in counted.iter_rows()]
    rows.sort(key=lambda row: (-row[1], row[0]))
    return rows[:limit] if limit else rows


def steps_sorted(user):
    """After sorting, an event's position is its row less the row of its customer's first event."""

    def ask(chosen):
        _, frame = events(chosen, user)
        first = (pl.col("customer") != pl.col("customer").shift()).fill_null(True)
        row = pl.int_range(pl.len(), dtype=pl.UInt32)
        counted = (
            frame.sort("customer", "at")
            .with_columns((row - pl.when(first).then(row).forward_fill() + 1).alias("position"))
            .filter(pl.col("position") <= STEPS_SHOWN)
            .group_by("position", "event")
            .agg(pl.len())
            .collect()
        )
        rows = counted.rows()
        return steps_answer(sum(n for position, _, n in rows if position == 1), rows)

    return ask


def steps_groups(user):
    """The first events of each customer by `bottom_k_by` inside the group."""

    def ask(chosen):
        _, frame = events(chosen, user)
        counted = (
            frame.group_by("customer")
            .agg(pl.col("event").sort_by("at").head(STEPS_SHOWN))
            .select("event", pl.int_ranges(1, pl.col("event").list.len() + 1).alias("position"))
            .explode("event", "position")
            .group_by("position", "event")
            .agg(pl.len())
            .collect()
        )
        rows = counted.rows()
        return steps_answer(sum(n for position, _, n in rows if position == 1), rows)

    return ask


def funnel_running(question, user):
    """ClickHouse's windowFunnel as columns: the latest start of a chain that reaches step k at an event is the running
    maximum of the latest starts of step k - 1 before it, as long as it lies within the window.

    Starts are made larger than those of every customer before by adding the customer's rank times the length of the data,
    so that one running maximum over the whole sorted column serves all customers."""
    window_s, names = FUNNELS[question]

    def ask(chosen):
        frame = pl.scan_parquet(chosen.parquet).filter(pl.col("event").is_in(names))
        codes = pl.col("event").replace_strict(names, list(range(1, len(names) + 1)), return_dtype=pl.UInt8)
        rows = frame.select(user.alias("customer"), pl.col("at").to_physical(), codes.alias("step")).collect()
        rows = rows.sort("customer", "at")
        least, most = rows["at"].min(), rows["at"].max()
        span = most - least + 1
        rank = (pl.col("customer") != pl.col("customer").shift()).fill_null(True).cum_sum() - 1
        rows = rows.select("step", rank.cast(pl.Int64).alias("customer"), (pl.col("at") - least).alias("at"))
        rows = rows.with_columns((pl.col("customer") * span + pl.col("at")).alias("time"))
        latest = pl.when(pl.col("step") == 1).then(pl.col("time"))
        reached = [rows.filter(pl.col("step") == 1)["customer"].n_unique()]
        for step in range(2, len(names) + 1):
            rows = rows.with_columns(latest.alias("s")).with_columns(pl.col("s").cum_max().forward_fill().alias("s"))
            in_time = (pl.col("s") >= pl.col("customer") * span) & (pl.col("time") - pl.col("s") <= window_s * 1_000_000)
            latest = pl.when((pl.col("step") == step) & in_time).then(pl.col("s"))
            reached.append(rows.filter((pl.col("step") == step) & in_time)["customer"].n_unique())
        return of_reached(names, reached)

    return ask


def of_reached(names, reached):
    levels = [(k, n - (reached[k] if k < len(names) else 0)) for k, n in enumerate(reached, 1)]
    return funnel_answer(names, levels)


def funnel_asof(question, user):
    """From every first step, the earliest next step after it, and so on: one as-of join per step."""
    window_s, names = FUNNELS[question]

    def ask(chosen):
        frame = pl.scan_parquet(chosen.parquet).filter(pl.col("event").is_in(names))
        rows = frame.select(
            user.alias("customer"), pl.col("at").to_physical(), pl.col("event").cast(pl.Enum(names))
        ).collect()
        rows = rows.sort("at")
        steps = {name[0]: part for name, part in rows.partition_by("event", as_dict=True, include_key=False).items()}
        empty = rows.clear().drop("event")
        chains = steps.get(names[0], empty).with_columns(pl.col("at").alias("start"))
        reached = [chains["customer"].n_unique()]
        for name in names[1:]:
            following = steps.get(name, empty).with_columns(pl.col("at").alias("reached"))
            chains = (
                chains.join_asof(
                    following, on="at", by="customer", strategy="forward", allow_exact_matches=False,
                    check_sortedness=False,
                )
                .filter(pl.col("reached") - pl.col("start") <= window_s * 1_000_000)
                .group_by("customer", "reached")
                .agg(pl.col("start").max())
                .rename({"reached": "at"})
                .sort("at")
            )
            reached.append(chains["customer"].n_unique())
        return of_reached(names, reached)

    return ask


QUESTIONS = {
    "map": {"groups": map_of(HASHED, neighbours_in_groups), "sorted": map_of(CATEGORICAL, neighbours)},
    "variants": {"groups": variants_lists(HASHED, True), "sorted": variants_lists(HASHED, False)},
    "steps": {"groups": steps_groups(HASHED), "sorted": steps_sorted(HASHED)},
    **{q: {"asof": funnel_asof(q, HASHED), "running": funnel_running(q, HASHED)} for q in FUNNELS},
}
