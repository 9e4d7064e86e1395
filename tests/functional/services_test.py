# SPDX-License-Identifier: MIT
"""The runtime services of jobs: artifacts, caches and ID tokens, through the official clients where
npm can install them, and byte by byte where they would never go."""
import base64
import datetime
import hashlib
import json
import os
import shutil
import signal
import subprocess
import unittest

import gantry_test
from gantry_test import BIN, Repo, wait_for

CLIENTS_FOLDER = os.path.join(os.path.dirname(BIN), "npm-clients")
CONFORMANCE = os.environ.get("GANTRY_CONFORMANCE_DIR") or os.path.join(gantry_test.SHARED, "conformance")
CLIENTS = ["@actions/artifact@6.2.1", "@actions/cache@5.0.5", "@actions/core@2.0.1"]
HERE = os.path.dirname(os.path.abspath(__file__))


def decode_jwt(token):
    def part(text):
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    header, claims, _ = token.split(".")
    return part(header), part(claims)


class IdTokens(gantry_test.Case):
    WORKFLOW = """
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    PERMISSIONS
    steps:
      - run: |
          echo "url=${ACTIONS_ID_TOKEN_REQUEST_URL:+set} runtime=${ACTIONS_RUNTIME_TOKEN:+set}"
          test -n "$ACTIONS_ID_TOKEN_REQUEST_URL" || exit 0
          /usr/bin/python3 - > token <<'END'
          import json, os, urllib.request
          request = urllib.request.Request(
              os.environ["ACTIONS_ID_TOKEN_REQUEST_URL"] + "&audience=cloud",
              headers={"Authorization": "bearer " + os.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]})
          token = json.load(urllib.request.urlopen(request))["value"]
          print(".".join(reversed(token.split("."))))
          for path, bearer in (("", "x"), ("/../twirp/a/b", "x")):
              wrong = urllib.request.Request(request.full_url.split("/id-token")[0] + "/id-token" + path,
                                             headers={"Authorization": "Bearer " + bearer})
              try:
                  urllib.request.urlopen(wrong)
                  raise SystemExit("a wrong token was taken")
              except urllib.error.HTTPError:
                  pass
          END
          cat token
"""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shared = Repo(os.path.join(cls.folder, "shared"), "octo/shared")
        cls.gantry.repos.append(cls.shared)
        cls.gantry.write_config()
        cls.gantry.restart(signal.SIGTERM)

    def token_of(self, permissions):
        return self.token_in(self.play(self.WORKFLOW.replace("PERMISSIONS", permissions)))

    def token_in(self, run):
        log = run["jobs"][0]["log"]
        self.assertEqual(run["conclusion"], "success", log)
        tokens = [line for line in log if line.count(".") == 2 and len(line) > 300]
        return run, log, ".".join(reversed(tokens[0].split("."))) if tokens else None

    def test_only_with_the_permission(self):
        _, log, token = self.token_of("permissions: {contents: read}")
        self.assertIsNone(token)
        self.assertIn("url= runtime=", log)

    def test_a_token_that_the_issuer_s_documents_verify(self):
        run, _, token = self.token_of("permissions: {id-token: write}")
        header, claims = decode_jwt(token)
        configuration = self.gantry.api("/.well-known/openid-configuration", token=None).json
        self.assertEqual(claims["iss"], configuration["issuer"])
        keys = self.gantry.api("/.well-known/jwks", token=None).json["keys"]
        self.assertEqual([key["kid"] for key in keys], [header["kid"]])
        self.assertEqual(header["alg"], "RS256")
        self.assert_signed(token, keys[0])
        self.assertEqual(claims["aud"], "cloud")
        self.assertEqual(claims["sub"], f"repo:{self.repo.name}:ref:refs/heads/main")
        self.assertEqual(claims["run_id"], str(run["id"]))
        self.assertEqual(claims["sha"], self.repo.sha())
        self.assertEqual(claims["repository"], self.repo.name)
        self.assertEqual(claims["repository_visibility"], "private")
        self.assertEqual(claims["job_workflow_ref"],
                         f"{self.repo.name}/.github/workflows/ci.yml@refs/heads/main")
        self.assertEqual(claims["exp"] - claims["iat"], 300)
        self.gantry.restart()
        again = self.gantry.api("/.well-known/jwks", token=None).json["keys"]
        self.assertEqual(again, keys)

    def test_a_called_job_names_the_file_it_stands_in(self):
        callee = self.WORKFLOW.replace("on: push", "on: {workflow_call: }")
        callee = callee.replace("PERMISSIONS", "permissions: {id-token: write}")
        caller = "on: push\npermissions: {id-token: write}\njobs: {far: {uses: NAME}}\n"
        path = ".github/workflows/callee.yml"
        run = self.play(caller.replace("NAME", "./" + path), {path: callee})
        claims = decode_jwt(self.token_in(run)[2])[1]
        self.assertEqual(claims["job_workflow_ref"], f"{self.repo.name}/{path}@refs/heads/main")
        self.assertEqual(claims["job_workflow_sha"], self.repo.sha())
        self.shared.commit({path: callee})
        tagged = self.shared.sha()
        self.shared.git("tag", "v1")
        self.shared.commit({path: "on: {workflow_call: }\n"})
        run = self.play(caller.replace("NAME", f"octo/shared/{path}@v1"))
        claims = decode_jwt(self.token_in(run)[2])[1]
        self.assertEqual(claims["job_workflow_ref"], f"octo/shared/{path}@refs/tags/v1")
        self.assertEqual(claims["job_workflow_sha"], tagged)
        self.assertEqual(claims["sub"], f"repo:{self.repo.name}:ref:refs/heads/main")
        self.assertEqual(claims["workflow_ref"],
                         f"{self.repo.name}/.github/workflows/ci.yml@refs/heads/main")

    def test_a_job_of_an_environment_says_so_first(self):
        _, _, token = self.token_of("permissions: {id-token: write}\n    environment: 'prod:1'")
        claims = decode_jwt(token)[1]
        self.assertEqual(claims["environment"], "prod:1")
        self.assertEqual(claims["sub"], f"repo:{self.repo.name}:environment:prod%3A1")

    def test_a_called_job_has_none_where_its_caller_may_not(self):
        callee = self.WORKFLOW.replace("on: push", "on: {workflow_call: }").replace("PERMISSIONS", "")
        path = ".github/workflows/callee.yml"
        caller = "on: push\npermissions: {contents: read}\njobs: {far: {uses: ./NAME}}\n"
        run = self.play(caller.replace("NAME", path), {path: callee})
        self.assertIsNone(self.token_in(run)[2])

    def assert_signed(self, token, key):
        """Verifies by hand: the signature to the power of e is the padded SHA-256."""
        def number(text):
            return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
        text, signature = token.rsplit(".", 1)
        opened = pow(number(signature), number(key["e"]), number(key["n"]))
        digest = hashlib.sha256(text.encode()).digest()
        self.assertEqual(opened.to_bytes(256, "big")[-32:], digest)
        self.assertTrue(opened.to_bytes(256, "big").startswith(b"\0\1\xff\xff"))


