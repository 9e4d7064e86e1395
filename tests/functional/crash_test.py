# SPDX-License-Identifier: MIT
"""Kill -9 at random moments: nothing acknowledged is lost, nothing stays in progress, and GitHub
is never told two results of one job."""
import os
import random
import re
import signal
import socket
import time

import gantry_test
from gantry_test import BIN, alive, processes, wait_for

SEED = int(os.environ.get("GANTRY_TEST_SEED", "20260101"))
# Longer runs by hand: GANTRY_TEST_SECONDS=300.
SECONDS = float(os.environ.get("GANTRY_TEST_SECONDS", "20"))

WORKFLOW = """
on: push
jobs:
  legs:
    runs-on: ubuntu-latest
    strategy: {fail-fast: false, matrix: {leg: [1, 2]}}
    steps:
      - uses: actions/checkout@v4
      - run: for i in $(seq 20); do echo $i; sleep 0.02; done
  after:
    needs: legs
    if: always()
    runs-on: ubuntu-latest
    steps: [{run: echo after}]
"""

WORKFLOW_AT_GATE = """
on: push
jobs:
  gate:
    runs-on: ubuntu-latest
    steps: [{run: 'until [ -e ${{ vars.GATES }}/gate ]; do sleep 0.05; done; echo hello'}]
"""


class Crashes(gantry_test.Case):
    with_github = True
    keys = {"jobs": 4}

    def kill_one(self, dice):
        """Kills a runner, an agent or gantryd; says what."""
        victim = dice.choice(["runner", "agent", "gantryd", "gantryd"])
        if victim == "gantryd":
            self.gantry.restart(signal.SIGKILL)
            return victim
        pids = list(self.gantry.runner_pids().values())
        if victim == "agent":
            pids = [pid for runner in pids for pid in agents_of(runner)]
        if not pids:
            return "nobody"
        try:
            os.kill(dice.choice(sorted(pids)), signal.SIGKILL)
        except ProcessLookupError:
            return "nobody"
        return victim

    def test_kills_at_random_moments_lose_nothing(self):
        dice, guids, killed = random.Random(SEED), [], []
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            self.repo.workflow(WORKFLOW, message=f"push {len(guids)}")
            answer, guid = self.gantry.deliver("push", self.repo.push_event())
            self.assertEqual(answer.status, 202)
            guids.append(guid)
            moment = time.monotonic() + dice.uniform(0, 1.2)
            wait_for(lambda moment=moment: time.monotonic() > moment, "the moment to kill")
            killed.append(self.kill_one(dice))
        print(f"seed {SEED}: {len(guids)} pushes, killed: " +
              ", ".join(f"{killed.count(word)} {word}" for word in sorted(set(killed))))
        runs = []
        for guid in guids:
            view = self.gantry.delivery(guid)
            self.assertEqual(len(view["runs"]), 1, view)
            runs.append(self.gantry.finished(view["runs"][0]))
        self.assertEqual(self.gantry.own("/runs?status=in_progress")["runs"], [])
        wanted = {f"gantry-{job['id']}": job["conclusion"] for run in runs for job in run["jobs"]}

        def all_told():
            told = {c["external_id"]: c["conclusion"] for c in self.github.checks()
                    if c["status"] == "completed"}
            return len(set(wanted) - set(told)) == 0
        wait_for(all_told, "every job to be told to GitHub")
        state = self.github.state()
        self.assertEqual(state["violations"], [])
        checks = state["check_runs"]
        self.assertEqual(len(checks), len({c["external_id"] for c in checks}))
        told = {c["external_id"]: c["conclusion"] for c in checks}
        self.assertEqual({job: told.get(job) for job in wanted}, wanted)
        # A job that was told completed is not told anything else afterwards; the same may be said
        # twice, when gantryd was killed between GitHub's taking it and its answer.
        for check in checks:
            after = check["history"][check["history"].index("completed"):]
            self.assertEqual(set(after), {"completed"}, check)
        for run in runs:
            self.assertNotIn(None, [job["conclusion"] for job in run["jobs"]])
        wait_for(lambda: not self.gantry.runner_pids(), "all runners to have ended")
        self.gantry.kill(signal.SIGTERM)  # and with it the runners that wait
        wait_for(lambda: not processes(self.folder + "/state/runners"), "all sandboxes to end")

    def test_a_killed_runner_fails_its_job_with_the_reason_and_leaves_no_process(self):
        def a_runner(self):
            pids = self.gantry.runner_pids()
            return next(iter(pids.values())) if pids and self.step_runs(next(iter(pids))) else None
        run = self.lost_run(a_runner)
        reasons = [job["reason"] for job in run["jobs"] if job["conclusion"] == "failure"]
        self.assertTrue(any("the runner was lost" in reason for reason in reasons), reasons)

    def test_a_killed_agent_fails_its_job_with_the_reason(self):
        def an_agent(self):
            for job, pid in self.gantry.runner_pids().items():
                if self.step_runs(job):
                    return next(iter(agents_of(pid)), None)
            return None
        run = self.lost_run(an_agent)
        failed = [job for job in run["jobs"] if job["conclusion"] == "failure"]
        self.assertTrue(failed and all(job["reason"] or job["annotations"] for job in failed), run)

    def step_runs(self, job):
        steps = self.gantry.own(f"/jobs/{job}")["steps"]
        return any(s["status"] == "in_progress" and s["name"].startswith("Run for") for s in steps)

    def lost_run(self, find):
        """The run of which a process was killed in the middle of a step."""
        run_id = self.push(WORKFLOW.replace("seq 20)", "seq 4000)").replace(
            "[1, 2]", "[1]"), message=find.__name__)
        os.kill(wait_for(lambda: find(self), "something to kill"), signal.SIGKILL)
        run = self.gantry.finished(run_id)
        self.assertEqual(run["conclusion"], "failure")
        wait_for(lambda: not self.gantry.runner_pids(), "its runner's folder to be gone")
        wait_for(lambda: not self.gantry.left_processes(), "its processes to be gone")
        return run


