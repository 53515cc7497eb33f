"""Writes alignments.json: what optimal alignments cost by pm4py, for small plans and random journeys.

    python alignments.py > alignments.json        # with pm4py 2.7

Each plan is given as a pattern of ours and as a process tree of pm4py's, which becomes a Petri net. The standard costs are
pm4py's own: 1 for a move in the log alone, 1 for a visible move in the model alone, nothing for the others.
"""
import json
import random
import sys

import pandas as pd
import pm4py
from pm4py.objects.process_tree.utils.generic import parse

# `tau` is a step that nobody sees; a loop `*(do, redo)` does, and any number of times redoes and does.
ANY = "X('a', 'b', 'c', 'd', 'x')"
PLANS = [
    ("a b c", "->('a', 'b', 'c')"),
    ("a (b | c)* d", "->('a', *(tau, X('b', 'c')), 'd')"),
    ("a (b | c)* b c d", "->('a', *(tau, X('b', 'c')), 'b', 'c', 'd')"),
    ("a? b+ (c d)? a", "->(X(tau, 'a'), *('b', tau), X(tau, ->('c', 'd')), 'a')"),
    ("(a b | b a) (c | d)", "->(X(->('a', 'b'), ->('b', 'a')), X('c', 'd'))"),
    ("(a b+ c?)* d", "->(*(tau, ->('a', *('b', tau), X(tau, 'c'))), 'd')"),
    ("a .. d", f"->('a', *(tau, {ANY}), 'd')"),
    ("(a | b c d)+", "*(X('a', ->('b', 'c', 'd')), tau)"),
    ("a (b (c | d)*)* a", "->('a', *(tau, ->('b', *(tau, X('c', 'd')))), 'a')"),
    ("a b c d a b c d a b c d", "->('a','b','c','d','a','b','c','d','a','b','c','d')"),
]
JOURNEYS = 120
LENGTH_MAX = 12


def near(net, chance):
    """Journeys that the plan draws, of which some moments are left out and some are added."""
    random.seed(chance.random())
    for trace in pm4py.play_out(*net, parameters={"noTraces": JOURNEYS // 2}):
        moments = [event["concept:name"] for event in trace][:LENGTH_MAX]
        kept = [moment for moment in moments if chance.random() < 0.85]
        for _ in range(chance.choice([0, 0, 1, 2])):
            kept.insert(chance.randint(0, len(kept)), chance.choice("abcdx"))
        if kept:
            yield "".join(kept)


def log_of(journeys):
    rows = []
    for number, journey in enumerate(journeys):
        for i, moment in enumerate(journey):
            rows.append((f"{number:04}", moment, pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(minutes=i)))
    frame = pd.DataFrame(rows, columns=["case:concept:name", "concept:name", "time:timestamp"])
    return pm4py.format_dataframe(frame)


def main():
    chance = random.Random(20261122)
    plans = []
    for pattern, tree in PLANS:
        net = pm4py.convert_to_petri_net(parse(tree))
        journeys = list(near(net, chance))
        while len(journeys) < JOURNEYS:
            journeys.append("".join(chance.choices("abcdx", k=chance.randint(1, LENGTH_MAX))))
        log = log_of(journeys)
        aligned = pm4py.conformance_diagnostics_alignments(log, *net)
        # Costs of pm4py are in ten-thousandths of a move, and unseen moves cost one of those.
        costs = [found["cost"] // 10000 for found in aligned]
        mean = pm4py.fitness_alignments(log, *net)
        plans.append(
            {
                "pattern": pattern,
                "journeys": " ".join(journeys),
                "costs": " ".join(map(str, costs)),
                "average_trace_fitness": mean["averageFitness"],
                "percentage_of_fitting_traces": mean["percentage_of_fitting_traces"],
            }
        )
    json.dump({"pm4py": pm4py.__version__, "plans": plans}, sys.stdout, indent=1)
    print()


main()