def read(path, mode="r"):
    with open(path, mode, encoding=None if "b" in mode else "utf-8") as file:
        return file.read()


class ActionCase(gantry_test.Case):
    """Jobs that use the action of tests/functional/clients from their own repository."""
    FILES = {f".github/actions/clients/{name}": read(os.path.join(HERE, "clients", name))
             for name in ("action.yml", "index.mjs", "wire.mjs")}

    @classmethod
    def setUpClass(cls):
        if not shutil.which("node"):
            raise unittest.SkipTest("node is not installed")
        super().setUpClass()

    @staticmethod
    def job(*parts, more=""):
        steps = "".join(f"      - {{uses: ./.github/actions/clients, with: {{part: {part}, "
                        f"clients: '{CLIENTS_FOLDER}', gates: '${{{{ vars.GATES }}}}'}}}}\n"
                        for part in parts)
        return ("    runs-on: ubuntu-latest\n" + more +
                "    steps:\n      - uses: actions/checkout@v4\n" + steps)

    def parts(self, *parts, more="", files=None):
        """The finished job of a push that does these parts."""
        return self.play("on: push\njobs:\n  one:\n" + self.job(*parts, more=more),
                         {**self.FILES, **(files or {})})["by_name"]["one"]

    def assert_done(self, job, *parts):
        self.assertEqual(job["conclusion"], "success", "\n".join(job["log"][-40:]))
        self.assert_logged(job, *(part + " done" for part in parts))

    def blobs(self):
        found = []
        for _, _, files in os.walk(os.path.join(self.gantry.folder, "state/blobs")):
            found += files
        return found

    def rest(self, path, **how):
        return self.gantry.api(f"/api/v3/repos/{self.repo.name}/actions{path}", **how)

    def artifact(self, name):
        found = self.rest(f"/artifacts?name={name}").json["artifacts"]
        return found[0] if found else None


