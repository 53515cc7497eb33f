"""Asks one peer one question, in one cold process.

    python peers.py --peer duckdb --question map --parquet events.parquet --json answer.json

Standard output gets one line of JSON: versions, formulation, and the CPU and wall time without interpreter and imports.
Every peer may use two threads. Each question has several formulations; the first one was the fastest.
"""

import argparse
import importlib
import json
import os
import resource
import sys
import time

THREADS = 2
os.environ["POLARS_MAX_THREADS"] = str(THREADS)


def seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), usage.ru_utime + usage.ru_stime


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--peer", required=True, choices=["duckdb", "clickhouse", "clickhouse_table", "polars", "pm4py"])
    arguments.add_argument("--question", required=True)
    arguments.add_argument("--parquet", help="the events")
    arguments.add_argument("--table", help="clickhouse_table: the folder with the sorted table, see --prepare")
    arguments.add_argument("--formulation", help="which one; the first by default")
    arguments.add_argument("--limit", type=int, default=100, help="how many variants are listed; 0 = all")
    arguments.add_argument("--json", help="where the answer goes")
    chosen = arguments.parse_args()

    begun = seconds()
    peer = importlib.import_module(f"peer_{chosen.peer}")
    imported = seconds()
    formulations = peer.QUESTIONS[chosen.question] if chosen.question != "prepare" else {"prepare": peer.prepare}
    name = chosen.formulation or next(iter(formulations))
    answer = formulations[name](chosen)
    done = seconds()
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump(answer, file)
    report = {
        "peer": chosen.peer,
        "version": peer.VERSION,
        "question": chosen.question,
        "formulation": name,
        "import_wall_s": imported[0] - begun[0],
        "import_cpu_s": imported[1],
        "answer_wall_s": done[0] - imported[0],
        "answer_cpu_s": done[1] - imported[1],
    }
    print(json.dumps(report))
    # Interpreters and libraries that tear down gigabytes are not what is measured.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
