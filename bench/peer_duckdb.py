"""DuckDB: the five questions, from a Parquet file."""

import duckdb

from answers import FUNNELS, STEPS_SHOWN, funnel_answer, map_answer, steps_answer, variants_answer

VERSION = duckdb.__version__


def connect():
    connection = duckdb.connect(config={"threads": 2})
    # Nothing here depends on the order of rows in the file, and keeping it costs memory and time.
    connection.execute("SET preserve_insertion_order = false")
    return connection


def moment_type(connection, chosen):
    """An ENUM of the event names: one byte per event instead of a string, as an analyst who knows DuckDB would do."""
    connection.execute(
        f"CREATE TYPE moment AS ENUM (SELECT DISTINCT event FROM '{chosen.parquet}' ORDER BY event)"
    )


MOMENTS = "SELECT event, count(*), count(DISTINCT user_id) FROM {source} GROUP BY event"
EDGES = """
    SELECT "from", event, count(*), count(DISTINCT {user}), median(dt), quantile_cont(dt, 0.9), avg(dt)
    FROM pairs WHERE "from" IS NOT NULL GROUP BY 1, 2
"""


def map_windows(chosen):
    """Neighbours by a window function, everything else from that one table."""
    connection = connect()
    moment_type(connection, chosen)
    connection.execute(f"""
        CREATE TEMP TABLE pairs AS
        SELECT hash(user_id) AS customer, event::moment AS event, lag(event::moment) OVER w AS "from",
               epoch_us("at") - lag(epoch_us("at")) OVER w AS dt, lead(true) OVER w AS goes_on
        FROM '{chosen.parquet}' WINDOW w AS (PARTITION BY hash(user_id) ORDER BY "at")
    """)
    edges = connection.execute(EDGES.format(user="customer")).fetchall()
    moments = connection.execute("SELECT event, count(*), count(DISTINCT customer) FROM pairs GROUP BY 1").fetchall()
    starts = connection.execute('SELECT event, count(*) FROM pairs WHERE "from" IS NULL GROUP BY 1').fetchall()
    ends = connection.execute("SELECT event, count(*) FROM pairs WHERE goes_on IS NULL GROUP BY 1").fetchall()
    return map_answer(moments, edges, starts, ends)


# One customer's events as a sorted list of 64-bit numbers: time in the upper bits, moment in the lower six.
PACKED = """
    CREATE TEMP TABLE journeys AS
    SELECT list_sort(list((epoch_us("at") << 8) | enum_code(event::moment))) AS packed
    FROM '{parquet}' GROUP BY user_id
"""


def map_lists(chosen):
    """One sorted list per customer; pairs are unnested from it and carry the customer's row number."""
    connection = connect()
    moment_type(connection, chosen)
    connection.execute(PACKED.format(parquet=chosen.parquet))
    connection.execute("""
        CREATE TEMP TABLE pairs AS
        WITH flat AS (
            SELECT rowid AS customer, unnest(packed) AS after, unnest(list_prepend(NULL, packed[:-2])) AS before
            FROM journeys
        )
        SELECT customer, before & 255 AS "from", after & 255 AS event, (after >> 8) - (before >> 8) AS dt FROM flat
    """)
    edges = connection.execute(EDGES.format(user="customer")).fetchall()
    moments = connection.execute("SELECT event, count(*), count(DISTINCT customer) FROM pairs GROUP BY 1").fetchall()
    starts = connection.execute('SELECT event, count(*) FROM pairs WHERE "from" IS NULL GROUP BY 1').fetchall()
    ends = connection.execute("SELECT packed[-1] & 255, count(*) FROM journeys GROUP BY 1").fetchall()
    names = [row[0] for row in connection.execute("SELECT unnest(enum_range(NULL::moment))::VARCHAR").fetchall()]
    return map_answer(
        [(names[m], *rest) for m, *rest in moments],
        [(names[a], names[b], *rest) for a, b, *rest in edges],
        [(names[m], n) for m, n in starts],
        [(names[m], n) for m, n in ends],
    )