class Wire(ActionCase):
    def test_nobody_gets_what_is_not_theirs(self):
        self.assert_done(self.parts("strangers"), "strangers")

    def test_blocks_in_any_order_and_wrong_sizes_and_digests(self):
        job = self.parts("blocks")
        self.assert_done(job, "blocks")
        artifact = self.artifact("blocks")
        self.assertEqual(artifact["size_in_bytes"], len("first second third "))
        self.assertEqual(artifact["digest"],
                         "sha256:" + hashlib.sha256(b"first second third ").hexdigest())
        link = self.rest(f"/artifacts/{artifact['id']}/zip")
        self.assertEqual(link.status, 302)
        path = link.headers["Location"].split("localhost", 1)[1]
        self.assertEqual(self.gantry.api(path, tcp=True).text, "first second third ")
        self.assertEqual(self.gantry.api(path[:-1] + "0", tcp=True).status
                         if not path.endswith("0") else 401, 401)
        part = self.gantry.api(path, tcp=True, headers={"Range": "bytes=6-11"})
        self.assertEqual((part.status, part.text), (206, "second"))
        out = os.path.join(self.folder, "plain")
        self.gantry.cli("download", str(job["run_id"]), "-n", "plain", "-D", out)
        self.assertEqual(read(os.path.join(out, "plain")), "just text")
        self.assertEqual(self.rest(f"/artifacts/{artifact['id']}", method="DELETE").status, 204)
        self.assertNotIn(artifact["digest"][7:], self.blobs())

    def test_a_client_that_dies_leaves_nothing(self):
        before = self.blobs()
        self.assert_done(self.parts("dies"), "dies")
        wait_for(lambda: not os.listdir(os.path.join(self.gantry.folder, "state/jobs")),
                 "job folders to go")
        self.assertEqual(self.blobs(), before)
        self.assertIsNone(self.artifact("broken"))

    def interrupted(self):
        gate = os.path.join(self.gantry.gates, "go on")
        if os.path.exists(gate):
            os.unlink(gate)
        run = self.push("on: push\njobs:\n  one:\n" + self.job("interrupted"), self.FILES)
        def waiting():
            jobs = self.gantry.run(run)["jobs"]
            return jobs and "in the middle" in self.gantry.job_log(jobs[0]["id"]) and jobs[0]["id"]
        return run, wait_for(waiting, "the upload to be in the middle")

    def test_gantryd_is_killed_in_the_middle_of_an_upload_and_it_goes_on(self):
        run, _ = self.interrupted()
        self.gantry.restart()
        self.gantry.open_gate("go on")
        self.assert_done(self.end_of(run)["by_name"]["one"], "interrupted")
        self.assertEqual(self.artifact("interrupted")["size_in_bytes"], len("before after"))

    def test_all_is_killed_in_the_middle_of_an_upload_and_nothing_stays(self):
        before = self.blobs()
        run, job = self.interrupted()
        uploads = os.path.join(self.gantry.folder, f"state/jobs/{job}/uploads")
        self.assertEqual(os.listdir(uploads), ["1"])
        runner = self.gantry.runner_pids()[job]
        self.gantry.kill()
        os.kill(runner, 9)
        orphan = os.path.join(self.gantry.folder, "state/blobs/ff", "f" * 64)
        os.makedirs(os.path.dirname(orphan), exist_ok=True)
        with open(orphan, "w", encoding="utf-8"):
            pass
        self.gantry.start()
        self.assertEqual(self.end_of(run)["conclusion"], "failure")
        wait_for(lambda: not os.path.exists(os.path.dirname(uploads)), "the job's folder to go")
        wait_for(lambda: not os.path.exists(orphan), "the orphan to go")
        self.assertEqual(self.blobs(), before)


class Recorded(ActionCase):
    def test_the_recorded_requests_of_the_official_clients(self):
        recording = os.path.join(CONFORMANCE, "toolkit/wire_recording.json")
        if not os.path.exists(recording):
            self.skipTest("the recording is not there; set GANTRY_CONFORMANCE_DIR")
        text = read(recording)
        job = self.parts("recorded", files={"recording.json": text})
        self.assert_done(job, "recorded")
        sent = [line for line in job["log"] if line.startswith("recorded ")]
        self.assertEqual(len(sent) - 1, len(json.loads(text)["requests"]))


