"""Reads what Desireline exported with pm4py and compares it with Desireline's own answers.

Usage: roundtrip.py DESIRELINE LOG [LOG ...]

pm4py is under the AGPL, so it runs here, in a process of its own, and no part of it is in the project.
"""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter

import pandas
import pm4py
from pm4py.objects.ocel.validation import ocel20_rel_validation

CASE, ACTIVITY, TIME = "case:concept:name", "concept:name", "time:timestamp"


def run(program, home, *args):
    done = subprocess.run([program, "--home", home, *args], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{args}: {done.stderr}")
    return done.stdout


def ours(program, home):
    both = json.loads(run(program, home, "view", "map,variants", "--limit", "0", "--json"))
    edges = {(e["from"], e["to"]): e["count"] for e in both["map"]["edges"]}
    moments = {m["moment"]: m["events"] for m in both["map"]["moments"]}
    variants = sorted((v["count"] for v in both["variants"]["variants"]), reverse=True)
    starts = {s["moment"]: s["count"] for s in both["map"]["starts"]}
    return {"activities": moments, "dfg": edges, "variants": variants, "starts": starts, "cases": sum(variants)}


def theirs(log):
    dfg, starts, _ = pm4py.discover_dfg(log, activity_key=ACTIVITY, case_id_key=CASE, timestamp_key=TIME)
    variants = pm4py.get_variants(log, activity_key=ACTIVITY, case_id_key=CASE, timestamp_key=TIME)
    counts = [n if isinstance(n, int) else len(n) for n in variants.values()]
    return {
        "activities": dict(Counter(log[ACTIVITY])),
        "dfg": dict(dfg),
        "variants": sorted(counts, reverse=True),
        "starts": dict(starts),
        "cases": log[CASE].nunique(),
    }


def read_csv(path):
    # pm4py takes a column named `properties` for settings of its own; pandas takes a customer named `NA` for nobody.
    log = pandas.read_csv(path, dtype=str, keep_default_na=False).drop(columns="properties")
    log["at"] = pandas.to_datetime(log["at"], utc=True, format="ISO8601")
    return pm4py.format_dataframe(log, case_id="customer", activity_key="event", timestamp_key="at")


def ocel(read):
    def flat(path):
        log = pm4py.ocel_flattening(read(path), "customer")
        # Events of one time keep the order of the file.
        return log.sort_values([CASE, TIME], kind="stable").reset_index(drop=True)

    return flat


def read_sqlite(path):
    satisfied, wrong = ocel20_rel_validation.apply(path)
    if wrong:
        raise SystemExit(f"{path} is not OCEL 2.0 as its specification has it: {wrong}")
    log = pm4py.read_ocel2_sqlite(path)
    # pm4py reads type after type, and so puts events of one time in the order of their types; the table of all events
    # has the order in which they came.
    with contextlib.closing(sqlite3.connect(path)) as database:
        order = {row[0]: n for n, row in enumerate(database.execute("select ocel_id from event order by rowid"))}
    place = log.events["ocel:eid"].map(order)
    log.events = log.events.assign(place=place).sort_values(["ocel:timestamp", "place"]).drop(columns="place")
    return log


def read_xes(path):
    return pm4py.convert_to_dataframe(pm4py.read_xes(path))


READERS = {
    "xes": read_xes,
    "xes.gz": read_xes,
    "csv": read_csv,
    "csv.gz": read_csv,
    "jsonocel": ocel(pm4py.read_ocel2_json),
    "xmlocel": ocel(pm4py.read_ocel2_xml),
    "sqlite": ocel(read_sqlite),
}


def check(program, log, folder):
    home = os.path.join(folder, "home")
    run(program, home, "import", log)
    expected, wrong = ours(program, home), 0
    for ending, read in READERS.items():
        path = os.path.join(folder, "log." + ending)
        run(program, home, "export", path)
        found = theirs(read(path))
        bad = [what for what in expected if expected[what] != found[what]]
        for what in bad:
            print(f"  {what}: ours {str(expected[what])[:300]}, pm4py {str(found[what])[:300]}")
        events = sum(expected["activities"].values())
        print(f"{os.path.basename(log)} as {ending}: {expected['cases']} cases, {events} events,",
              f"{len(expected['variants'])} variants, {len(expected['dfg'])} edges:", "differs" if bad else "same")
        wrong += len(bad)
    return wrong


def main():
    program, *logs = sys.argv[1:]
    wrong = 0
    for log in logs:
        with tempfile.TemporaryDirectory() as folder:
            wrong += check(program, log, folder)
    sys.exit(1 if wrong else 0)


main()
