"""What asking again costs: every view, on events that are imported already.

    python again.py --desireline PATH --home HOME [--charter charter.yaml] [--views map,variants] [--runs 3]

HOME holds the events of `sim events`. For every view, each in a cold process: asked afresh, without and with keeping what
was counted; asked again when nothing is new; asked again after 1,000 new events of about as many customers. The last answer
is compared with one that reads everything. New events stay in HOME.
"""

import argparse
import random
import subprocess
import sys
from pathlib import Path

from measure import medians, run

OPTIONS = {"funnel": ["--steps", "visit,product,cart,order"], "paths": ["--pattern", "visit .. order"]}
PLAIN = {**OPTIONS, "funnel": ["--steps", "Page Viewed,Product Viewed,Product Added,Order Completed"]}
EVENTS = ["Page Viewed", "Product Viewed", "Product Added", "Order Completed", "Ticket Opened", "Survey Answered"]
HOUR_S, YEAR_ENDS_S = 3600, 1_767_225_600


def new_events(path, customers, hour):
    """1,000 events in one hour after the year that `sim` makes."""
    chosen = random.Random(hour)
    lines = ["user_id,event,at,channel,amount"]
    for second in sorted(chosen.randrange(HOUR_S) for _ in range(1000)):
        at = YEAR_ENDS_S + hour * HOUR_S + second
        lines.append(f"u{chosen.randrange(customers):07d},{chosen.choice(EVENTS)},{at},web,{chosen.randrange(1, 500)}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--desireline", required=True)
    arguments.add_argument("--home", type=Path, required=True)
    arguments.add_argument("--charter")
    arguments.add_argument("--views", default="map,variants,funnel,steps,sankey")
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--customers", type=int, default=500_000)
    arguments.add_argument("--hour", type=int, default=0, help="hours after the year of events that were given before")
    chosen = arguments.parse_args()
    ours = [chosen.desireline, "--home", chosen.home, *(["--charter", chosen.charter] if chosen.charter else [])]
    print("| view | afresh ms | and kept ms | nothing new ms | 1,000 new ms | peak MiB | kept MiB |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    hour = chosen.hour
    for view in chosen.views.split(","):
        options = (OPTIONS if chosen.charter else PLAIN).get(view, [])
        ask = [*ours, "view", view, *options, "--json"]
        found = {"afresh": [], "kept": [], "same": [], "more": []}
        kept = chosen.home / "kept"
        for _ in range(chosen.runs):
            for file in kept.glob("*"):
                file.unlink()
            found["afresh"].append(run([*ask, "--afresh"])[1])
            found["kept"].append(run(ask)[1])
            size = sum(file.stat().st_size for file in kept.glob("*"))
            found["same"].append(run(ask)[1])
            events = chosen.home / "new.csv"
            new_events(events, chosen.customers, hour)
            hour += 1
            importing = [*ours, "import", events, "--map", "user_id=user_id,event=event,at=at,channel=channel", "--yes"]
            subprocess.run(importing, check=True, capture_output=True)
            again, measured = run(ask)
            found["more"].append(measured)
            if again != run([*ask, "--afresh"])[0]:
                sys.exit(f"{view}: asked again is not asked afresh")
        m = {what: medians(measured) for what, measured in found.items()}
        times = " | ".join(f"{m[what]['wall_s'] * 1000:.0f}" for what in ("afresh", "kept", "same", "more"))
        print(f"| {view} | {times} | {m['more']['peak_mib']:.0f} | {size / 2**20:.1f} |", flush=True)


if __name__ == "__main__":
    main()
