"""ClickHouse, inside the process (chdb): the five questions, from a Parquet file.

`peer_clickhouse_table` asks the same questions of a table that is sorted by customer and time.
"""

import json

import chdb
from chdb.session import Session

from answers import FUNNELS, STEPS_SHOWN, funnel_answer, map_answer, steps_answer, variants_answer

VERSION = chdb.__version__
SETTINGS = {"max_threads": 2}


class Source:
    """Where the events are, and how to ask."""

    def __init__(self, events, path=None, settings=None):
        self.session = Session(path) if path else Session()
        self.events = events
        self.settings = ", ".join(f"{k} = {v}" for k, v in {**SETTINGS, **(settings or {})}.items())

    def rows(self, query):
        text = query if query.lstrip().startswith(("CREATE", "INSERT", "DROP")) else f"{query} FORMAT JSONCompact"
        text = text.replace(" FORMAT JSONCompact", f" SETTINGS {self.settings} FORMAT JSONCompact")
        answer = str(self.session.query(text, "JSONCompact"))
        return json.loads(answer)["data"] if answer.strip() else []

    def names(self):
        return sorted(row[0] for row in self.rows(f"SELECT DISTINCT toString(event) FROM {self.events}"))

    def code(self, names):
        """An expression for the number of an event's name."""
        listed = ", ".join(f"'{name}' = {i}" for i, name in enumerate(names))
        return f"CAST(event AS Enum8({listed}))"


def open_file(chosen):
    return Source(f"file('{chosen.parquet}', Parquet)")


def packed(source, names):
    """One sorted array of (time << 8 | moment) per customer."""
    code = f"toUInt8({source.code(names)})"
    return f"""
        SELECT arraySort(groupArray(bitOr(bitShiftLeft(toUInt64(toUnixTimestamp64Micro(at)), 8), {code}))) AS p
        FROM {source.events} GROUP BY user_id
    """


def map_of(source, decoded, name):
    """`decoded`: per customer arrays m (moments) and t (times in µs). A pair that is its customer's first of its kind
    has rank 1, so customers are counted without a set."""
    edges = source.rows(f"""
        SELECT a, b, count(), countIf(rank = 1), quantilesExactInclusive(0.5, 0.9)(dt) AS q, avg(dt)
        FROM (
            SELECT arrayPopBack(m) AS f, arrayPopFront(m) AS g, arrayPopFront(arrayDifference(t)) AS d,
                   arrayEnumerateUniq(f, g) AS r
            FROM ({decoded}) WHERE length(m) > 1
        ) ARRAY JOIN f AS a, g AS b, d AS dt, r AS rank
        GROUP BY a, b
    """)
    moments = source.rows(f"""
        SELECT a, count(), countIf(rank = 1) FROM ({decoded}) ARRAY JOIN m AS a, arrayEnumerateUniq(m) AS rank GROUP BY a
    """)
    starts = source.rows(f"SELECT m[1] AS a, count() FROM ({decoded}) GROUP BY a")
    ends = source.rows(f"SELECT m[-1] AS a, count() FROM ({decoded}) GROUP BY a")
    return map_answer(
        [(name(m), int(n), int(c)) for m, n, c in moments],
        [(name(a), name(b), int(n), int(c), q[0], q[1], mean) for a, b, n, c, q, mean in edges],
        [(name(m), int(n)) for m, n in starts],
        [(name(m), int(n)) for m, n in ends],
    )


def map_packed(source):
    names = source.names()
    source.rows(f"CREATE TEMPORARY TABLE packed ENGINE = Memory AS {packed(source, names)} SETTINGS {source.settings}")
    decoded = """
        SELECT arrayMap(x -> toUInt8(bitAnd(x, 255)), p) AS m, arrayMap(x -> toInt64(bitShiftRight(x, 8)), p) AS t
        FROM packed
    """
    return map_of(source, decoded, lambda code: names[code])


def map_windows(source):
    """Neighbours by a window function."""
    source.rows(f"""
        CREATE TEMPORARY TABLE pairs ENGINE = Memory AS
        SELECT cityHash64(user_id) AS customer, toLowCardinality(event) AS b,
               lagInFrame(toLowCardinality(event), 1, '') OVER w AS a,
               leadInFrame(1, 1, 0) OVER (PARTITION BY user_id ORDER BY at
                   ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS goes_on,
               toUnixTimestamp64Micro(at) - lagInFrame(toUnixTimestamp64Micro(at), 1, 0) OVER w AS dt
        FROM {source.events}
        WINDOW w AS (PARTITION BY user_id ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
        SETTINGS {source.settings}
    """)
    edges = source.rows("""
        SELECT a, b, count(), uniqExact(customer), quantilesExactInclusive(0.5, 0.9)(dt) AS q, avg(dt) FROM pairs
        WHERE a != '' GROUP BY a, b
    """)
    moments = source.rows("SELECT b, count(), uniqExact(customer) FROM pairs GROUP BY b")
    starts = source.rows("SELECT b, count() FROM pairs WHERE a = '' GROUP BY b")
    ends = source.rows("SELECT b, count() FROM pairs WHERE goes_on = 0 GROUP BY b")
    return map_answer(
        [(m, int(n), int(c)) for m, n, c in moments],
        [(a, b, int(n), int(c), q[0], q[1], mean) for a, b, n, c, q, mean in edges],
        [(m, int(n)) for m, n in starts],
        [(m, int(n)) for m, n in ends],
    )


