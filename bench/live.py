"""The live side under load: `make bench-live`.

    python live.py --desireline PATH --load PATH --ceiling PATH [--runs 5] [--events 1000000] [--customers 1000000]
                   [--work FOLDER] [--docs ../docs/benchmarks.md]

Server and client share the machine. In each round the same load goes to a server that does nothing but read JSON and flush
bodies to the disk (the example `ceiling`), and to desireline, which recognises what comes twice, knows whose it is, keeps every
customer's state and watches promises by the charter of the simulated telecom company; while it does, what came in is written
into the lake as well. Then questions what to do next, by the same charter with 50 actions, and beside them, where Redis is
installed, a script there that reads as much of a customer, looks at 50 actions, and writes as much. The medians go into the
page between its markers.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from run import commit, write

BEGINS, ENDS = "<!-- live: begin -->", "<!-- live: end -->"
CHARTER = Path(__file__).parent.parent / "charters" / "telecom" / "charter.yaml"
ACTIONS = 50
# A background that leaves room, and questions beside it.
BACKGROUND_PER_SECOND, BESIDE_PER_SECOND = 20_000, 200


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def charter_of(work):
    """The charter, with as many more actions as make 50."""
    more = [
        f"  offer_{n}: {{label: Offer {n}, when: \"tickets_7d < {1 + n % 7} and (last_total > {n * 10} or stage = 'choice')\", "
        f"channel: web, cap: {{per: 7d, times: 3}}, value: {1 + n % 9}, propensity: 0.{1 + n % 8}}}"
        for n in range(ACTIONS - 2)
    ]
    path = work / "charter.yaml"
    path.write_text(CHARTER.read_text(encoding="utf-8").replace("\nactions:\n", "\nactions:\n" + "\n".join(more) + "\n", 1))
    return path


class Server:
    """A server on a port of its own, ready when the block begins, killed when it ends."""

    def __init__(self, command, port, path):
        self.command, self.address, self.path = command, f"127.0.0.1:{port}", path

    def __enter__(self):
        begun = time.perf_counter()
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        while True:
            with contextlib.suppress(OSError):
                if self.path is None:
                    socket.create_connection(self.address.split(":"), timeout=1).close()
                    break
                with urllib.request.urlopen(f"http://{self.address}{self.path}", timeout=1) as answer:
                    if answer.status == 200:
                        break
            if self.process.poll() is not None:
                sys.exit(f"{self.command[0]} ended with {self.process.returncode}")
            time.sleep(0.005)
        self.ready_s = time.perf_counter() - begun
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def memory_mib(self):
        """What it holds in memory that is no cached file."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1]) / 1024


def serve(chosen, charter, home):
    port = free_port()
    command = [chosen.desireline, "--charter", charter, "--home", home, "serve", "--listen", f"127.0.0.1:{port}"]
    return Server([*command, "--write-key", "wk", "--api-key", "ak"], port, "/readyz")


def ceiling(chosen):
    port = free_port()
    return Server([chosen.ceiling, f"127.0.0.1:{port}", chosen.work / "ceiling.bin"], port, None)


def load(chosen, what, server, **options):
    """What `load` measured."""
    key = "wk" if what == "ingest" else "ak"
    command = [chosen.load, what, server.address, key]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    measured = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    if measured["refused"]:
        sys.exit(f"{measured['refused']} of {what} were refused")
    return measured