class SlowRunners(gantry_test.Case):
    """On a busy machine a runner comes to life long after gantryd made it."""
    keys = {"jobs": 1}
    HELLO = "on: push\njobs: {hello: {runs-on: ubuntu-latest, steps: [{run: echo hello}]}}\n"

    def make_runners_slow(self):
        folder = os.path.join(self.folder, "libexec")
        os.mkdir(folder)
        for name in ("gantry-agent", "gantry-git"):
            os.symlink(os.path.join(BIN, name), os.path.join(folder, name))
        runner = os.path.join(folder, "gantry-runner")
        with open(runner, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n[ \"$1\" = nursery ] && exit 1\nsleep 2\n"
                       f"exec {BIN}/gantry-runner \"$@\"\n")
        os.chmod(runner, 0o755)
        self.gantry.environment["GANTRY_LIBEXEC"] = folder

    def test_a_runner_that_has_not_begun_to_run_is_neither_swept_nor_taken_for_dead(self):
        gate = self.push(WORKFLOW_AT_GATE)
        wait_for(self.gantry.runner_pids, "the job at the gate to start")
        queued = self.push(self.HELLO)
        self.gantry.kill()
        self.make_runners_slow()
        self.gantry.keys["jobs"] = 4
        self.gantry.write_config()
        # The queued job starts before the sweep of what the killed one left.
        self.gantry.start()
        fresh = self.push(self.HELLO)
        wait_for(lambda: len(os.listdir(os.path.join(self.folder, "state/jobs"))) == 3,
                 "all three jobs to be handed over")
        self.gantry.restart()
        self.gantry.open_gate("gate")
        for run in (gate, queued, fresh):
            view = self.end_of(self.gantry.finished(run)["id"])
            self.assertEqual(view["conclusion"], "success", view)
            for job in view["jobs"]:
                self.assertEqual(job["log"].count("hello"), 1, job["log"])
        self.assertNotIn("runner died", self.gantry.log())

    def test_a_start_waits_for_a_process_that_still_holds_the_socket_of_a_killed_gantryd(self):
        self.gantry.kill()
        os.unlink(self.gantry.socket)
        with socket.socket(socket.AF_UNIX) as held:
            held.bind(self.gantry.socket)
            held.listen()
            seen = len(self.gantry.log())
            self.gantry.launch()
            wait_for(lambda: "waiting for an address" in self.gantry.log()[seen:], "it to wait")
        wait_for(self.gantry.is_ready, "gantryd to answer")


def agents_of(pid):
    """The agents (pid 1 of sandboxes) below a process."""
    found, parents = [], {pid}
    children = {}
    for other in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{other}/stat", encoding="utf-8", errors="replace") as stat:
                children[int(other)] = int(stat.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    grown = True
    while grown:
        more = {child for child, parent in children.items() if parent in parents} - parents
        parents |= more
        grown = bool(more)
    for each in parents:
        try:
            with open(f"/proc/{each}/status", encoding="utf-8") as status:
                spaces = re.search(r"^NSpid:(.*)$", status.read(), re.M).group(1).split()
        except OSError:
            continue
        if len(spaces) > 1 and spaces[-1] == "1" and alive(each):
            found.append(each)
    return found


if __name__ == "__main__":
    gantry_test.main()