def map_arrays(chosen):
    """As `map_lists`, and the customers of an edge are counted from each customer's distinct edges, without a set."""
    connection = connect()
    moment_type(connection, chosen)
    connection.execute(PACKED.format(parquet=chosen.parquet))
    names = [row[0] for row in connection.execute("SELECT unnest(enum_range(NULL::moment))::VARCHAR").fetchall()]
    both = "list_transform(list_zip(packed[:-2], packed[2:]), lambda p: ((p[1] & 255) << 8) | (p[2] & 255))"
    customers = dict(connection.execute(f"""
        SELECT edge, count(*) FROM (SELECT unnest(list_distinct({both})) AS edge FROM journeys) GROUP BY 1
    """).fetchall())
    edges = connection.execute("""
        SELECT ((before & 255) << 8) | (after & 255) AS edge, count(*), median(dt), quantile_cont(dt, 0.9), avg(dt) FROM (
            SELECT after, before, (after >> 8) - (before >> 8) AS dt FROM (
                SELECT unnest(packed[2:]) AS after, unnest(packed[:-2]) AS before FROM journeys WHERE len(packed) > 1))
        GROUP BY 1
    """).fetchall()
    moments = connection.execute("""
        SELECT m, sum(n), sum(c) FROM (
            SELECT unnest(packed) & 255 AS m, 1 AS n, 0 AS c FROM journeys UNION ALL
            SELECT unnest(list_distinct(list_transform(packed, lambda x: x & 255))), 0, 1 FROM journeys
        ) GROUP BY 1
    """).fetchall()
    ends = [connection.execute(f"SELECT packed[{i}] & 255, count(*) FROM journeys GROUP BY 1").fetchall() for i in (1, -1)]
    return map_answer(
        [(names[m], int(n), int(c)) for m, n, c in moments],
        [(names[e >> 8], names[e & 255], n, customers[e], *times) for e, n, *times in edges],
        *([(names[m], n) for m, n in found] for found in ends),
    )


def limit(chosen):
    return f"LIMIT {chosen.limit}" if chosen.limit else ""


def variants_of(connection, chosen, sequences):
    connection.execute(f"CREATE TEMP TABLE variants AS SELECT sequence, count(*) AS n FROM ({sequences}) GROUP BY 1")
    journeys, distinct = connection.execute("SELECT sum(n), count(*) FROM variants").fetchone()
    return int(journeys), distinct, connection


def variants_packed(chosen):
    connection = connect()
    moment_type(connection, chosen)
    sequences = f"""
        SELECT list_transform(list_sort(list((epoch_us("at") << 8) | enum_code(event::moment))),
                              lambda x: (x & 255)::UTINYINT) AS sequence
        FROM '{chosen.parquet}' GROUP BY user_id
    """
    journeys, distinct, _ = variants_of(connection, chosen, sequences)
    names = [row[0] for row in connection.execute("SELECT unnest(enum_range(NULL::moment))::VARCHAR").fetchall()]
    top = f"SELECT sequence, n FROM variants ORDER BY n DESC, sequence {limit(chosen)}"
    rows = [([names[m] for m in s], n) for s, n in connection.execute(top).fetchall()]
    return variants_answer(journeys, distinct, rows)


def variants_ordered(chosen):
    """The plain way: an ordered list aggregate of the names."""
    connection = connect()
    moment_type(connection, chosen)
    sequences = f"""SELECT list(event::moment ORDER BY "at") AS sequence FROM '{chosen.parquet}' GROUP BY user_id"""
    journeys, distinct, _ = variants_of(connection, chosen, sequences)
    top = f"SELECT sequence, n FROM variants ORDER BY n DESC, sequence {limit(chosen)}"
    return variants_answer(journeys, distinct, connection.execute(top).fetchall())


def variants_text(chosen):
    """Sequences as short texts, one character per event."""
    connection = connect()
    moment_type(connection, chosen)
    sequences = f"""
        SELECT string_agg(chr(48 + enum_code(event::moment)::INT), '' ORDER BY "at") AS sequence
        FROM '{chosen.parquet}' GROUP BY user_id
    """
    journeys, distinct, _ = variants_of(connection, chosen, sequences)
    names = [row[0] for row in connection.execute("SELECT unnest(enum_range(NULL::moment))::VARCHAR").fetchall()]
    top = f"SELECT sequence, n FROM variants ORDER BY n DESC, sequence {limit(chosen)}"
    rows = [([names[ord(c) - 48] for c in s], n) for s, n in connection.execute(top).fetchall()]
    return variants_answer(journeys, distinct, rows)


def steps_first(chosen):
    """`arg_min(…, n)` keeps the first events of each customer in a small heap."""
    connection = connect()
    moment_type(connection, chosen)
    connection.execute(f"""
        CREATE TEMP TABLE firsts AS
        SELECT arg_min(event::moment, "at", {STEPS_SHOWN}) AS first FROM '{chosen.parquet}' GROUP BY user_id
    """)
    journeys = connection.execute("SELECT count(*) FROM firsts").fetchone()[0]
    rows = connection.execute("""
        SELECT position, moment, count(*) FROM (
            SELECT unnest(first) AS moment, unnest(range(1, len(first) + 1)) AS position FROM firsts
        ) GROUP BY 1, 2
    """).fetchall()
    return steps_answer(journeys, rows)


