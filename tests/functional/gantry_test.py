# SPDX-License-Identifier: MIT
"""A whole Gantry for tests: git repositories, a stand-in for GitHub, gantryd with its API and CLI.

Everything runs as an unprivileged user: a test file started by root starts itself again as
`gantry-test`, or `nobody` without that user. Nothing here sleeps in hope: wait_for polls a state.
"""
import hashlib
import hmac
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
BIN = os.environ.get("GANTRY_BIN_DIR") or os.path.join(SOURCE, "build/dev/bin")
SHARED = os.environ.get("GANTRY_SHARED_DIR") or os.path.join(SOURCE, "../shared")
SKIPPED = 77  # ctest's SKIP_RETURN_CODE
SANITIZED = "GANTRY_SANITIZE" in os.environ
NO_COMMIT = "0" * 40
SECRET, NEXT_SECRET, TOKEN = "it is a secret", "the next secret", "token-of-the-tests"
GIT_ENV = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": "/nonexistent", "LC_ALL": "C",
           "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
           "GIT_AUTHOR_NAME": "Mona", "GIT_AUTHOR_EMAIL": "mona@example.org",
           "GIT_COMMITTER_NAME": "Mona", "GIT_COMMITTER_EMAIL": "mona@example.org"}


def main():
    """Of each test file: unprivileged, skipped visibly where sandboxes cannot be had."""
    if os.geteuid() == 0:
        names = [entry.pw_name for entry in pwd.getpwall()]
        user = pwd.getpwnam("gantry-test" if "gantry-test" in names else "nobody")
        os.execvp("setpriv", ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
                              "--clear-groups", "--", sys.executable] + sys.argv)
    os.environ.update(HOME="/nonexistent", TMPDIR="/tmp")
    probe = subprocess.run(["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"],
                           capture_output=True, text=True, check=False) \
        if shutil.which("bwrap") else None
    if probe is None or probe.returncode != 0:
        print("SKIPPED: bubblewrap", probe.stderr.strip() if probe else "is not installed")
        sys.exit(SKIPPED)
    if not os.path.exists(os.path.join(SHARED, "github/github-openapi-trimmed.json")):
        print("SKIPPED: GitHub's API description is not there; set GANTRY_SHARED_DIR")
        sys.exit(SKIPPED)
    result = unittest.main(verbosity=2, exit=False).result
    all_skipped = result.testsRun == len(result.skipped)
    sys.exit(1 if not result.wasSuccessful() else SKIPPED if all_skipped else 0)


def wait_for(condition, what, timeout=60.0):
    """The first truthy value of `condition`; AssertionError saying `what` never came."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout:g} s in vain for: {what}")
        time.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes(word):
    """Pids of living processes whose command line holds `word`."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if word.encode() in file.read() and alive(pid):
                    found.append(int(pid))
        except OSError:
            continue
    return found


