#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Gantry's numbers beside the floor, each pair measured in turns. Called by run.sh.

bench.py [--rounds N] [AXIS...]   AXIS: language actions latency rate log idle intake blobs; default: all
"""
import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

from harness import (BIN, DISK, FOLDERS, PARALLEL, STEP, Gantry, Table, become_unprivileged,
                     floor_spawn, gantry_test, memory, program, push_body, quantile, show, wait)

SAMPLES = 40           # webhooks a round
LOG_MEGABYTES = 100
BLOB_MEGABYTES = 1024
HISTORY = 100_000
LEGS = 256             # of a matrix, at most
MATRICES = 40          # in the file for the rate of jobs
SPAWNS = 300           # of the floor of that rate, before and after

LATENCY = f"""on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - shell: {STEP} stamp {{0}}
        run: "-"
"""
BASH_LATENCY = LATENCY.replace(f"shell: {STEP} stamp {{0}}", "shell: bash").replace(
    '"-"', f"{STEP} stamp -")
LOG = f"""on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - run: until [ -e ${{{{ vars.GATES }}}}/${{{{ github.ref_name }}}}-go ]; do sleep 0.1; done
      - shell: {STEP} print {{0}}
        run: "{LOG_MEGABYTES}"
      - run: until [ -e ${{{{ vars.GATES }}}}/${{{{ github.ref_name }}}}-end ]; do sleep 0.1; done
"""


def matrix_workflow():
    """One file for short and long queues: pushed to `many` all its jobs run, else only the first."""
    text = "on: push\njobs:\n"
    for i in range(MATRICES):
        only = "    if: github.ref_name == 'many'\n" if i else ""
        text += (f"  job{i}:\n    runs-on: ubuntu-latest\n{only}    strategy:\n      matrix:\n"
                 f"        a: {list(range(16))}\n        b: {list(range(16))}\n"
                 "    steps:\n      - run: \"true\"\n")
    return text


def latency(table, rounds):
    gantries = {}
    for name, workflow in (("tmpfs", LATENCY), ("disk", LATENCY), ("disk, in bash", BASH_LATENCY)):
        gantries[name] = Gantry(name.split(",")[0], workflow).start()
    times, floors = {name: [] for name in gantries}, []
    try:
        for gantry in gantries.values():
            gantry.play("warm")
        for each in range(rounds):
            floors.append(floor_spawn(SAMPLES, 1)["p50_ms"])
            for sample in range(SAMPLES):
                for name, gantry in gantries.items():
                    run, sent = gantry.play(f"s{each}-{sample}")
                    begun = gantry.stamp(gantry.job_of(run))[0]
                    times[name].append((begun - sent) / 1e6)
    finally:
        for gantry in gantries.values():
            gantry.close()
    floor = statistics.median(floors)
    for name, values in times.items():
        p50, p99 = quantile(values, 0.5), quantile(values, 0.99)
        target = "" if "bash" in name else "p50 ≤ 12 ms, p99 ≤ 30 ms"
        table.add(f"webhook → first instruction, state on {name}",
                  f"p50 {p50:.1f} ms, p99 {p99:.1f} ms (n = {len(values)})",
                  "bwrap " + show(floors, "ms"), f"{p50 / floor:.2f}×", target,
                  (p50 <= 12 and p99 <= 30) if target else None)


def cpu_ms(pid):
    """Of a process and its children that have ended, user and system."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) * 1000 / os.sysconf("SC_CLK_TCK")


def jobs_rate(gantry, run, first, last):
    """Jobs a second between the completion of number `first` and of number `last`."""
    wait(lambda: gantry.ask("SELECT count(*) FROM jobs WHERE run_id = ? AND "
                            "conclusion = 'success'", run)[0][0] > last, pause=0.5, timeout=60)
    times = [row[0] for row in gantry.ask(
        "SELECT completed_at FROM jobs WHERE run_id = ? AND conclusion = 'success' "
        "ORDER BY completed_at", run)]
    return (last - first) * 1000 / (times[last] - times[first])


