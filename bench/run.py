"""The benchmark as a whole: `make bench`.

    python run.py --desireline PATH --sim PATH [--events 10000000] [--runs 5] [--work FOLDER] [--docs ../docs/benchmarks.md]

Makes the events, imports them, checks that everybody gives the same answers, then measures: in each round every question is
asked of desireline and of every peer in turn, each in a cold process of its own, so that whatever else the machine does
meets all of them alike. The medians go into the page between its markers; nothing outside of the markers is touched.
"""

import argparse
import json
import multiprocessing
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import own
from answers import FUNNELS, QUESTIONS, canonical, differences
from measure import PEERS, ask_peer, medians, run

BEGINS, ENDS = "<!-- measured: begin -->", "<!-- measured: end -->"
DAY_S = 86_400
TOGETHER = "map, variants and funnel5 at once"
PM4PY_EVENTS_MAX, PM4PY_QUESTIONS = 1_000_000, ("map", "variants")


def view(chosen, question, limit=None):
    """The command line that asks desireline a question."""
    command = [chosen.desireline, "--home", chosen.work / "home", "view"]
    if question in FUNNELS or question == TOGETHER:
        window_s, names = FUNNELS["funnel5" if question == TOGETHER else question]
        command += ["map,variants,funnel" if question == TOGETHER else "funnel"]
        command += ["--steps", ",".join(names), "--within", f"{window_s // DAY_S}d"]
    else:
        command.append(question)
    if question in ("variants", TOGETHER) and limit is not None:
        command += ["--limit", str(limit)]
    return [*command, "--json"]


def prepare(chosen):
    """Events, our lake, ClickHouse's table; returns what importing cost."""
    chosen.work.mkdir(parents=True, exist_ok=True)
    home = chosen.work / "home"
    imports = []
    for ending in ("csv", "parquet"):
        events = chosen.work / f"events.{ending}"
        subprocess.run([chosen.sim, "events", "--events", str(chosen.events), "--seed", "1", "-o", events], check=True)
        shutil.rmtree(home, ignore_errors=True)
        _, measured = run([chosen.desireline, "--home", home, "import", events])
        imports.append((ending, measured))
        if ending == "csv":
            events.unlink()
    if "clickhouse_table" in chosen.peers:
        shutil.rmtree(chosen.work / "table", ignore_errors=True)
        ask_peer("clickhouse_table", "prepare", chosen.work / "events.parquet", chosen.work / "table")
    return imports


def asked(chosen, question):
    """The peers that are asked this question: pm4py knows two of them, and only small data within reasonable time."""
    small = chosen.events <= PM4PY_EVENTS_MAX and question in PM4PY_QUESTIONS
    return [peer for peer in chosen.peers if peer != "pm4py" or small]


def ask(chosen, peer, question, answer=None, limit=None):
    return ask_peer(peer, question, chosen.work / "events.parquet", chosen.work / "table", answer, limit)


def check(chosen):
    """Everybody's answers against ours; ends the program when one differs."""
    wrong = []
    for question in QUESTIONS:
        output, _ = run(view(chosen, question, limit=0))
        ours = canonical(json.loads(output))
        for peer in asked(chosen, question):
            path = chosen.work / "answer.json"
            ask(chosen, peer, question, path, limit=0)
            found = differences(ours, canonical(json.loads(path.read_text(encoding="utf-8"))))
            wrong += [f"{question}, {peer}: {text}" for text in found[:5]]
            print(f"{question}: {peer} {'differs' if found else 'gives the same answer'}", file=sys.stderr)
    if wrong:
        sys.exit("\n".join(["answers differ (ours against theirs):", *wrong]))


def rounds(chosen):
    """By (question, who): the measurements of all rounds."""
    found = {}
    for number in range(chosen.runs):
        print(f"round {number + 1} of {chosen.runs}", file=sys.stderr)
        for question in QUESTIONS:
            # What is kept of the round before would answer without reading anything; keeping it anew is measured, too.
            own.forget(chosen.work / "home")
            _, measured = run(view(chosen, question, limit=100))
            found.setdefault((question, "desireline"), []).append(measured)
            for peer in asked(chosen, question):
                found.setdefault((question, peer), []).append(ask(chosen, peer, question, limit=100))
        own.forget(chosen.work / "home")
        found.setdefault((TOGETHER, "desireline"), []).append(run(view(chosen, TOGETHER, limit=100))[1])
    return found