def steps_windows(chosen):
    connection = connect()
    moment_type(connection, chosen)
    rows = connection.execute(f"""
        SELECT position, event, count(*) FROM (
            SELECT event::moment AS event,
                   row_number() OVER (PARTITION BY hash(user_id) ORDER BY "at") AS position FROM '{chosen.parquet}'
        ) WHERE position <= {STEPS_SHOWN} GROUP BY 1, 2
    """).fetchall()
    journeys = sum(n for position, _, n in rows if position == 1)
    return steps_answer(journeys, rows)


def steps_packed(chosen):
    connection = connect()
    moment_type(connection, chosen)
    connection.execute(PACKED.format(parquet=chosen.parquet))
    journeys = connection.execute("SELECT count(*) FROM journeys").fetchone()[0]
    names = [row[0] for row in connection.execute("SELECT unnest(enum_range(NULL::moment))::VARCHAR").fetchall()]
    rows = []
    for position in range(1, STEPS_SHOWN + 1):
        found = connection.execute(
            f"SELECT packed[{position}] & 255 AS m, count(*) FROM journeys WHERE len(packed) >= {position} GROUP BY 1"
        ).fetchall()
        rows += [(position, names[m], n) for m, n in found]
    return steps_answer(journeys, rows)


def funnel_lists(question):
    """One sorted list of (time, step) per customer who has the first step, folded by a lambda over its events.

    The state is the list of the latest starts by step; an event of step k takes over the start of step k - 1."""
    window_s, names = FUNNELS[question]
    window_us = window_s * 1_000_000

    def ask(chosen):
        connection = connect()
        listed = ", ".join(f"'{name}'" for name in names)
        cases = " ".join(f"WHEN '{name}' THEN {k}" for k, name in enumerate(names, 1))
        blank = "[" + ", ".join(["-4000000000000000000::BIGINT"] * (len(names) + 1)) + "]"
        query = f"""
            SELECT len(list_filter(list_reduce(list_prepend({blank}, list_transform(packed, lambda x: [x])),
                lambda state, x: CASE WHEN x[1] & 31 = 1
                        THEN list_concat([state[1]], [x[1] >> 5], state[3:])
                    WHEN (x[1] >> 5) - state[x[1] & 31] <= {window_us}
                        THEN list_concat(state[:x[1] & 31], [state[x[1] & 31]], state[(x[1] & 31) + 2:])
                    ELSE state END), lambda s: s > -4000000000000000000)) AS level, count(*)
            FROM (
                SELECT list_sort(list((epoch_us("at") << 5) | (CASE event {cases} END)::BIGINT)) AS packed
                FROM '{chosen.parquet}' WHERE event IN ({listed}) GROUP BY user_id
            ) GROUP BY 1
        """
        return funnel_answer(names, connection.execute(query).fetchall())

    return ask


def funnel_asof(question):
    """From every first step, the earliest next step after it, and so on: one ASOF join per step.

    The earliest continuation of each start is enough: if any chain from that start reaches a step inside the window, the
    earliest one does."""
    window_s, names = FUNNELS[question]

    def ask(chosen):
        connection = connect()
        listed = ", ".join(f"'{name}'" for name in names)
        connection.execute(f"""
            CREATE TEMP TABLE steps AS SELECT hash(user_id) AS customer, epoch_us("at") AS "at", event
            FROM '{chosen.parquet}' WHERE event IN ({listed})
        """)
        connection.execute(f"""
            CREATE TEMP TABLE chains AS
            SELECT customer, "at" AS start, "at" AS reached FROM steps WHERE event = '{names[0]}'
        """)
        levels = []
        before = connection.execute("SELECT count(DISTINCT customer) FROM chains").fetchone()[0]
        reached = [before]
        for name in names[1:]:
            # Of several starts that arrive at the same event, the latest has the most of its window left.
            connection.execute(f"""
                CREATE OR REPLACE TEMP TABLE chains AS
                SELECT c.customer, max(c.start) AS start, s."at" AS reached
                FROM chains c ASOF JOIN (SELECT customer, "at" FROM steps WHERE event = '{name}') s
                  ON c.customer = s.customer AND c.reached < s."at"
                WHERE s."at" - c.start <= {window_s * 1_000_000} GROUP BY c.customer, s."at"
            """)
            reached.append(connection.execute("SELECT count(DISTINCT customer) FROM chains").fetchone()[0])
        levels = [(k, n - (reached[k] if k < len(names) else 0)) for k, n in enumerate(reached, 1)]
        return funnel_answer(names, levels)

    return ask


QUESTIONS = {
    "map": {"arrays": map_arrays, "lists": map_lists, "windows": map_windows},
    "variants": {"packed": variants_packed, "ordered": variants_ordered, "text": variants_text},
    "steps": {"first": steps_first, "windows": steps_windows, "packed": steps_packed},
    **{q: {"asof": funnel_asof(q), "lists": funnel_lists(q)} for q in FUNNELS},
}