def rate(table, rounds):
    """The same jobs of the same file, with short and long queues behind them."""
    first, last = 20, LEGS - 100
    waiting = {"few": LEGS - last, "many": MATRICES * LEGS - last}
    names = [(where, branch) for where in ("tmpfs", "disk") for branch in waiting]
    rates, ratios = {name: [] for name in names}, {name: [] for name in names}
    cpu, floors = {name: [] for name in names}, []
    for _ in range(rounds):
        floors.append(floor_spawn(SPAWNS, PARALLEL)["per_s"])
        for where, branch in names:
            gantry = Gantry(where, matrix_workflow(), shows_bench=False).start()
            try:
                run, _ = gantry.post(branch)
                wait(lambda: gantry.ask("SELECT count(*) FROM jobs WHERE status = 'queued' OR "
                                        "conclusion = 'success'")[0][0] >= LEGS)
                rates[where, branch].append(jobs_rate(gantry, run, first, last))
                done = gantry.ask("SELECT count(*) FROM jobs WHERE conclusion = 'success'")[0][0]
                cpu[where, branch].append(cpu_ms(gantry.process.pid) / done)
            finally:
                gantry.close()
            floors.append(floor_spawn(SPAWNS, PARALLEL)["per_s"])
            ratios[where, branch].append(rates[where, branch][-1] / statistics.mean(floors[-2:]))
    for where, branch in names:
        ratio = statistics.median(ratios[where, branch])
        table.add(f"no-op jobs/s, {PARALLEL} at once, ≥ {waiting[branch]:,} waiting, state on "
                  f"{where}", f"{show(rates[where, branch])} /s, {show(cpu[where, branch])} ms CPU "
                  "each", "bwrap " + show(floors, "/s"), f"{ratio:.2f}×", "≥ 0.5×", ratio >= 0.5)
    for where in ("tmpfs", "disk"):
        few, many = (statistics.median(rates[where, branch]) for branch in waiting)
        table.add(f"jobs/s with ≥ 10,000 waiting beside 100, state on {where}", f"{many:.0f}/s",
                  f"{few:.0f}/s", f"{many / few:.2f}×", "the same (≥ 0.9×)", many >= 0.9 * few)


def reset_peak(pid):
    """The peak from here on; where the kernel refuses, what came before counts too."""
    try:
        with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError:
        pass


def log(table, rounds):
    gantry = Gantry("disk", LOG).start()
    script = os.path.join(DISK, "print")
    with open(script, "w", encoding="ascii") as file:
        file.write(f"{LOG_MEGABYTES}\n")
    speeds, floors, runner_growth, gantryd_growth = [], [], [], []

    def steps(job):
        return gantry.ask("SELECT completed_at FROM steps WHERE job_id = ? AND "
                          "status = 'completed' ORDER BY number", job)
    try:
        for each in range(rounds):
            floors.append(program("bench_floors", "pipe", LOG_MEGABYTES,
                                  os.path.join(DISK, "floor.log"), STEP, script)["mb_per_s"])
            run, _ = gantry.post(f"l{each}")
            job = wait(lambda: gantry.job_of(run))  # pylint: disable=cell-var-from-loop
            wait(lambda: len(steps(job)) == 1)
            (runner,), = gantry.ask("SELECT runner_pid FROM jobs WHERE id = ?", job)
            time.sleep(0.3)
            before = {pid: memory(pid, "VmRSS") for pid in (runner, gantry.process.pid)}
            for pid in before:
                reset_peak(pid)
            gantry.open_gate(f"l{each}-go")
            wait(lambda: len(steps(job)) == 3)
            growth = [memory(pid, "VmHWM") - rss for pid, rss in before.items()]
            runner_growth.append(growth[0])
            gantryd_growth.append(growth[1])
            begun = gantry.stamp(job)[1] / 1e6
            speeds.append(LOG_MEGABYTES * 1000 / (steps(job)[2][0] - begun))
            gantry.open_gate(f"l{each}-end")
            wait(lambda: gantry.ask("SELECT 1 FROM runs WHERE id = ? AND conclusion = 'success'",
                                    run))
            lines, = gantry.ask("SELECT log_end - log_first FROM steps WHERE job_id = ? "
                                "AND number = 3", job)[0]
            assert lines > LOG_MEGABYTES * 10_000, lines
    finally:
        gantry.close()
    speed, floor = statistics.median(speeds), statistics.median(floors)
    table.add(f"a step prints {LOG_MEGABYTES} MB: stamped, indexed, in the file",
              show(speeds, "MB/s"), "pipe → file " + show(floors, "MB/s"), f"{speed / floor:.2f}×",
              "≥ 300 MB/s", speed >= 300)
    both = [a + b for a, b in zip(runner_growth, gantryd_growth)]
    table.add("memory that log costs, runner + gantryd", show(both, "MiB") +
              f" ({show(runner_growth[:1])} + {show(gantryd_growth[:1])})", "", "", "≤ 4 MiB",
              statistics.median(both) <= 4)


