# SPDX-License-Identifier: MIT
"""Kill -9 at random moments: nothing acknowledged is lost, nothing stays in progress, and GitHub
is never told two results of one job."""
import os
import pwd
import random
import re
import signal
import socket
import time

import gantry_test
from gantry_test import BIN, alive, processes, wait_for

SEED = int(os.environ.get("GANTRY_TEST_SEED", "20260101"))
# Longer runs by hand: GANTRY_TEST_SECONDS=300.
SECONDS = float(os.environ.get("GANTRY_TEST_SECONDS", "12"))

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

# With WORKFLOW: a called workflow, and a job that waits for its review.
MORE = """  call:
    uses: ./.github/workflows/called.yml
  deploy:
    runs-on: ubuntu-latest
    environment: prod
    steps: [{run: echo deployed}]
"""
CALLED = """
on: workflow_call
jobs:
  build: {runs-on: ubuntu-latest, steps: [{run: echo building; sleep 0.1}]}
"""
TICK = """
on: {schedule: [{cron: '* * * * *'}]}
jobs:
  tick: {runs-on: ubuntu-latest, steps: [{run: echo tick}]}
"""
# Kinds of processes a job cannot go on without.
JOB_KINDS = ["runner", "agent", "bwrap"]
ME = pwd.getpwuid(os.getuid()).pw_name

WORKFLOW_AT_GATE = """
on: push
jobs:
  gate:
    runs-on: ubuntu-latest
    steps: [{run: 'until [ -e ${{ vars.GATES }}/gate ]; do sleep 0.05; done; echo hello'}]
"""


