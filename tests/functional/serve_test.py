# SPDX-License-Identifier: MIT
"""gantryd as a service: stopping, reloading, living beside others, tokens, the API's shapes, the CLI."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import gantry_test
from gantry_test import BIN, SHARED, SOURCE, TOKEN, Gantry, Repo, wait_for

sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
os.environ.setdefault("GANTRY_SHARED_DIR", SHARED)
import fake_github  # noqa: E402  pylint: disable=wrong-import-position

JOB = """on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps: [{run: 'echo hello; until [ -e ${{ vars.GATES }}/gate-of-run ]; do sleep 0.05; done'}]
"""
QUICK = JOB.replace("until [ -e ${{ vars.GATES }}/gate-of-run ]; do sleep 0.05; done", "true")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Service(gantry_test.Case):
    def restore(self):
        self.gantry.keys["on_stop"] = "stop"
        self.gantry.write_config()
        self.gantry.restart()

    def running(self, gate):
        run = self.push(JOB.replace("gate-of-run", gate))
        wait_for(lambda: "hello" in "".join(
            j["name"] and self.gantry.api(f"/api/gantry/v1/jobs/{j['id']}/log").text
            for j in self.gantry.run(run)["jobs"]), "the job to say hello")
        return run

    def test_sigterm_with_stop_leaves_the_job_to_its_runner_and_the_next_gantryd(self):
        run = self.running("stop")
        self.assertEqual(self.gantry.kill(signal.SIGTERM), 0)
        job = next(iter(self.gantry.runner_pids()))
        self.gantry.open_gate("stop")
        spool = os.path.join(self.folder, f"state/jobs/{job}/events.ndjson")
        wait_for(lambda: '"job_completed"' in read(spool), "the job to end without gantryd")
        self.gantry.start()
        self.assertEqual(self.gantry.finished(run)["conclusion"], "success")

    def test_sigterm_with_drain_waits_for_the_job_and_starts_no_other(self):
        self.addCleanup(self.restore)
        self.gantry.keys["on_stop"] = "drain"
        self.gantry.write_config()
        self.gantry.restart(signal.SIGTERM)
        first = self.running("drain")
        self.gantry.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "draining" in self.gantry.log(), "gantryd to drain")
        second = self.push(QUICK)
        self.assertEqual(self.gantry.run(second)["status"], "queued")
        self.gantry.open_gate("drain")
        self.assertEqual(self.gantry.process.wait(timeout=60), 0)
        self.gantry.start()
        self.assertEqual(self.gantry.run(first)["conclusion"], "success")
        self.assertEqual(self.gantry.finished(second)["conclusion"], "success")

    def test_sighup_takes_a_good_config_and_keeps_the_old_one_for_a_broken(self):
        self.addCleanup(self.restore)
        other = Repo(os.path.join(self.folder, "other"), "octo/other")
        other.workflow(QUICK)
        _, guid = self.gantry.deliver("push", other.push_event())
        self.assertIn("not allowed", self.gantry.delivery(guid)["reason"])
        self.gantry.repos.append(other)
        self.gantry.write_config()
        self.gantry.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "config reloaded" in self.gantry.log(), "the config to be reloaded")
        other.workflow(QUICK, message="again")
        self.assertEqual(len(self.gantry.started("push", other.push_event())), 1)
        with open(self.gantry.config_path, "a", encoding="utf-8") as file:
            file.write("nosuchkey: 1\n")
        self.gantry.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "config not reloaded" in self.gantry.log(), "the config to be refused")
        self.assertIn("nosuchkey", self.gantry.log())
        other.workflow(QUICK, message="and again")
        self.assertEqual(len(self.gantry.started("push", other.push_event())), 1)

    def test_a_second_gantryd_on_the_same_state_is_refused(self):
        result = subprocess.run([os.path.join(BIN, "gantryd"), "--config", self.gantry.config_path],
                                capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("another gantryd runs on this state folder", result.stderr)
        self.assertEqual(self.gantry.api("/healthz").status, 200)

    def test_two_gantryd_live_side_by_side(self):
        folder = tempfile.mkdtemp(prefix="gantry-whole-", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        beside = Gantry(folder, [self.repo])
        self.addCleanup(beside.close)
        beside.start()
        self.repo.workflow(QUICK, message="for both")
        event = self.repo.push_event()
        runs = [each.started("push", event)[0] for each in (self.gantry, beside)]
        for each, run in zip((self.gantry, beside), runs):
            self.assertEqual(each.finished(run)["conclusion"], "success")

    def test_check_reads_the_config_and_says_what_is_wrong(self):
        def check():
            return subprocess.run([os.path.join(BIN, "gantryd"), "--check", "--config",
                                   self.gantry.config_path], capture_output=True, text=True,
                                  timeout=30, check=False)
        self.addCleanup(self.restore)
        self.assertIn("good", check().stdout)
        with open(self.gantry.config_path, "a", encoding="utf-8") as file:
            file.write("limits2: {}\non_stop: maybe\n")
        result = check()
        self.assertEqual(result.returncode, 1)
        self.assertIn("limits2", result.stderr)

    def test_tcp_wants_a_token_and_the_socket_none(self):
        path = "/api/gantry/v1/runs"
        self.assertEqual(self.gantry.api(path).status, 200)
        self.assertEqual(self.gantry.api(path, tcp=True, token=TOKEN).status, 200)
        for token in (None, "wrong", TOKEN + "x", TOKEN[:-1]):
            answer = self.gantry.api(path, tcp=True, token=token)
            self.assertEqual(answer.status, 401)
            self.assertIn("message", answer.json)
        environment = dict(os.environ, GANTRY_URL=f"http://127.0.0.1:{self.gantry.port}",
                           GANTRY_TOKEN=TOKEN)
        result = subprocess.run([os.path.join(BIN, "gantry"), "runs", "--json"], env=environment,
                                capture_output=True, text=True, timeout=30, check=True)
        self.assertIsInstance(json.loads(result.stdout), list)

    def test_a_runners_api_is_closed_to_strangers(self):
        self.running("closed")
        for path in ("/runner/v1/job", "/api/runner/v1/job", "/runner/job"):
            for tcp in (False, True):
                answer = self.gantry.api(path, tcp=tcp, token="guessed")
                self.assertIn(answer.status, (401, 403, 404))
        self.gantry.open_gate("closed")


    def test_cli_hook_push_starts_a_run(self):
        sha = self.repo.workflow(QUICK, message="by hook")
        guid = self.gantry.cli("hook", "push", "-R", "octo/hello", "--ref", "refs/heads/main",
                               "--after", sha, "--secret-file",
                               os.path.join(self.folder, "secret")).stdout.strip()
        self.assertEqual(len(self.gantry.delivery(guid)["runs"]), 1)


class TwoRepositories(gantry_test.Case):
    """Deliveries without GitHub's ids: two repositories with the same commits stay two."""
    WORKFLOW = """on: [push, workflow_dispatch]
jobs:
  one:
    runs-on: ubuntu-latest
    steps: [{run: 'echo ids=${{ github.repository_id }},${{ github.repository_owner_id }}'}]
"""

    def ids(self, run):
        lines = [line for line in self.end_of(run)["jobs"][0]["log"] if line.startswith("ids=")]
        return lines[-1][4:].split(",")

    def test_by_hook_push_and_by_dispatch(self):
        sha = self.repo.workflow(self.WORKFLOW)
        twin = Repo(os.path.join(self.folder, "twin"), "acme/twin")
        twin.git("pull", "-q", self.repo.folder, "main")
        self.gantry.repos.append(twin)
        self.gantry.write_config()
        self.gantry.restart()
        ids = {}
        for repo in (self.repo, twin):
            guid = self.gantry.cli("hook", "push", "-R", repo.name, "--ref", "refs/heads/main",
                                   "--after", sha, "--secret-file",
                                   os.path.join(self.folder, "secret")).stdout.strip()
            runs = self.gantry.delivery(guid)["runs"]
            self.assertEqual(len(runs), 1)
            ids[repo.name] = self.ids(runs[0])
            for one in ids[repo.name]:
                self.assertRegex(one, "^[0-9]{15}$")
        self.assertEqual(len(set(sum(ids.values(), []))), 4)
        answer = self.gantry.api("/api/v3/repos/octo/hello/actions/workflows/ci.yml/dispatches",
                                 "POST", {"ref": "main"})
        self.assertEqual(answer.status, 204, answer.text)
        newest = self.gantry.own("/runs")["runs"][0]["id"]
        self.assertEqual(self.ids(newest), ids["octo/hello"])
        # What GitHub says holds from then on.
        known = self.gantry.started("push", self.repo.push_event(
            after=self.repo.workflow(self.WORKFLOW + "# again")))
        self.assertEqual(self.ids(known[0]), ["1", "9"])
        guid = self.gantry.cli("hook", "push", "-R", "octo/hello", "--ref", "refs/heads/main",
                               "--after", sha, "--before", self.repo.sha(), "--secret-file",
                               os.path.join(self.folder, "secret")).stdout.strip()
        self.assertEqual(self.ids(self.gantry.delivery(guid)["runs"][0])[0], "1")