class Repo:
    """A git repository as GitHub would hold it: branches, tags, refs/pull/N/{head,merge}."""

    def __init__(self, folder, name="octo/hello"):
        self.folder, self.name = folder, name
        os.makedirs(folder)
        self.git("init", "-q", "-b", "main")

    def git(self, *args, **environment):
        return subprocess.run(["git", *args], cwd=self.folder, env=dict(GIT_ENV, **environment),
                              check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, files=None, message="change", branch="main", start=None, remove=()):
        """Commits on `branch` (made from `start` if it is new) and gives the sha."""
        if branch not in self.git("branch", "--format=%(refname:short)").split():
            if self.git("for-each-ref", "refs/heads"):
                self.git("checkout", "-q", "-f", "-b", branch, start or "main")
            else:
                self.git("checkout", "-q", "--orphan", branch)
        else:
            self.git("checkout", "-q", "-f", branch)
        for path in remove:
            os.unlink(os.path.join(self.folder, path))
        for path, content in (files or {}).items():
            path = os.path.join(self.folder, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
        self.git("add", "-A", ".")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.sha()

    def workflow(self, text, name="ci.yml", **commit):
        return self.commit({f".github/workflows/{name}": text}, **commit)

    def sha(self, rev="HEAD"):
        return self.git("rev-parse", rev + "^{commit}")

    def pull(self, number, head, base="main"):
        """refs/pull/N/head and, where it merges, refs/pull/N/merge; gives the merge commit."""
        self.git("update-ref", f"refs/pull/{number}/head", self.sha(head))
        tree = self.git("merge-tree", "--write-tree", base, head)
        merge = self.git("commit-tree", tree, "-p", self.sha(base), "-p", self.sha(head),
                         "-m", f"Merge {head} into {base}")
        self.git("update-ref", f"refs/pull/{number}/merge", merge)
        return merge

    def view(self, repository_id=1):
        owner, name = self.name.split("/")
        return {"id": repository_id, "name": name, "full_name": self.name, "private": True,
                "default_branch": "main", "clone_url": f"https://github.com/{self.name}.git",
                "owner": {"login": owner, "id": 9}}

    def push_event(self, ref="refs/heads/main", before=NO_COMMIT, after=None, message=None):
        after = after or self.git("rev-parse", ref)
        gone = after == NO_COMMIT
        message = message if message is not None or gone else self.git("log", "-1", "--format=%B",
                                                                      after)
        return {"ref": ref, "before": before, "after": after, "created": before == NO_COMMIT,
                "deleted": gone, "forced": False, "repository": self.view(),
                "head_commit": None if gone else {"id": after, "message": message},
                "commits": [], "sender": {"login": "mona", "id": 4}, "installation": {"id": 7}}

    def pull_event(self, number, head, action="opened", base="main", fork=None):
        return {"action": action, "number": number, "repository": self.view(),
                "sender": {"login": "mona", "id": 4}, "installation": {"id": 7},
                "pull_request": {
                    "id": 1000 + number, "number": number, "title": f"Pull {number}",
                    "updated_at": "2026-01-01T00:00:00Z", "author_association": "NONE",
                    "head": {"ref": head, "sha": self.sha(head),
                             "repo": {"id": 2, "full_name": fork} if fork else self.view()},
                    "base": {"ref": base, "sha": self.sha(base), "repo": self.view()}}}


class FakeGithub:
    """tests/support/fake_github.py with an App key made for it."""

    def __init__(self, folder, repository="octo/hello"):
        self.key = os.path.join(folder, "app.pem")
        public = os.path.join(folder, "app.pub")
        for args in (["genrsa", "-out", self.key, "2048"],
                     ["rsa", "-in", self.key, "-pubout", "-out", public]):
            subprocess.run(["openssl", *args], check=True, capture_output=True)
        os.chmod(self.key, 0o600)
        script = os.path.join(SOURCE, "tests/support/fake_github.py")
        self.process = subprocess.Popen(
            [sys.executable, script, "--public-key", public, "--issuer", "Iv1.test",
             "--repository", repository], stdout=subprocess.PIPE,
            env=dict(os.environ, GANTRY_SHARED_DIR=SHARED))
        self.port = int(self.process.stdout.readline())

    def control(self, what, **body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", "/_control/" + what, json.dumps(body))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def fail(self, match, mode, times=1, **more):
        self.control("fail", match=match, mode=mode, times=times, **more)

    def state(self):
        return self.control("state")

    def checks(self, sha=None):
        return [c for c in self.state()["check_runs"] if sha in (None, c["head_sha"])]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Gantry:
    """gantryd on a state folder of its own."""

    def __init__(self, folder, repos, github=None, config="", **keys):
        self.folder, self.repos, self.process = folder, repos, None
        self.environment = {}  # of gantryd, beside ours
        self.port = free_port()
        self.log_path = os.path.join(folder, "gantryd.log")
        self.config_path = os.path.join(folder, "gantry.yaml")
        self.socket = os.path.join(folder, "state/run/gantry.sock")
        # Steps see it: `until [ -e ${{ vars.GATES }}/x ]` waits for open_gate("x").
        self.gates = os.path.join(folder, "gates")
        os.makedirs(self.gates, exist_ok=True)
        for name, text in (("secret", SECRET), ("next-secret", NEXT_SECRET), ("tokens", TOKEN),
                           ("secrets", "DEPLOY_KEY=s3cr3t-v4lue\n"),
                           ("vars", f"COLOUR=green\nGATES={self.gates}\n")):
            with open(os.path.join(folder, name), "w", encoding="utf-8",
                      opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(text)
        self.keys = {"jobs": 4, "on_stop": "stop", "drain_seconds": 60, "network": "none", **keys}
        self.write_config(github, config)

    def write_config(self, github=None, more=""):
        keys, app = self.keys, ""
        if github:
            app = (f"  api_url: http://127.0.0.1:{github.port}\n"
                   f"  app_id: Iv1.test\n  private_key_file: {github.key}\n")
        repos = "".join(f"  - name: {repo.name}\n    clone_url: {repo.folder}\n"
                        for repo in self.repos)
        repos += self.keys.get("repository", "")
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(f"""state: state
listen:
  http: ["127.0.0.1:{self.port}"]
  api_tokens_file: tokens
github:
  webhook_secret_files: [secret, next-secret]
{app}repositories:
{repos or "  []"}
vars_file: vars
secrets_file: secrets
read_only_mounts: [{", ".join([self.gates, *keys.get("mounts", [])])}]
labels:
  - names: [ubuntu-latest, self-hosted, linux]
    network: {keys["network"]}
limits:
  jobs: {keys["jobs"]}
on_stop: {keys["on_stop"]}
drain_seconds: {keys["drain_seconds"]}
log_level: debug
{more}""")

    # The process.
    def launch(self):
        """Starts gantryd and does not wait for it."""
        log = open(self.log_path, "ab")  # pylint: disable=consider-using-with
        with log:
            self.process = subprocess.Popen(
                [os.path.join(BIN, "gantryd"), "--config", self.config_path], stdout=log,
                stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder,
                env=dict(os.environ, **self.environment))
        return self

    def start(self):
        self.launch()
        wait_for(self.is_ready, "gantryd to answer /healthz")
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"gantryd ended with {self.process.returncode}:\n{self.log()}")
        try:
            return self.api("/healthz").status == 200
        except OSError:
            return False

    def open_gate(self, name):
        with open(os.path.join(self.gates, name), "w", encoding="utf-8"):
            pass

    def kill(self, sign=signal.SIGKILL):
        self.process.send_signal(sign)
        return self.process.wait(timeout=90)

    def restart(self, sign=signal.SIGKILL):
        self.kill(sign)
        return self.start()

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def runner_pids(self):
        """Runners of jobs, by job id."""
        pids, jobs = {}, os.path.join(self.folder, "state/jobs")
        for job in os.listdir(jobs) if os.path.isdir(jobs) else []:
            try:
                with open(os.path.join(jobs, job, "runner.pid"), encoding="utf-8") as file:
                    pid = int(file.read())
                with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                    if file.read() == "gantry-runner\n" and alive(pid):
                        pids[int(job)] = pid
            except (OSError, ValueError):
                continue
        return pids

    def left_processes(self):
        """Processes of sandboxes whose job has ended: none, a moment later."""
        runners, left = os.path.join(self.folder, "state/runners"), []
        for pid in processes(runners):
            try:
                with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                    names = re.findall(re.escape(runners) + r"/([0-9a-f]+)", file.read())
            except OSError:
                continue
            if not all(os.path.isdir(os.path.join(runners, name)) for name in names):
                left.append(pid)
        return left

    def close(self):
        if self.process and self.process.poll() is None:
            if SANITIZED:  # what leaks is looked for at an orderly end
                self.process.terminate()
                time.sleep(0.2)  # the second signal does not wait for jobs
                self.process.terminate()
                self.process.wait(timeout=90)
            else:
                self.kill()
        for pid in self.runner_pids().values():
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not any(map(alive, self.runner_pids().values())), "runners to end")
        # Runners write there too. What a sanitizer says of one that had told all is seen only here.
        found = re.search(r"(ERROR|WARNING): \w+Sanitizer|LeakSanitizer has|: runtime error: ", self.log())
        if found:
            raise AssertionError("a sanitizer found:\n" + self.log()[found.start():][:8000])

    # Talking to it.
    def api(self, path, method="GET", body=None, headers=None, tcp=False, token=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30) if tcp \
            else UnixConnection(self.socket)
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = "Bearer " + token
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def own(self, path):
        answer = self.api("/api/gantry/v1" + path)
        if answer.status != 200:
            raise AssertionError(f"GET {path}: {answer.status} {answer.text}")
        return answer.json

    def post(self, path, body=None):
        return self.api("/api/gantry/v1" + path, "POST", body or {})

    def events(self, path):
        """Server-sent events as (event, data) until the stream ends."""
        connection = UnixConnection(self.socket)
        try:
            connection.request("GET", "/api/gantry/v1" + path)
            response, event, data = connection.getresponse(), "message", []
            for line in response:
                line = line.decode().rstrip("\n")
                if line.startswith("event: "):
                    event = line[7:]
                elif line.startswith("data: "):
                    data.append(line[6:])
                elif not line and data:
                    yield event, json.loads("\n".join(data))
                    event, data = "message", []
        finally:
            connection.close()

    def deliver(self, event, payload, secret=SECRET, guid=None, form=False, headers=None):
        """A delivery as GitHub makes it; gives (answer, guid). A header of None is left out."""
        guid = guid or str(uuid.uuid4())
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        if form:
            body = urllib.parse.urlencode({"payload": body}).encode()
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        fields = {"Content-Type": "application/x-www-form-urlencoded" if form
                  else "application/json", "X-GitHub-Event": event, "X-GitHub-Delivery": guid,
                  "X-Hub-Signature-256": "sha256=" + digest, "User-Agent": "GitHub-Hookshot/1"}
        fields.update(headers or {})
        fields = {name: value for name, value in fields.items() if value is not None}
        return self.api("/webhooks/github", "POST", body, fields, tcp=True), guid

    def delivery(self, guid, timeout=60):
        """What became of a delivery, once that is decided."""
        def decided():
            view = self.own("/deliveries/" + guid)
            return view if view["state"] != "received" else None
        return wait_for(decided, f"delivery {guid} to be taken", timeout)

    def started(self, event, payload, **how):
        """Delivers and gives the ids of the runs that came of it."""
        answer, guid = self.deliver(event, payload, **how)
        if answer.status != 202:
            raise AssertionError(f"delivery refused: {answer.status} {answer.text}")
        return self.delivery(guid)["runs"]

    def run(self, run, attempt=None):
        return self.own(f"/runs/{run}" + (f"?attempt={attempt}" if attempt else ""))

    def finished(self, run, timeout=90):
        def done():
            view = self.run(run)
            return view if view["status"] == "completed" else None
        return wait_for(done, f"run {run} to be completed", timeout)

    def job_log(self, job):
        """The lines of a job's log, without their times."""
        text = self.api(f"/api/gantry/v1/jobs/{job}/log").body.decode("utf-8", "replace")
        return [line.partition(" ")[2] for line in text.replace("\r\n", "\n").split("\n")[:-1]]

    def cli(self, *args, check=True, timeout=90):
        result = subprocess.run([os.path.join(BIN, "gantry"), "--socket", self.socket, *args],
                                capture_output=True, text=True, timeout=timeout, check=False)
        if check and result.returncode != 0:
            raise AssertionError(f"gantry {' '.join(args)}: {result.returncode}\n{result.stderr}")
        return result


class Case(unittest.TestCase):
    """Tests of one file share a gantryd, a repository and a stand-in for GitHub."""
    with_github = False
    keys = {}

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="gantry-whole-", dir="/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.repo = Repo(os.path.join(cls.folder, "repo"))
        cls.github = None
        if cls.with_github:
            cls.github = FakeGithub(cls.folder)
            cls.addClassCleanup(cls.github.close)
        cls.gantry = Gantry(cls.folder, [cls.repo], cls.github, **cls.keys)
        cls.addClassCleanup(cls.gantry.close)
        cls.gantry.start()

    def setUp(self):
        self.log_start = len(self.gantry.log())

    def run(self, result=None):
        """As ever; a test that fails shows what gantryd logged meanwhile."""
        start, wrong = len(self.gantry.log()), len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > wrong:
            print("gantryd's log:\n" + self.gantry.log()[start:][-8000:], file=sys.stderr)

    def push(self, workflow, files=None, **event):
        """Commits the workflow as the only one and pushes it; gives the run's id."""
        sha = self.repo.commit({".github/workflows/ci.yml": workflow, **(files or {})})
        runs = self.gantry.started("push", self.repo.push_event(after=sha, **event))
        self.assertEqual(len(runs), 1, self.gantry.log()[-3000:])
        return runs[0]

    def play(self, workflow, files=None, timeout=90):
        """The run of a pushed workflow, completed, with jobs by name and their logs."""
        return self.end_of(self.push(workflow, files), timeout)

    def end_of(self, run, timeout=90):
        view = self.gantry.finished(run, timeout)
        view["by_name"] = {job["name"]: job for job in view["jobs"]}
        for job in view["jobs"]:
            if job["started_at"]:
                job["log"] = self.gantry.job_log(job["id"])
        return view

    def conclusions(self, run):
        return {job["name"]: job["conclusion"] for job in run["jobs"]}

    def one_step(self, script, job="", step="", **how):
        """The job of a workflow with a single `run` step; `job` and `step`: further keys."""
        def indented(text, depth):
            return "".join(" " * depth + line + "\n" for line in text.strip("\n").splitlines())
        return self.play("on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n" +
                         indented(job, 4) + "    steps:\n      - run: |\n" +
                         indented(script, 10) + indented(step, 8), **how)["jobs"][0]

    def assert_logged(self, job, *lines):
        text = "\n".join(job["log"])
        for line in lines:
            self.assertRegex(text, "(?m)^" + re.escape(line) + "$")