class Crashes(gantry_test.Case):
    with_github = True
    keys = {"jobs": 4, "repository": f"    environments: [{{name: prod, reviewers: [{ME}]}}]\n"}
    FILES = {".github/workflows/ci.yml": WORKFLOW + MORE, ".github/workflows/called.yml": CALLED,
             ".github/workflows/tick.yml": TICK}

    def victims(self, kind):
        """Pids of a kind of process; those of jobs' are what their job may fail for."""
        gantryd, jobs = self.gantry.process.pid, set(self.gantry.runner_pids().values())
        if kind == "runner":
            return jobs
        if kind == "agent":
            return {agent for runner in jobs for agent in agents_of(runner)}
        if kind == "bwrap":
            children = {pid for runner in jobs for pid in children_of(runner)}
            return {pid for pid in children if name_of(pid) == "bwrap"}
        runners = {pid for pid in children_of(gantryd) if name_of(pid) == "gantry-runner"}
        waiting = set(self.runners().values())
        return runners & waiting - jobs if kind == "waiting runner" else runners - waiting

    def runners(self):
        """Pids of the runners there are folders of, by the folder's name."""
        found, folder = {}, os.path.join(self.folder, "state/runners")
        for name in os.listdir(folder):
            try:
                with open(os.path.join(folder, name, "runner.pid"), encoding="utf-8") as file:
                    found[name] = int(file.read())
            except (FileNotFoundError, NotADirectoryError):
                continue
        # One that is dead may have left its number to a stranger.
        self.seen.update((name, (pid, start_of(pid) if name_of(pid) == "gantry-runner" else []))
                         for name, pid in found.items())
        return found

    def kill_one(self, dice):
        """Kills a process of a kind; says which."""
        kind = dice.choice(["gantryd"] * 3 + JOB_KINDS + ["waiting runner", "nursery"])
        if kind == "gantryd":
            self.runners()
            self.gantry.restart(signal.SIGKILL)
            return kind
        victims = sorted(self.victims(kind))
        try:
            victim = dice.choice(victims or [1 << 22])  # no process has that number
            # Stopped it takes no job any more; it may have been given one since.
            os.kill(victim, signal.SIGSTOP)
            if victim in self.gantry.runner_pids().values():
                kind = "runner"
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            return "nobody"
        return kind

    def approve(self, run):
        """Where a job of it waits for a review."""
        if any(job["status"] == "waiting" for job in self.gantry.run(run)["jobs"]):
            self.gantry.post(f"/runs/{run}/reviews", {"verdict": "approved"})

    def ended(self, guid):
        """The one run of a delivery, once it has ended."""
        view = self.gantry.delivery(guid)
        self.assertEqual(len(view["runs"]), 1, view)

        def done():
            self.approve(view["runs"][0])
            run = self.gantry.run(view["runs"][0])
            return run if run["status"] == "completed" else None
        return wait_for(done, f"run {view['runs'][0]} to end", 90)

    def test_kills_at_random_moments_lose_nothing(self):
        dice, guids, killed, self.seen = random.Random(SEED), {}, [], {}
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            sha = self.repo.commit(self.FILES, message=f"push {len(guids)}")
            answer, guid = self.gantry.deliver("push", self.repo.push_event())
            self.assertEqual(answer.status, 202)
            guids[guid] = sha
            moment = time.monotonic() + dice.uniform(0, 0.8)
            wait_for(lambda moment=moment: time.monotonic() > moment, "the moment to kill")
            killed.append(self.kill_one(dice))
            for run in self.gantry.own("/runs?status=in_progress")["runs"]:
                if dice.random() < 0.5:
                    self.approve(run["id"])
        print(f"seed {SEED}: {len(guids)} pushes, killed: " +
              ", ".join(f"{killed.count(word)} {word}" for word in sorted(set(killed))))
        runs = [self.ended(guid) for guid in guids]
        for run, sha in zip(runs, guids.values()):
            of_sha = self.gantry.own("/runs?event=push&head_sha=" + sha)["runs"]
            self.assertEqual([each["id"] for each in of_sha], [run["id"]])
        wait_for(lambda: all(run["status"] == "completed" for run in
                             self.gantry.own("/runs?event=schedule&limit=100")["runs"]),
                 "scheduled runs to end")
        self.assertEqual(self.gantry.own("/runs?status=in_progress")["runs"], [])
        for run in runs:
            keys = [job["name"] for job in run["jobs"]]
            self.assertEqual(len(keys), len(set(keys)), keys)
            self.assertNotIn(None, [job["conclusion"] for job in run["jobs"]])
        # Only what runs a job can fail it, and each one job alone.
        failed = [job for run in runs for job in run["jobs"] if job["conclusion"] == "failure"]
        self.assertLessEqual(len(failed), sum(killed.count(kind) for kind in JOB_KINDS),
                             [(job["id"], job["reason"]) for job in failed])
        self.assert_told(runs)
        self.assert_nothing_is_left()

    def assert_told(self, runs):
        """GitHub knows of each job what the API says, and was never told anything else."""
        wanted = {f"gantry-{job['id']}": job["conclusion"] for run in runs for job in run["jobs"]}

        def all_told():
            told = {c["external_id"] for c in self.github.checks() if c["status"] == "completed"}
            return not set(wanted) - told
        wait_for(all_told, "every job to be told to GitHub")
        state = self.github.state()
        self.assertEqual(state["violations"], [])
        checks = state["check_runs"]
        self.assertEqual(len(checks), len({c["external_id"] for c in checks}))
        told = {c["external_id"]: c["conclusion"] for c in checks}
        self.assertEqual({job: told.get(job) for job in wanted}, wanted)
        for check in checks:
            # The same may be said twice, when gantryd was killed between GitHub's taking it and
            # its answer.
            after = check["history"][check["history"].index("completed"):]
            self.assertEqual(set(after), {"completed"}, check)
            self.assertEqual(len(set(check["conclusions"])), 1, check)

    def assert_nothing_is_left(self):
        jobs = os.path.join(self.folder, "state/jobs")
        wait_for(lambda: not os.listdir(jobs), "folders of jobs to be gone")
        # Two wait for work, the youngest.
        wait_for(lambda: len(os.listdir(os.path.join(self.folder, "state/runners"))) <= 2,
                 "folders of runners to be gone")
        self.runners()
        self.gantry.kill(signal.SIGTERM)  # and with it the runners that wait
        self.assertEqual(os.listdir(os.path.join(self.folder, "state/runners")), [])
        wait_for(lambda: not processes(self.folder + "/state/"), "all processes to end")
        left = [pid for pid, start in self.seen.values()
                if start and alive(pid) and start_of(pid) == start]
        self.assertEqual(left, [])
        groups = {group for group in control_groups() if group.startswith("runner-")}
        self.assertEqual({name for name in self.seen if "runner-" + name in groups}, set())
        self.gantry.start()

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


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return None


def stat_of(pid):
    """The fields of /proc/PID/stat behind the name; [] when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()
    except OSError:
        return []


def start_of(pid):
    return stat_of(pid)[19:20]


def parents_by_pid():
    stats = {int(pid): stat_of(pid) for pid in filter(str.isdigit, os.listdir("/proc"))}
    return {pid: int(fields[1]) for pid, fields in stats.items() if fields}


def children_of(pid):
    return {child for child, parent in parents_by_pid().items() if parent == pid}


def control_groups():
    """Names of the groups beside and below ours."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        lines = [line.strip().split(":", 2) for line in file]
    names = set()
    for _, controllers, path in lines:
        for mount in {controllers.removeprefix("name="), "unified", ""}:
            for place in (path, os.path.dirname(path)):
                folder = os.path.join("/sys/fs/cgroup", mount, place.strip("/"))
                names.update(os.listdir(folder) if os.path.isdir(folder) else [])
    return names


def agents_of(pid):
    """The agents (pid 1 of sandboxes) below a process."""
    found, parents = [], {pid}
    children = parents_by_pid()
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
