"""ClickHouse on its own table, sorted by customer and time: its best case. `--question prepare` makes the table.

Aggregation in the order of the table (`optimize_aggregation_in_order`) was tried for each question; it saves memory, but was
not faster in any.
"""

from peer_clickhouse import VERSION, Source, questions

__all__ = ["QUESTIONS", "VERSION", "prepare"]


def open_table(chosen):
    return Source("bench.events", path=chosen.table)


def prepare(chosen):
    source = open_table(chosen)
    source.rows("CREATE DATABASE IF NOT EXISTS bench")
    source.rows("DROP TABLE IF EXISTS bench.events")
    source.rows("""
        CREATE TABLE bench.events (
            user_id String, event LowCardinality(String), at DateTime64(6, 'UTC'), channel LowCardinality(String),
            amount Nullable(Float64), page LowCardinality(Nullable(String))
        ) ENGINE = MergeTree ORDER BY (user_id, at)
    """)
    source.rows(f"INSERT INTO bench.events SELECT * FROM file('{chosen.parquet}', Parquet)")
    source.session.query("OPTIMIZE TABLE bench.events FINAL")
    source.session.close()
    return {"table": "bench.events"}


QUESTIONS = questions(open_table)