class Faces(gantry_test.Case):
    """The API's shapes and the CLI's words, over one failed and one good run."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        case = cls("assertTrue")
        cls.good = case.play("name: Good\nrun-name: A good one\n" + QUICK)
        cls.bad = case.play("name: Bad\non: push\njobs:\n  red:\n    runs-on: ubuntu-latest\n"
                            "    steps:\n      - {name: Break, run: 'echo ::error file=a.c,line=7::"
                            "it broke; exit 9'}\n  green:\n    runs-on: ubuntu-latest\n"
                            "    steps: [{run: echo green}]\n")
        cls.api = fake_github.Api()

    def check(self, path, template, method="GET", body=None, tcp=False):
        """Asks and checks the answer against GitHub's description of `template`."""
        answer = self.gantry.api("/api/v3/repos/octo/hello" + path, method, body,
                                 tcp=tcp, token=TOKEN if tcp else None)
        operation = self.api.document["paths"]["/repos/{owner}/{repo}" + template][method.lower()]
        self.assertIn(str(answer.status), operation["responses"], answer.text)
        response = self.api.deref(operation["responses"][str(answer.status)])
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if schema:
            self.assertEqual(self.api.errors_of(schema, answer.json), [], answer.text)
        return answer

    def test_lists_and_views_have_githubs_shape(self):
        run, job = self.bad["id"], self.bad["by_name"]["red"]["id"]
        runs = self.check("/actions/runs?per_page=1", "/actions/runs")
        self.assertEqual((runs.json["total_count"], len(runs.json["workflow_runs"])), (2, 1))
        self.assertIn('rel="next"', runs.headers["Link"])
        self.assertEqual(self.check(f"/actions/runs/{run}", "/actions/runs/{run_id}")
                         .json["conclusion"], "failure")
        self.check(f"/actions/runs/{run}/attempts/1",
                   "/actions/runs/{run_id}/attempts/{attempt_number}")
        jobs = self.check(f"/actions/runs/{run}/jobs", "/actions/runs/{run_id}/jobs").json
        self.assertEqual({j["name"] for j in jobs["jobs"]}, {"red", "green"})
        self.check(f"/actions/runs/{run}/attempts/1/jobs",
                   "/actions/runs/{run_id}/attempts/{attempt_number}/jobs")
        self.check(f"/actions/runs/{run}/artifacts", "/actions/runs/{run_id}/artifacts")
        view = self.check(f"/actions/jobs/{job}", "/actions/jobs/{job_id}").json
        self.assertEqual([s["conclusion"] for s in view["steps"]],
                         ["success", "failure", "success"])
        workflows = self.check("/actions/workflows", "/actions/workflows").json
        self.assertEqual(workflows["total_count"], 1)
        self.check("/actions/workflows/ci.yml", "/actions/workflows/{workflow_id}")
        self.check(f"/actions/workflows/{workflows['workflows'][0]['id']}/runs",
                   "/actions/workflows/{workflow_id}/runs")
        annotations = self.check(f"/check-runs/{job}/annotations",
                                 "/check-runs/{check_run_id}/annotations").json
        self.assertIn(("a.c", 7, "it broke"),
                      [(a["path"], a["start_line"], a["message"]) for a in annotations])

    def test_lists_can_be_filtered(self):
        for query, count in (("status=success", 1), ("status=failure", 1), ("event=push", 2),
                             ("branch=main", 2), ("branch=x", 0), ("actor=mona", 2),
                             ("actor=x", 0), ("head_sha=" + self.bad["sha"], 1),
                             ("created=>2020-01-01", 2), ("created=<2020-01-01", 0)):
            runs = self.check("/actions/runs?" + query, "/actions/runs").json
            self.assertEqual(runs["total_count"], count, query)

    def test_what_is_not_there_is_404_in_githubs_form(self):
        for path in ("/repos/octo/none/actions/runs", "/repos/octo/hello/actions/runs/999999",
                     "/repos/octo/hello/actions/jobs/999999", "/nothing",
                     "/repos/octo/hello/actions/workflows/none.yml"):
            answer = self.gantry.api("/api/v3" + path)
            self.assertEqual(answer.status, 404, path)
            self.assertIn("message", answer.json)
        for path in ("/api/gantry/v1/runs/abc", "/api/gantry/v1/runs/-1",
                     "/api/gantry/v1/runs/99999999999999999999"):
            self.assertIn(self.gantry.api(path).status, (400, 404, 422), path)

    def test_the_run_stream_ends_with_the_completed_run(self):
        events = list(self.gantry.events(f"/runs/{self.good['id']}/events"))
        self.assertEqual(events[-1][1]["status"], "completed")
        log = list(self.gantry.events(f"/runs/{self.good['id']}/log/stream"))
        self.assertIn("hello", "".join(data.get("text", "") for _, data in log))
        self.assertEqual(log[-1][0], "end")

    def test_the_openapi_document_is_served(self):
        self.assertIn("openapi: 3", self.gantry.api("/api/openapi.yaml").text)

    def test_cli_runs_lists_newest_first(self):
        lines = self.gantry.cli("runs").stdout.splitlines()
        self.assertRegex(lines[0], r"STATUS +TITLE +WORKFLOW")
        self.assertRegex(lines[1], r"X +failure +.* Bad +octo/hello +main +push")
        self.assertRegex(lines[2], r"success +A good one +Good +octo/hello")
        self.assertEqual([r["id"] for r in json.loads(
            self.gantry.cli("runs", "--json", "-s", "success").stdout)], [self.good["id"]])

    def test_cli_view_shows_jobs_steps_and_annotations(self):
        result = self.gantry.cli("view", str(self.bad["id"]), "--exit-status", check=False)
        self.assertEqual(result.returncode, 1)
        for pattern in (r"X red in \d", r"green in \d", r"X Break", "it broke", "red: a.c#7"):
            self.assertRegex(result.stdout, pattern)
        self.assertEqual(self.gantry.cli("view", str(self.good["id"]), "--exit-status").returncode,
                         0)

    def test_cli_logs_by_job_name_and_of_failed_jobs_only(self):
        run = str(self.bad["id"])
        self.assertIn("green", self.gantry.cli("logs", run, "-j", "green").stdout)
        self.assertNotIn("echo green", self.gantry.cli("logs", run, "--failed").stdout)
        self.assertRegex(self.gantry.cli("logs", run, "-j", "green", "-t").stdout,
                         r"(?m)^\d{4}-\d\d-\d\dT.*Z green$")
        missing = self.gantry.cli("logs", run, "-j", "nosuch", check=False)
        self.assertEqual(missing.returncode, 1)
        self.assertIn("there are:", missing.stderr)

    def test_cli_watch_ends_with_the_run(self):
        result = self.gantry.cli("watch", str(self.bad["id"]), "--exit-status", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("failure", result.stdout.splitlines()[-1])

    def test_cli_doctor_says_what_this_machine_can_do(self):
        result = self.gantry.cli("doctor", check=False)
        self.assertIn(result.returncode, (0, 1))
        self.assertRegex(result.stdout, r"(?i)bubblewrap|user namespaces|sandbox")

    def test_cli_errors_say_what_to_do(self):
        nowhere = subprocess.run([os.path.join(BIN, "gantry"), "--socket", "/nonexistent/x",
                                  "runs"], capture_output=True, text=True, check=False)
        self.assertEqual(nowhere.returncode, 1)
        self.assertIn("/nonexistent/x", nowhere.stderr)
        self.assertEqual(self.gantry.cli("view", "nosuch", check=False).returncode, 2)
        unknown = self.gantry.cli("view", "999999", check=False)
        self.assertEqual(unknown.returncode, 1)
        self.assertRegex(unknown.stderr, re.escape("no such run"))


if __name__ == "__main__":
    gantry_test.main()
