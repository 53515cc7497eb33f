"""Compares `view map --of TYPE` with pm4py's object-centric directly-follows graph, on given logs and on a simulated one.

Usage: ocdfg.py DESIRELINE ORDERS [LOG ...]
       ocdfg.py --reference LOG [LOG ...] > ocdfg.json

ORDERS is how many orders the simulated log has; `--reference` writes what pm4py finds, for a test without it. pm4py is under the AGPL, so it runs here, in a process of its own, and no
part of it is in the project.
"""

import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone

with contextlib.redirect_stdout(sys.stderr):
    import pm4py


def run(program, home, *args):
    done = subprocess.run([program, "--home", home, *args], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{args}: {done.stderr}")
    return done.stdout


def simulate(orders, path):
    """Orders of customers, their items, and packages that hold items of several orders; every relation is many to many."""
    draw = random.Random(7)
    start = datetime(2026, 1, 5, tzinfo=timezone.utc)
    objects, events = {}, []

    def event(name, at, touched):
        for kind, id in touched:
            objects[id] = kind
        at = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        relations = [{"objectId": id, "qualifier": kind} for kind, id in touched]
        events.append({"id": f"e{len(events)}", "type": name, "time": at, "attributes": [], "relationships": relations})

    waiting = []
    for n in range(orders):
        at = start + timedelta(minutes=draw.randrange(60 * 24 * 90))
        order, items = ("orders", f"o{n}"), [("items", f"i{n}.{k}") for k in range(draw.randint(1, 5))]
        buyers = [("customers", f"c{draw.randrange(max(1, orders // 4))}") for _ in range(draw.choice([1, 1, 1, 2]))]
        event("place order", at, list(dict.fromkeys([*buyers, order, *items])))
        for item in items:
            at += timedelta(minutes=draw.choice([0, 0, 5, 60]))
            event(draw.choice(["pick item", "pick item", "item out of stock"]), at, [item, ("employees", f"p{draw.randrange(20)}")])
            waiting.append((item, order, at))
        if draw.random() < 0.8:
            event("pay order", at + timedelta(days=draw.randrange(3)), [order, *buyers[:1]])
        if len(waiting) > 12:
            draw.shuffle(waiting)
            packed, waiting = waiting[:8], waiting[8:]
            package, at = ("packages", f"k{n}"), max(at for _, _, at in packed)
            touched = list(dict.fromkeys([package, *(item for item, _, _ in packed), *(order for _, order, _ in packed)]))
            event("create package", at + timedelta(hours=1), touched)
            event("send package", at + timedelta(hours=1), [package])
            while draw.random() < 0.3:
                event("failed delivery", at + timedelta(days=1), [package])
            event("package delivered", at + timedelta(days=2), touched)
    kinds = sorted(set(objects.values()))
    log = {
        "objectTypes": [{"name": kind, "attributes": []} for kind in kinds],
        "eventTypes": [{"name": name, "attributes": []} for name in sorted({e["type"] for e in events})],
        "objects": [{"id": id, "type": kind, "attributes": [], "relationships": []} for id, kind in objects.items()],
        "events": events,
    }
    with open(path, "w") as file:
        json.dump(log, file)


READ = {
    ".jsonocel": (pm4py.read_ocel2_json, pm4py.read_ocel_json),
    ".xmlocel": (pm4py.read_ocel2_xml, pm4py.read_ocel_xml),
    ".sqlite": (pm4py.read_ocel2_sqlite, pm4py.read_ocel_sqlite),
}


def read(log):
    """What pm4py reads: as version 2.0, or else as 1.0."""
    for how in READ[os.path.splitext(log)[1]]:
        with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(Exception):
            found = how(log)
            if len(found.relations) > 0:
                return found
    raise SystemExit(f"pm4py does not read {log}")


def counts(edges, kind):
    return {pair: len(found) for pair, found in edges.get(kind, {}).items()}


def compare(program, log):
    graph = pm4py.discover_ocdfg(read(log))
    kinds = sorted(graph["object_types"])
    for customer in kinds:
        with tempfile.TemporaryDirectory() as home:
            run(program, home, "import", log, "--customer", customer, "--yes", "--timezone", "UTC")
            several = json.loads(run(program, home, "view", "map", "--of", ",".join(kinds), "--json"))
            several = {one["of"]: one["answer"] for one in several["types"]} if len(kinds) > 1 else {}
            for kind in kinds:
                alone = json.loads(run(program, home, "view", "map", "--of", kind, "--json"))
                assert several.get(kind, alone) == alone, (log, customer, kind)
                for figure, edges in (("count", "total_objects"), ("customers", "unique_objects")):
                    ours = {(edge["from"], edge["to"]): edge[figure] for edge in alone["edges"]}
                    theirs = counts(graph["edges"][edges], kind)
                    assert ours == theirs, (log, customer, kind, figure, set(ours.items()) ^ set(theirs.items()))
                for ends in ("starts", "ends"):
                    ours = {one["moment"]: one["count"] for one in alone[ends]}
                    name = "start_activities" if ends == "starts" else "end_activities"
                    theirs = {name: len(found) for name, found in graph[name]["unique_objects"].get(kind, {}).items()}
                    assert ours == theirs, (log, customer, kind, ends, ours, theirs)
    edges = sum(len(found) for found in graph["edges"]["total_objects"].values())
    print(f"{os.path.basename(log)}: {edges} edges of {len(kinds)} types agree, whichever type is the customer")


def reference(logs):
    """By log, whatever its format, and type: edges with total and unique objects."""
    found = {}
    for log in logs:
        graph = pm4py.discover_ocdfg(read(log))
        total, unique = graph["edges"]["total_objects"], graph["edges"]["unique_objects"]
        edges = lambda kind: [[*pair, len(all), len(unique[kind][pair])] for pair, all in sorted(total.get(kind, {}).items())]
        found[os.path.basename(log).split(".")[0]] = {kind: edges(kind) for kind in sorted(graph["object_types"])}
    print(json.dumps(found, indent=1))


def main():
    if sys.argv[1] == "--reference":
        return reference(sys.argv[2:])
    program, orders, *logs = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        simulated = os.path.join(folder, "simulated.jsonocel")
        simulate(int(orders), simulated)
        for log in [*logs, simulated]:
            compare(program, log)


main()
