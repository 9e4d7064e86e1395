# SPDX-License-Identifier: MIT
"""gantry run: a work tree's workflows by a private gantryd, no server, no GitHub."""
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

import gantry_test
from gantry_test import BIN, GIT_ENV, Repo, processes, wait_for

WORKFLOW = """
name: CI
on:
  push: {branches: [release]}
  workflow_dispatch:
    inputs:
      who: {type: string, default: nobody}
jobs:
  build:
    runs-on: ubuntu-latest
    outputs: {v: "${{ steps.o.outputs.v }}"}
    steps:
      - uses: actions/checkout@v4
      - id: o
        run: echo "v=$(cat file.txt)" >> "$GITHUB_OUTPUT"; ls
  test:
    needs: build
    runs-on: ubuntu-latest
    strategy: {matrix: {py: ["3.1", "3.2"]}}
    steps:
      - run: echo "py ${{ matrix.py }}, ${{ needs.build.outputs.v }}, ${{ inputs.who }}, ${{ github.event_name }}"
  broken:
    runs-on: ubuntu-latest
    steps:
      - run: echo "key=$KEY"; exit 3
        env: {KEY: "${{ secrets.KEY }}"}
"""


class LocalRun(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="gantry-local-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.repo = Repo(os.path.join(self.folder, "project"))
        self.repo.commit({".github/workflows/ci.yml": WORKFLOW, "file.txt": "one\n",
                          ".gitignore": "secret.txt\n"})

    def write(self, path, text):
        path = os.path.join(self.repo.folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def popen(self, *args):
        return subprocess.Popen(
            [os.path.join(BIN, "gantry"), "run", "--network", "none", *args],
            cwd=self.repo.folder, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=dict(GIT_ENV, HOME=self.folder))

    def run_it(self, *args):
        with self.popen(*args) as process:
            out = process.communicate(timeout=120)[0]
        return process.returncode, out

    def test_actions_come_from_the_work_tree_and_from_a_folder_of_repositories(self):
        manifest = ("runs:\n  using: composite\n  steps:\n"
                    "    - {{shell: bash, run: echo it is {}}}\n")
        greeter = Repo(os.path.join(self.folder, "sources/some/greeter"), "some/greeter")
        greeter.commit({"action.yml": manifest.format("theirs")})
        greeter.git("tag", "v1")
        self.write("mine/action.yml", manifest.format("mine"))
        self.write(".github/workflows/act.yml", """
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: ./mine
      - uses: some/greeter@v1
""")
        code, out = self.run_it("act.yml", "--actions", os.path.join(self.folder, "sources"))
        self.assertEqual(code, 0, out)
        self.assertIn("it is mine", out)
        self.assertIn("it is theirs", out)

    def test_a_job_runs_with_what_it_needs_on_the_files_as_they_are(self):
        self.write("file.txt", "changed\n")
        self.write("new.txt", "")
        self.write("secret.txt", "")
        code, out = self.run_it("test", "--matrix", "py=3.2")
        self.assertEqual(code, 0, out)
        self.assertIn("py 3.2, changed, , push\n", out)
        self.assertIn("| new.txt\n", out)
        for absent in ("| secret.txt", "py 3.1,", "broken"):
            self.assertNotIn(absent, out)
        self.assertEqual(self.repo.git("status", "--short"), "M file.txt\n?? new.txt")
        self.assertEqual(self.repo.git("branch", "--format=%(refname:short)"), "main")
        self.assertEqual(processes(self.folder), [])

    def test_inputs_start_it_by_hand_and_a_failing_job_is_the_exit_code(self):
        secrets = self.write("../secrets", "KEY=hunter2\n")
        code, out = self.run_it("ci.yml", "-i", "who=me", "--secret-file", secrets)
        self.assertEqual(code, 1, out)
        self.assertIn("py 3.1, one, me, workflow_dispatch\n", out)
        self.assertIn("key=***\n", out)
        self.assertNotIn("hunter2", out)

    def test_a_pull_request_has_a_merge_commit(self):
        payload = self.write("../payload.json", '{"pull_request": {"number": 12, "title": "Mine"}}')
        code, out = self.run_it("build", "--event", "pull_request", "--payload", payload)
        self.assertEqual(code, 0, out)
        self.assertIn("refs/pull/12/merge", out)

    def test_what_cannot_run_is_said(self):
        code, out = self.run_it("tests")
        self.assertEqual((code, out), (1, "gantry: running 'tests': no such workflow or job; "
                                          "did you mean 'test'?\n"))
        code, out = self.run_it()
        self.assertEqual(code, 1)
        self.assertIn("'main' is not selected", out)
        code, out = self.run_it("test", "--matrix", "py=9")
        self.assertEqual(code, 1)
        self.assertIn("No leg of the matrix", out)
        self.write(".github/workflows/ci.yml", "on: push\njobs:\n  a:\n    step: []\n")
        code, out = self.run_it("ci.yml")
        self.assertEqual(code, 1)
        self.assertIn("ci.yml:4:5: error: Unexpected value 'step'", out)
        self.assertIn("every workflow has errors", out)

    def test_a_changed_file_runs_it_again_when_watching(self):
        with self.popen("build", "--watch") as process:
            self.addCleanup(process.kill)
            line = wait_for(lambda: next((l for l in process.stdout if "waiting for" in l), None),
                            "the first run")
            self.write("file.txt", "again\n")
            line = wait_for(lambda: next((l for l in process.stdout if "Uncommitted" in l), None),
                            "the second run")
            self.assertIn("Uncommitted changes", line)
            process.send_signal(signal.SIGINT)
            process.stdout.read()
        self.assertEqual(process.returncode, 130)
        wait_for(lambda: not processes(self.folder), "its processes to end")

    def test_an_interrupt_cancels_the_run_and_leaves_nothing(self):
        self.write(".github/workflows/slow.yml", "on: push\njobs: {a: {runs-on: linux, steps: "
                   "[{run: sleep 1000}, {run: echo cleaned up, if: always()}]}}\n")
        with self.popen("slow.yml") as process:
            self.addCleanup(process.kill)
            next(l for l in process.stdout if "shell:" in l)
            process.send_signal(signal.SIGINT)
            out = process.stdout.read()
        self.assertEqual(process.returncode, 1, out)
        self.assertIn("cancelling", out)
        self.assertIn("cleaned up\n", out)
        self.assertEqual(processes(self.folder), [])

    def test_a_killed_one_leaves_nothing_running(self):
        self.write(".github/workflows/slow.yml", "on: push\njobs: {a: {runs-on: linux, steps: "
                   "[{run: sleep 1000}]}}\n")
        with self.popen("slow.yml") as process:
            next(l for l in process.stdout if "shell:" in l)
            process.kill()
        wait_for(lambda: not processes(self.folder), "gantryd and its jobs to end")


if __name__ == "__main__":
    gantry_test.main()