def start_and_measure(gantry):
    """ms from the start of the process to the first 200."""
    begin = time.monotonic()
    gantry.launch()
    while True:
        try:
            if gantry.api("/healthz", tcp=True).status == 200:
                return (time.monotonic() - begin) * 1000
        except OSError:
            time.sleep(0.0005)


def spares_pss(gantryd):
    total = 0.0
    children = subprocess.run(["pgrep", "-P", str(gantryd)], capture_output=True, text=True,
                              check=False).stdout.split()
    for pid in children:
        total += memory(pid, "VmRSS")
    return len(children), total


def idle(table, rounds):
    empty, full = Gantry("disk"), Gantry("disk")
    subprocess.run([os.path.join(BIN, "bench_fill"), os.path.join(full.where, "state"),
                    str(HISTORY)], check=True)
    starts, rss, floors, spares = {0: [], HISTORY: []}, {0: [], HISTORY: []}, [], (0, 0)
    try:
        for _ in range(rounds):
            floors.append(program("bench_floors", "spawn", 10, 1, os.path.join(BIN, "gantryd"),
                                  "--version")["p50_ms"])
            for count, gantry in ((0, empty), (HISTORY, full)):
                starts[count].append(start_and_measure(gantry))
                time.sleep(1)
                rss[count].append(memory(gantry.process.pid, "VmRSS"))
                spares = spares_pss(gantry.process.pid)
                gantry.kill()
    finally:
        empty.close()
        full.close()
    floor = statistics.median(floors)
    for count, values in starts.items():
        middle = statistics.median(values)
        table.add(f"start → first HTTP 200, {count:,} runs stored", show(values, "ms"),
                  "exec " + show(floors, "ms"), f"{middle / floor:.1f}×",
                  "≤ 50 ms" if count else "", middle <= 50 if count else None)
        middle = statistics.median(rss[count])
        table.add(f"gantryd idle RSS, {count:,} runs stored", show(rss[count], "MiB"), "", "",
                  "≤ 14 MiB", middle <= 14)
    table.add(f"waiting runners beside it ({spares[0]})", f"{spares[1]:.1f} MiB RSS together")


