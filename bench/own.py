"""Every view of ours, with the charter beside this file: asked afresh, again, and again after 1,000 new events.

    python own.py --desireline PATH --work FOLDER [--events 10000000] [--runs 3]

No peer answers these questions, so they are measured against what they may cost at most. Asked afresh means that nothing
is kept of an answer that was given before.
"""

import argparse
import random
import shutil
import sys
from pathlib import Path

from measure import medians, run

CHARTER = Path(__file__).parent / "charter.yaml"
NEW_EVENTS = 1_000
VIEWS = {
    "map": [],
    "variants": [],
    "funnel": ["--steps", "visit,product,cart,checkout,order", "--within", "30d"],
    "steps": [],
    "sankey": [],
    "abandonment": [],
    "channels": [],
    "interactions": [],
    "expectations": [],
    "absences": [],
    "conformance": [],
    "paths": ["--pattern", "cart .. order"],
    "retention": [],
    "surveys": [],
    "say-do": [],
    "stages": [],
    "segments": [],
    "quality": [],
}
OPTIONS_OF_ALL = ["--pattern", "cart .. order", "--within", "30d"]


def forget(home):
    """Nothing is kept of the answers that were given before."""
    shutil.rmtree(Path(home) / "kept", ignore_errors=True)


def command(chosen, names, options):
    return [chosen.desireline, "--home", chosen.work / "home", "--charter", CHARTER, "view", names, *options, "--json"]


def ask(chosen, names, options):
    return run(command(chosen, names, options))[1]


def import_new(chosen, number):
    """New events of customers who are there, one event each but for chance, after all others in time."""
    draw = random.Random(number)
    moments = ["Page Viewed", "Product Viewed", "Product Added", "Checkout Started", "Order Completed", "Ticket Opened"]
    path = chosen.work / "new.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("user_id,event,at,channel\n")
        for i in range(NEW_EVENTS):
            second = number * NEW_EVENTS + i
            user = draw.randrange(chosen.events // 25)
            at = f"2026-01-{1 + second // 86_400:02}T{second // 3_600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}Z"
            file.write(f"u{user:07},{draw.choice(moments)},{at},web\n")
    run([chosen.desireline, "--home", chosen.work / "home", "import", path])


def rounds(chosen):
    """By view, then by how it was asked: the measurements of all rounds."""
    found = {}

    def note(name, how, measured):
        found.setdefault(name, {}).setdefault(how, []).append(measured)

    home = chosen.work / "home"
    together = list(VIEWS)
    for number in range(chosen.runs):
        print(f"all views, round {number + 1} of {chosen.runs}", file=sys.stderr)
        for name, options in VIEWS.items():
            forget(home)
            note(name, "afresh", ask(chosen, name, options))
        forget(home)
        steps = ["--steps", "visit,product,cart,checkout,order"]
        note("all at once", "afresh", ask(chosen, ",".join(together), [*steps, *OPTIONS_OF_ALL]))
        for name, options in VIEWS.items():
            ask(chosen, name, options)
            note(name, "again", ask(chosen, name, options))
        import_new(chosen, number)
        for name, options in VIEWS.items():
            answer, measured = run(command(chosen, name, options))
            note(name, "after", measured)
            if answer != run([*command(chosen, name, options), "--afresh"])[0]:
                sys.exit(f"{name}: asked again is not asked afresh")
    return found


def table(found):
    """Rows of the page."""
    lines = [
        f"All views, with `bench/charter.yaml`; *again* is the same question once more, *after* is the same question after an import",
        f"of {NEW_EVENTS:,} new events of about as many customers.",
        "",
        "| view | CPU s | wall s | peak MiB | again: CPU s | wall s | after: CPU s | wall s | peak MiB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, by_how in found.items():
        m = {how: medians(measurements) for how, measurements in by_how.items()}
        cells = [f"{m['afresh']['cpu_s']:.2f}", f"{m['afresh']['wall_s']:.2f}", f"{m['afresh']['peak_mib']:.0f}"]
        for how, figures in (("again", ("cpu_s", "wall_s")), ("after", ("cpu_s", "wall_s", "peak_mib"))):
            digits = {"peak_mib": 0}
            cells += [f"{m[how][figure]:.{digits.get(figure, 3)}f}" if how in m else "" for figure in figures]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--desireline", type=Path, required=True, help="the program")
    arguments.add_argument("--work", type=Path, required=True, help="the folder of the benchmark, with the imported home in it")
    arguments.add_argument("--events", type=int, default=10_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    print("\n".join(table(rounds(arguments.parse_args()))))


if __name__ == "__main__":
    main()
