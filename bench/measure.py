"""Runs a command in a process of its own and measures it whole: wall time, CPU time, peak memory.

    python measure.py [--peers duckdb,polars] [--runs 3] --parquet events.parquet [--table FOLDER]

prints a table of every peer and question (medians).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from answers import QUESTIONS

HERE = Path(__file__).parent
PEERS = ["duckdb", "clickhouse", "polars", "clickhouse_table"]


def run(command):
    """(standard output, {wall_s, cpu_s, peak_mib}) of a command; raises when it fails."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {process.returncode}")
    return output, {
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
    }


def ask_peer(peer, question, parquet, table=None, answer=None, limit=None):
    """Like `run`, for one question to one peer; adds the times without interpreter and imports."""
    command = [sys.executable, HERE / "peers.py", "--peer", peer, "--question", question, "--parquet", parquet]
    command += ["--table", table] if table else []
    command += ["--json", answer] if answer else []
    command += ["--limit", str(limit)] if limit is not None else []
    output, measured = run(command)
    report = json.loads(output.splitlines()[-1])
    return {**measured, **report}


def medians(measurements):
    """The median of every figure, taken one by one."""
    figures = [key for key, value in measurements[0].items() if isinstance(value, float)]
    return {key: statistics.median(m[key] for m in measurements) for key in figures}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--peers", default=",".join(PEERS))
    arguments.add_argument("--questions", default=",".join(QUESTIONS))
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--parquet", required=True)
    arguments.add_argument("--table")
    chosen = arguments.parse_args()
    peers, questions = chosen.peers.split(","), chosen.questions.split(",")
    found = {}
    for _ in range(chosen.runs):
        for question in questions:
            for peer in peers:
                measured = ask_peer(peer, question, chosen.parquet, chosen.table)
                found.setdefault((question, peer), []).append(measured)
    print("| question | peer (formulation) | CPU s | wall s | CPU s without start | wall s without start | peak MiB |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for (question, peer), measurements in found.items():
        m = medians(measurements)
        print(
            f"| {question} | {peer} {measurements[0]['version']} ({measurements[0]['formulation']}) "
            f"| {m['cpu_s']:.2f} | {m['wall_s']:.2f} | {m['answer_cpu_s']:.2f} | {m['answer_wall_s']:.2f} "
            f"| {m['peak_mib']:.0f} |"
        )


if __name__ == "__main__":
    main()