def variants_of(source, sequences, limit, name):
    """Everything in one query: the distinct sequences are counted over the groups before the limit is applied."""
    limit = f"LIMIT {limit}" if limit else ""
    rows = source.rows(f"""
        SELECT m, n, sum(n) OVER () AS journeys, count() OVER () AS variants
        FROM (SELECT m, count() AS n FROM ({sequences}) GROUP BY m) ORDER BY n DESC, m {limit}
    """)
    listed = [([name(x) for x in m], int(n)) for m, n, _, _ in rows]
    return variants_answer(int(rows[0][2]), int(rows[0][3]), listed)


def variants_packed(source, limit):
    names = source.names()
    sequences = f"SELECT arrayMap(x -> toUInt8(bitAnd(x, 255)), p) AS m FROM ({packed(source, names)})"
    return variants_of(source, sequences, limit, lambda code: names[code])


def variants_text(source, limit):
    """Sequences as short texts, one byte per event."""
    names = source.names()
    some = f"LIMIT {limit}" if limit else ""
    rows = source.rows(f"""
        SELECT m, n, sum(n) OVER () AS journeys, count() OVER () AS variants FROM (
            SELECT m, count() AS n FROM (
                SELECT arrayStringConcat(arrayMap(x -> char(bitAnd(x, 255) + 48), p)) AS m FROM ({packed(source, names)})
            ) GROUP BY m
        ) ORDER BY n DESC, m {some}
    """)
    listed = [([names[ord(x) - 48] for x in m], int(n)) for m, n, _, _ in rows]
    return variants_answer(int(rows[0][2]), int(rows[0][3]), listed)


def steps_of(source, firsts, name):
    rows = source.rows(f"SELECT k, e, count() FROM ({firsts}) ARRAY JOIN m AS e, arrayEnumerate(m) AS k GROUP BY k, e")
    listed = [(int(k), name(e), int(n)) for k, e, n in rows]
    return steps_answer(sum(n for k, _, n in listed if k == 1), listed)


def steps_bounded(source):
    """`groupArraySorted` keeps the first events only."""
    names = source.names()
    code = f"toUInt8({source.code(names)})"
    firsts = f"""
        SELECT arrayMap(x -> toUInt8(bitAnd(x, 255)), groupArraySorted({STEPS_SHOWN})(
            bitOr(bitShiftLeft(toUInt64(toUnixTimestamp64Micro(at)), 8), {code}))) AS m
        FROM {source.events} GROUP BY user_id
    """
    return steps_of(source, firsts, lambda code: names[code])


def steps_packed(source):
    names = source.names()
    firsts = f"""
        SELECT arrayMap(x -> toUInt8(bitAnd(x, 255)), arraySlice(p, 1, {STEPS_SHOWN})) AS m FROM ({packed(source, names)})
    """
    return steps_of(source, firsts, lambda code: names[code])


def funnel(question, low):
    window_s, names = FUNNELS[question]

    def ask(source):
        event = "toLowCardinality(event)" if low else "event"
        conditions = ", ".join(f"{event} = '{name}'" for name in names)
        listed = ", ".join(f"'{name}'" for name in names)
        rows = source.rows(f"""
            SELECT level, count() FROM (
                SELECT windowFunnel({window_s * 1_000_000})(toUInt64(toUnixTimestamp64Micro(at)), {conditions}) AS level
                FROM {source.events} WHERE {event} IN ({listed}) GROUP BY user_id
            ) GROUP BY level
        """)
        return funnel_answer(names, [(int(level), int(n)) for level, n in rows])

    return ask


def questions(opened):
    """The questions of a way to open the events: `opened(chosen)` is a `Source`."""

    def plain(ask):
        return lambda chosen: ask(opened(chosen))

    def limited(ask):
        return lambda chosen: ask(opened(chosen), chosen.limit)

    return {
        "map": {"packed": plain(map_packed), "windows": plain(map_windows)},
        "variants": {"text": limited(variants_text), "packed": limited(variants_packed)},
        "steps": {"bounded": plain(steps_bounded), "packed": plain(steps_packed)},
        **{q: {"low": plain(funnel(q, True)), "strings": plain(funnel(q, False))} for q in FUNNELS},
    }


QUESTIONS = questions(open_file)