def table(found):
    """Rows of the page: every figure, and how many times as much as ours it is."""
    lines = [
        "| question | who | CPU s | × ours | wall s | × ours | CPU s without start | wall s without start | peak MiB |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for (question, who), measurements in found.items():
        m, ours = medians(measurements), medians(found[question, "desireline"])
        report = measurements[0]
        name = f"{who} {report['version']} ({report['formulation']})" if "version" in report else f"**{who}**"
        bare = f"{m['answer_cpu_s']:.2f} | {m['answer_wall_s']:.2f}" if "answer_cpu_s" in m else "|"
        cpu, wall = m["cpu_s"] / ours["cpu_s"], m["wall_s"] / ours["wall_s"]
        lines.append(
            f"| {question} | {name} | {m['cpu_s']:.2f} | {cpu:.1f} | {m['wall_s']:.2f} | {wall:.1f} | {bare} "
            f"| {m['peak_mib']:.0f} |"
        )
    return lines


def page(chosen, imports, found, own_found):
    lines = [
        f"{chosen.events:,} events, {chosen.runs} alternating rounds, medians; {os.cpu_count()} cores, "
        f"{platform.machine()}, {platform.system()} {platform.release()}; commit {commit()}.",
        "",
        "Answers of all were " + ("not compared" if chosen.skip_check else "equal") + ". CPU and wall time are those of the whole process, cold; \"without start\" leaves out the",
        "start of the interpreter and the loading of the peer's library.",
        "",
        *table(found),
        "",
        "| import | events/s | CPU s | wall s | peak MiB |",
        "|---|---:|---:|---:|---:|",
    ]
    for ending, m in imports:
        rate = chosen.events / m["wall_s"]
        lines.append(f"| {ending} | {rate:,.0f} | {m['cpu_s']:.1f} | {m['wall_s']:.1f} | {m['peak_mib']:.0f} |")
    return [*lines, "", *own.table(own_found)]


def commit():
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    return found.stdout.strip() or "unknown"


def write(path, lines, begins=BEGINS, ends=ENDS):
    text = path.read_text(encoding="utf-8") if path.exists() else f"# Benchmarks\n\n{begins}\n{ends}\n"
    if begins not in text or ends not in text:
        sys.exit(f"{path} has no place for the figures: it needs the lines {begins} and {ends}")
    before, rest = text.split(begins, 1)
    after = rest.split(ends, 1)[1]
    path.write_text("\n".join([before + begins, *lines, ends]) + after, encoding="utf-8")


def main():
    here = Path(__file__).parent
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--desireline", type=Path, required=True, help="the program")
    arguments.add_argument("--sim", type=Path, required=True, help="the generator")
    arguments.add_argument("--events", type=int, default=10_000_000)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--work", type=Path, default=here.parent / "target" / "bench")
    arguments.add_argument("--docs", type=Path, default=here.parent / "docs" / "benchmarks.md")
    arguments.add_argument("--peers", default=",".join([*PEERS, "pm4py"]), type=lambda text: [p for p in text.split(",") if p])
    arguments.add_argument("--skip-check", action="store_true", help="do not compare the answers")
    chosen = arguments.parse_args()
    imports = prepare(chosen)
    if not chosen.skip_check:
        # In a process of its own: the memory that a process has at its start counts as the peak of what it becomes, and
        # all answers together would make ours large before it starts the commands that are measured.
        checking = multiprocessing.Process(target=check, args=(chosen,))
        checking.start()
        checking.join()
        if checking.exitcode:
            sys.exit(checking.exitcode)
    found = rounds(chosen)
    write(chosen.docs, page(chosen, imports, found, own.rounds(chosen)))
    print(f"written: {chosen.docs}", file=sys.stderr)


if __name__ == "__main__":
    main()
