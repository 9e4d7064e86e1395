# SPDX-License-Identifier: MIT
"""What the benchmarks share: gantryd on a state folder, floors, numbers and the table."""
import hashlib
import hmac
import json
import os
import pwd
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
BIN = os.environ.setdefault("GANTRY_BIN_DIR", os.path.join(SOURCE, "build/release/bin"))
sys.path.insert(0, os.path.join(SOURCE, "tests/functional"))
import gantry_test  # noqa: E402  pylint: disable=wrong-import-position

# Not below /tmp or /dev: a sandbox has its own there, and steps must see the gates.
DISK = os.environ.get("GANTRY_BENCH_DISK") or os.path.join(os.path.dirname(BIN), "bench")
FOLDERS = {"tmpfs": os.environ.get("GANTRY_BENCH_TMPFS", "/dev/shm"), "disk": DISK}
STEP = os.path.join(BIN, "bench_step")
BWRAP = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev",
         "--tmpfs", "/tmp", "/bin/true"]
PARALLEL = 4
PAYLOAD_BYTES = 25_000


def become_unprivileged():
    """gantryd refuses to run jobs as root: started by root, go on as another user."""
    os.makedirs(DISK, exist_ok=True)
    if os.geteuid() == 0:
        names = [entry.pw_name for entry in pwd.getpwall()]
        user = pwd.getpwnam("gantry-test" if "gantry-test" in names else "nobody")
        os.chown(DISK, user.pw_uid, user.pw_gid)
        os.execvp("setpriv", ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
                              "--clear-groups", "--", sys.executable, "-B"] + sys.argv)
    os.environ["HOME"] = "/nonexistent"


class Gantry(gantry_test.Gantry):
    """gantryd with a repository of one workflow file, everything on `where`."""

    def __init__(self, where, workflow="on: [push]\njobs: {}\n", jobs=PARALLEL, shows_bench=True):
        self.shows_bench = shows_bench  # to jobs: the programs and the gates
        self.where = tempfile.mkdtemp(prefix="s-", dir=FOLDERS[where])
        self.visible = tempfile.mkdtemp(prefix="g-", dir=DISK)
        repo = gantry_test.Repo(os.path.join(self.where, "repo"))
        self.sha = repo.workflow(workflow)
        super().__init__(self.where, [repo], jobs=jobs)
        self.database = os.path.join(self.where, "state/gantry.db")

    def write_config(self, github=None, more=""):
        self.gates = self.visible
        with open(os.path.join(self.folder, "vars"), "w", encoding="utf-8") as file:
            file.write(f"GATES={self.gates}\n")
        super().write_config(github, more)
        with open(self.config_path, encoding="utf-8") as file:
            text = file.read()
        mounts = f"{BIN}, {self.gates}" if self.shows_bench else ""
        text = text.replace("log_level: debug", "log_level: info").replace(
            f"read_only_mounts: [{self.gates}]", f"read_only_mounts: [{mounts}]")
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(text)

    def close(self):
        self.kill()
        for pid, in self.ask("SELECT runner_pid FROM jobs WHERE status <> 'completed' "
                             "AND runner_pid IS NOT NULL"):
            if is_runner(pid):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.where, ignore_errors=True)
        shutil.rmtree(self.visible, ignore_errors=True)

    def request(self, branch, secret=gantry_test.SECRET):
        """The bytes of a signed push of 25 kB, and its GUID."""
        body = push_body(self.repos[0], branch, self.sha)
        guid = str(uuid.uuid4())
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        head = ("POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                "Content-Type: application/json\r\nX-GitHub-Event: push\r\n"
                f"X-GitHub-Delivery: {guid}\r\nX-Hub-Signature-256: sha256={digest}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n")
        return head.encode() + body, guid

    def post(self, branch):
        """Sends a push; gives its run, and when it was sent (CLOCK_MONOTONIC, ns)."""
        request, guid = self.request(branch)
        sent = time.monotonic_ns()
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(request)
            answer = connection.recv(4096)
        if b" 202 " not in answer.split(b"\r\n", 1)[0]:
            raise AssertionError(answer)
        runs = wait(lambda: self.ask("SELECT r.id FROM runs r JOIN deliveries d ON "
                                     "r.delivery_id = d.id WHERE d.guid = ?", guid))
        return runs[0][0], sent

    def play(self, branch):
        run, sent = self.post(branch)
        wait(lambda: self.ask("SELECT 1 FROM runs WHERE id = ? AND status = 'completed'", run))
        bad = self.ask("SELECT name, conclusion, details FROM jobs WHERE run_id = ? "
                       "AND conclusion <> 'success'", run)
        if bad:
            raise AssertionError(f"{bad[:3]}\n{self.log()[-3000:]}")
        return run, sent

    def ask(self, sql, *values):
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def job_of(self, run):
        return self.ask("SELECT min(id) FROM jobs WHERE run_id = ?", run)[0][0]

    def stamp(self, job):
        """(monotonic, real) ns of the job's `bench_step`."""
        path = os.path.join(self.where, f"state/logs/{job // 1000}/{job}.log")
        with open(path, encoding="utf-8") as file:
            for line in file:
                words = line.split()
                if len(words) == 4 and words[1] == "stamp":
                    return int(words[2]), int(words[3])
        raise AssertionError(f"no stamp in {path}")


def is_runner(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")[0].decode() == os.path.join(BIN, "gantry-runner")
    except OSError:
        return False


def push_body(repo, branch, sha):
    event = repo.push_event(ref="refs/heads/" + branch, after=sha, message="Change the parser")
    person = {"name": "Mona", "email": "mona@example.org", "username": "mona"}
    while len(json.dumps(event)) < PAYLOAD_BYTES:
        number = len(event["commits"])
        event["commits"].append({
            "id": f"{number:040x}", "tree_id": sha, "distinct": True, "author": person,
            "message": f"Part {number}: read positions of aliases as well",
            "timestamp": "2026-01-02T03:04:05Z", "committer": person, "added": [], "removed": [],
            "url": f"https://github.com/{repo.name}/commit/{number:040x}",
            "modified": ["src/parser.c", "src/lexer.c", "tests/parser_test.c"]})
    return json.dumps(event).encode()


def wait(condition, timeout=300.0, pause=0.02):
    """Rarely asked, so that asking costs what is measured little."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    raise AssertionError("waited in vain")


def program(name, *args):
    result = subprocess.run([os.path.join(BIN, name), *map(str, args)], check=True,
                            stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout)


def floor_spawn(count, parallel):
    return program("bench_floors", "spawn", count, parallel, *BWRAP)


def memory(pid, field):
    """A field of /proc/PID/status in MiB."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
    raise AssertionError(field)


def show(values, unit="", digits=3):
    """Median (min–max)."""
    def word(value):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
    text = word(statistics.median(values))
    if len(values) > 1:
        text += f" ({word(min(values))}–{word(max(values))})"
    return text + (" " + unit if unit else "")


def quantile(values, q):
    values = sorted(values)
    return values[round(q * (len(values) - 1))]


class Table:
    def __init__(self):
        self.rows = []

    def add(self, axis, ours, floor="", ratio="", target="", met=None):
        verdict = "" if met is None else "met" if met else "**short**"
        row = (axis, ours, floor, ratio, target, verdict)
        self.rows.append(row)
        print("| " + " | ".join(row) + " |", file=sys.stderr, flush=True)

    def __str__(self):
        head = "| axis | ours | floor | ours / floor | target | verdict |\n|" + "---|" * 6
        return "\n".join([head] + ["| " + " | ".join(row) + " |" for row in self.rows])