def settled(server):
    """Waits until nothing is done in the background any more."""
    def cpu():
        fields = Path(f"/proc/{server.process.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before = cpu()
    while True:
        time.sleep(2)
        now = cpu()
        if now - before < 10:
            return
        before = now


# Reads a customer, scores 50 actions, writes the customer and the decision, as many bytes as ours; says no more than a number.
REDIS_SCRIPT = """
local state = redis.call('GET', KEYS[1]) or string.rep('s', 700)
local best, at = 0, 0
for action = 1, 50 do
    local score = (string.byte(state, action) * action) % 97
    if score > best then best, at = score, action end
end
redis.call('SET', KEYS[1], string.sub(state, 2) .. string.char(64 + at % 26))
redis.call('RPUSH', 'log', string.rep('d', 700))
return at
"""


def redis(chosen, flushed, questions=100_000):
    """How often a second Redis runs a script that does what a decision takes, flushing its log to the disk every second, or
    before each answer; nothing where it is not installed."""
    if any(shutil.which(program) is None for program in ("redis-server", "redis-cli", "redis-benchmark")):
        return None
    folder, port = chosen.work / f"redis-{flushed}", str(free_port())
    folder.mkdir()
    options = ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"]
    server = subprocess.Popen(["redis-server", *options, "--appendfsync", flushed], stdout=subprocess.DEVNULL)
    try:
        ask = ["redis-cli", "-p", port]
        while subprocess.run([*ask, "ping"], capture_output=True, check=False).stdout.strip() != b"PONG":
            time.sleep(0.02)
        script = subprocess.run([*ask, "script", "load", REDIS_SCRIPT], capture_output=True, check=True).stdout.strip()
        load = ["redis-benchmark", "-p", port, "-n", str(questions), "-c", "64", "-r", str(chosen.customers), "--csv"]
        measured = subprocess.run([*load, "evalsha", script, "1", "u:__rand_int__"], capture_output=True, check=True)
        return float(measured.stdout.decode().strip().splitlines()[-1].split('","')[1].strip('"'))
    finally:
        server.kill()
        server.wait()
        # A child that writes its log anew may be at it for another moment.
        shutil.rmtree(folder, ignore_errors=True)


def ingest(chosen, home):
    """By who: the rates of all rounds; the customers are known after the first load, which does not count."""
    rates = {"ceiling": [], "desireline": []}
    with serve(chosen, CHARTER, home) as server, ceiling(chosen) as bare:
        ours = {"customers": chosen.customers, "events": chosen.events}
        rates["new"] = [load(chosen, "ingest", server, run=1, **ours)["per_second"]]
        for number in range(chosen.runs):
            settled(server)
            rates["ceiling"].append(load(chosen, "ingest", bare, run=number + 2, **ours)["per_second"])
            rates["desireline"].append(load(chosen, "ingest", server, run=number + 2, **ours)["per_second"])
        settled(server)
        memory_mib = server.memory_mib()
    return rates, memory_mib


def questions(chosen, charter, home):
    """How fast it decides, and how long one waits at half of that, and beside a background of events."""
    found = {"per_second": [], "p99_ms": [], "beside_p99_ms": [], "redis_everysec": [], "redis_always": []}
    with serve(chosen, charter, home) as server:
        load(chosen, "ingest", server, customers=chosen.customers, events=chosen.events, run=100)
        settled(server)
        asked = {"customers": chosen.customers, "connections": 64}
        for number in range(chosen.runs):
            rate = load(chosen, "decide", server, questions=100_000, run=200 + number, **asked)["per_second"]
            found["per_second"].append(rate)
            for flushed in ("everysec", "always"):
                measured = redis(chosen, flushed)
                found[f"redis_{flushed}"] += [] if measured is None else [measured]
            half = {"questions": int(rate * 2), "per_second": int(rate / 2), "run": 300 + number, **asked}
            found["p99_ms"].append(load(chosen, "decide", server, **half)["wait_ms_p99"])
            settled(server)
            background = subprocess.Popen(
                [chosen.load, "ingest", server.address, "wk", "--events", str(BACKGROUND_PER_SECOND * 6)]
                + ["--per-second", str(BACKGROUND_PER_SECOND), "--customers", str(chosen.customers)]
                + ["--run", str(400 + number)],
                stdout=subprocess.DEVNULL,
            )
            beside = {"questions": BESIDE_PER_SECOND * 4, "per_second": BESIDE_PER_SECOND, "with_event": 1}
            time.sleep(1)
            measured = load(chosen, "decide", server, customers=chosen.customers, run=500 + number, **beside)
            found["beside_p99_ms"].append(measured["wait_ms_p99"])
            background.wait()
    return found


def again(chosen, home):
    """How long a start after a kill takes, and how fast all states are built anew from the log."""
    ready = []
    for _ in range(chosen.runs):
        with serve(chosen, CHARTER, home) as server:
            ready.append(server.ready_s)
            load(chosen, "ingest", server, customers=chosen.customers, events=50_000, run=600 + len(ready))
    command = [chosen.desireline, "--charter", CHARTER, "--home", home, "replay", "--json"]
    replayed = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    if not replayed["equal"]:
        sys.exit(f"states differ from what follows from the log: {replayed}")
    return ready, replayed


def page(chosen, rates, memory_mib, found, ready, replayed):
    median = statistics.median
    ours, bare = median(rates["desireline"]), median(rates["ceiling"])
    rows = [
        ("events/s, ceiling: read JSON and flush", f"{bare:,.0f}", ""),
        ("events/s, desireline", f"{ours:,.0f}", f"{ours / bare:.0%} of the ceiling"),
        ("events/s, desireline, all customers new", f"{rates['new'][0]:,.0f}", "one run"),
        (f"decisions/s, {ACTIONS} actions", f"{median(found['per_second']):,.0f}", "64 connections"),
        *[
            (f"a script of Redis in the place of a decision/s, {how}", f"{median(found[name]):,.0f}", "64 connections")
            for name, how in (("redis_everysec", "flushed every second"), ("redis_always", "flushed before each answer"))
            if found[name]
        ],
        ("wait for a decision at half of that, p99", f"{median(found['p99_ms']):.1f} ms", ""),
        (
            "event in, state and decision out, p99",
            f"{median(found['beside_p99_ms']):.1f} ms",
            f"beside {BACKGROUND_PER_SECOND:,} events/s",
        ),
        ("memory besides cached files", f"{memory_mib:,.0f} MiB", f"{chosen.customers:,} customers, after the load"),
        ("ready after kill -9", f"{median(ready):.2f} s", f"{chosen.customers:,} customers"),
        (
            "replay, entries/s",
            f"{replayed['entries'] / replayed['seconds']:,.0f}",
            f"{replayed['entries']:,} entries, {replayed['customers']:,} customers, equal byte for byte",
        ),
    ]
    return [
        f"Batches of 100 messages over 16 connections, {chosen.events:,} events a round, {chosen.customers:,} customers drawn "
        f"evenly, {chosen.runs} alternating rounds, medians; {os.cpu_count()} cores shared with the client, "
        f"{platform.machine()}, {platform.system()} {platform.release()}; commit {commit()}.",
        "",
        "| what | figure | |",
        "|---|---:|---|",
        *[f"| {what} | {figure} | {note} |" for what, figure, note in rows],
    ]


def main():
    here = Path(__file__).parent
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--desireline", type=Path, required=True, help="the program")
    arguments.add_argument("--load", type=Path, required=True, help="the client")
    arguments.add_argument("--ceiling", type=Path, required=True, help="the bare server")
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--events", type=int, default=1_000_000)
    arguments.add_argument("--customers", type=int, default=1_000_000)
    arguments.add_argument("--work", type=Path, default=here.parent / "target" / "bench-live")
    arguments.add_argument("--docs", type=Path, default=here.parent / "docs" / "benchmarks.md")
    chosen = arguments.parse_args()
    shutil.rmtree(chosen.work, ignore_errors=True)
    chosen.work.mkdir(parents=True)
    home = chosen.work / "home"
    rates, memory_mib = ingest(chosen, home)
    ready, replayed = again(chosen, home)
    found = questions(chosen, charter_of(chosen.work), chosen.work / "deciding")
    print(json.dumps([rates, memory_mib, found, ready, replayed]), file=sys.stderr)
    write(chosen.docs, page(chosen, rates, memory_mib, found, ready, replayed), BEGINS, ENDS)


if __name__ == "__main__":
    main()