def intake(table, rounds):
    body = os.path.join(DISK, "body")
    for where in ("tmpfs", "disk"):
        gantry = Gantry(where).start()
        stranger = gantry_test.Repo(os.path.join(gantry.where, "stranger"), "octo/stranger")
        with open(body, "wb") as file:
            file.write(push_body(stranger, "main", gantry.sha))
        alone, many, floors = [], [], []
        try:
            for _ in range(rounds):
                floors.append(program("bench_floors", "commit", 500, gantry.where))
                hooks = [gantry.port, gantry_test.SECRET, "push", body]
                alone.append(program("bench_hooks", *hooks, 300, 1))
                many.append(program("bench_hooks", *hooks, 3200, 32))
        finally:
            gantry.close()
        p50 = [one["p50_ms"] for one in alone]
        floor = [one["p50_ms"] for one in floors]
        table.add(f"durable webhook (25 kB) → 202, state on {where}",
                  f"p50 {show(p50)} ms, p99 {show([one['p99_ms'] for one in alone])} ms",
                  "SQLite row " + show(floor, "ms"),
                  f"{statistics.median(p50) / statistics.median(floor):.1f}×")
        speeds, floor = [one["per_s"] for one in many], [one["per_s"] for one in floors]
        table.add(f"durable webhooks/s, 32 senders, state on {where}", show(speeds, "/s"),
                  "SQLite rows " + show(floor, "/s"),
                  f"{statistics.median(speeds) / statistics.median(floor):.2f}×")


def actions(table, rounds):
    """An action that was used before, until the job has it; lines through problem matchers."""
    for files in (30, 300):
        all_of = [program("bench_actions", DISK, os.path.join(BIN, "gantry-git"), files, 100)
                  for _ in range(rounds)]
        p50, floor = [one["p50_ms"] for one in all_of], [one["floor_ms"] for one in all_of]
        middle = statistics.median(p50)
        table.add(f"cached action of {files} files, by sha → the job has it",
                  f"p50 {show(p50)}, p99 {show([one['p99_ms'] for one in all_of])} ms",
                  "links " + show(floor, "ms"), f"{middle / statistics.median(floor):.2f}×",
                  "≤ 5 ms", middle <= 5)
    table.add("lines past two problem matchers", show([one["lines_per_s"] for one in all_of], "/s"))


def language(table, rounds):
    """Without gantryd: a workflow file of 200 jobs, an expression of an `if`."""
    all_of = [program("bench_language") for _ in range(rounds)]
    for key, what, limit, unit in (("plan_ms", "a workflow of 200 jobs read and planned", 10, "ms"),
                                   ("evaluate_us", "an expression evaluated", 5, "µs")):
        values = [one[key] for one in all_of]
        table.add(what, show(values, unit), "", "", f"≤ {limit} {unit}",
                  statistics.median(values) <= limit)


def blobs(table, rounds):
    for where in ("tmpfs", "disk"):
        results = []
        for _ in range(rounds):
            folder = tempfile.mkdtemp(prefix="b-", dir=FOLDERS[where])
            results.append(program("bench_blobs", BLOB_MEGABYTES, folder))
        floor = [min(one["floor_s"], one["floor_again_s"]) for one in results]
        for way in ("upload", "download"):
            ratio = statistics.median(one[way + "_ratio"] for one in results)
            table.add(f"{way} of an artifact, {BLOB_MEGABYTES} MB, {where}",
                      show([one[way + "_s"] for one in results], "s"),
                      "copied, then hashed " + show(floor, "s"), f"{ratio:.2f}×", "≤ 2×", ratio <= 2)
        table.add(f"memory of runner and five clients, {where}",
                  show([one["peak_mib"] for one in results], "MiB"))


AXES = {"language": language, "actions": actions, "latency": latency, "rate": rate, "log": log,
        "idle": idle, "intake": intake, "blobs": blobs}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("axes", nargs="*", metavar="AXIS", choices=[[], *AXES])
    options = parser.parse_args()
    become_unprivileged()
    table = Table()
    before = os.getloadavg()[0]
    for axis in options.axes or AXES:
        AXES[axis](table, options.rounds)
    print(f"{os.cpu_count()} CPUs, Linux {platform.release()}, state folders {FOLDERS}, "
          f"{options.rounds} rounds, load average {before:.1f} before and "
          f"{os.getloadavg()[0]:.1f} after\n\n{table}")


if __name__ == "__main__":
    main()