class Clients(ActionCase):
    @classmethod
    def setUpClass(cls):
        if not os.path.exists(os.path.join(CLIENTS_FOLDER, "installed")):
            raise unittest.SkipTest("the official clients cannot be installed (npm)")
        cls.keys = {"mounts": [CLIENTS_FOLDER]}
        super().setUpClass()

    def test_artifacts(self):
        run = self.play("on: push\njobs:\n  one:\n" + self.job("artifacts", "id_token",
                        more="    permissions: {id-token: write, contents: read}\n") +
                        "  two:\n    needs: one\n" + self.job("fetch_artifact"), self.FILES, 300)
        self.assert_done(run["by_name"]["one"], "artifacts", "id_token")
        self.assert_done(run["by_name"]["two"], "fetch_artifact")
        listed = self.rest(f"/runs/{run['id']}/artifacts").json
        self.assertEqual([one["name"] for one in listed["artifacts"]], ["my art"])
        out = os.path.join(self.folder, "out")
        self.gantry.cli("download", str(run["id"]), "-D", out)
        self.assertEqual(read(os.path.join(out, "my art/small.txt")), "small")
        self.assertEqual(os.path.getsize(os.path.join(out, "my art/sub/large")), 60 << 20)
        days = (gantry_time(listed["artifacts"][0]["expires_at"]) -
                gantry_time(listed["artifacts"][0]["created_at"])) / 86400
        self.assertAlmostEqual(days, 3, delta=0.1)

    def test_caches_and_who_sees_them(self):
        restore = "jobs:\n  one:\n" + self.job("restore_cache")
        self.assert_done(self.parts("save_cache", files={
            ".github/workflows/pull.yml": "on: pull_request\n" + restore}), "save_cache")
        sha = self.repo.commit({".github/workflows/ci.yml": "on: push\n" + restore}, branch="topic")
        run, = self.gantry.started("push", self.repo.push_event("refs/heads/topic", after=sha))
        job = self.end_of(run)["by_name"]["one"]
        self.assert_logged(job, "restored deps-linux-1 from refs/heads/main", "saved true")
        # A fork's pull request reads main's and writes where only it looks.
        self.repo.pull(7, "topic")
        run, = self.gantry.started("pull_request", self.repo.pull_event(7, "topic", fork="evil/fork"))
        job = self.end_of(run)["by_name"]["one"]
        self.assert_logged(job, "restored deps-linux-1 from refs/heads/main", "saved true")
        caches = self.rest("/caches?sort=created_at&direction=asc").json
        self.assertEqual([(one["ref"], one["key"]) for one in caches["actions_caches"]],
                         [("refs/heads/main", "deps-linux-1"), ("refs/heads/main", "large"),
                          ("refs/heads/topic", "of refs/heads/topic"),
                          ("refs/pull/7/merge", "of refs/pull/7/merge")])
        self.assertEqual(self.rest("/cache/usage").json["active_caches_count"], 4)
        blobs = len(self.blobs())
        answer = self.rest("/caches?key=large", method="DELETE")
        self.assertEqual(answer.json["total_count"], 1)
        self.assertEqual(self.rest("/caches?key=large", method="DELETE").status, 404)
        self.assertEqual(len(self.blobs()), blobs - 1)


def gantry_time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def install_clients():
    """From the registry npm is set up for, once for each build folder."""
    if os.path.exists(os.path.join(CLIENTS_FOLDER, "installed")) or not shutil.which("npm"):
        return
    try:
        os.makedirs(CLIENTS_FOLDER, exist_ok=True)
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts",
                               "--prefix", CLIENTS_FOLDER, *CLIENTS], capture_output=True,
                              text=True, check=False, timeout=240)
    except (OSError, subprocess.TimeoutExpired) as error:
        print("installing the official clients:", error)
        return
    if done.returncode != 0:
        print("installing the official clients:", done.stderr[-500:])
        return
    with open(os.path.join(CLIENTS_FOLDER, "installed"), "w", encoding="utf-8"):
        pass


if __name__ == "__main__":
    install_clients()
    gantry_test.main()
