# SPDX-License-Identifier: MIT
"""Published projects with test suites of their own, run as repositories under a matrix.

Fetched from PyPI and npm by pip and npm, checked by digest, never kept. Skipped where the registries
cannot be reached.
"""
import collections
import hashlib
import os
import subprocess
import tempfile

import gantry_test

PYTHON = """
name: suite
on: push
defaults: {run: {shell: bash}}
jobs:
  test:
    strategy:
      fail-fast: false
      matrix:
        seed: [0, 4711, random]
        flags: ['', -O]
        include:
          - {seed: 1, flags: -bb, locale: C}
    name: seed ${{ matrix.seed }} ${{ matrix.flags }}
    runs-on: ubuntu-latest
    env:
      PYTHONHASHSEED: ${{ matrix.seed }}
      LC_ALL: ${{ matrix.locale || 'C.UTF-8' }}
    outputs:
      tests: ${{ steps.suite.outputs.tests }}
    steps:
      - uses: actions/checkout@v4
      - id: suite
        run: |
          /usr/bin/python3 ${{ matrix.flags }} -m unittest discover SUITE 2>&1 | tee "$RUNNER_TEMP/suite.log"
          echo "tests=$(grep -oP '^Ran \\K[0-9]+' "$RUNNER_TEMP/suite.log")" >> "$GITHUB_OUTPUT"
      - run: git status --porcelain --untracked-files=no | tee "$RUNNER_TEMP/dirty" && test ! -s "$RUNNER_TEMP/dirty"
"""
NODE = """
name: suite
on: push
jobs:
  test:
    strategy:
      matrix:
        flags: ['', --use_strict, --stack-size=400]
        warnings: [--no-warnings, --throw-deprecation]
    runs-on: ubuntu-latest
    env: {NODE_NO_READLINE: '1'}
    outputs:
      tests: ${{ steps.suite.outputs.tests }}
    steps:
      - uses: actions/checkout@v4
      - id: suite
        run: |
          node ${{ matrix.flags }} ${{ matrix.warnings }} SUITE
          echo "tests=1" >> "$GITHUB_OUTPUT"
"""
REPORT = """
  report:
    needs: test
    runs-on: ubuntu-latest
    steps:
      - run: |
          test '${{ needs.test.result }}' = success
          echo 'tests: ${{ needs.test.outputs.tests }}' | tee -a "$GITHUB_STEP_SUMMARY"
"""
Project = collections.namedtuple("Project", "package digest workflow suite tests legs")
PROJECTS = [
    Project("simplejson==3.19.2",
            "9eb442a2442ce417801c912df68e1f6ccfcd41577ae7274953ab3ad24ef7d82c",
            PYTHON, "-s simplejson/tests -t .", "144", 7),
    Project("idna==3.7", "028ff3aadf0609c1fd278d8ea3089299412a7a8b9bd005dd08b9f8285bcb5cfc",
            PYTHON, "", "6256", 7),
    Project("mime@1.6.0", "215210390e617ac355b422692c7096476e3fe648176cb72b40075a03c9cc379a",
            NODE, "src/test.js", "1", 6),
]


def fetch(project, folder):
    """The project's published package, unpacked in `folder`; None, said, where it cannot be had."""
    with tempfile.TemporaryDirectory() as work:
        command = ["npm", "pack", "--silent", "--ignore-scripts", "--cache", work + "/cache",
                   project.package] if "@" in project.package else [
                       "/usr/bin/python3", "-m", "pip", "download", "-q", "--no-deps",
                       "--no-binary", ":all:", "--no-cache-dir", project.package]
        try:
            done = subprocess.run(command, cwd=work, env=dict(os.environ, HOME=work), timeout=120,
                                  capture_output=True, text=True, check=False)
        except (OSError, subprocess.TimeoutExpired) as why:
            print(f"\nskipped: {project.package}: {why}", flush=True)
            return None
        found = [name for name in os.listdir(work) if name.endswith(("gz", "tgz"))]
        if done.returncode != 0 or len(found) != 1:
            print(f"\nskipped: {project.package}: {done.stderr.strip()[-500:]}", flush=True)
            return None
        path = os.path.join(work, found[0])
        with open(path, "rb") as file:
            if hashlib.sha256(file.read()).hexdigest() != project.digest:
                raise AssertionError(f"{project.package}: not the bytes this test was written for")
        subprocess.run(["tar", "-xf", path, "-C", folder, "--strip-components=1"], check=True)
    return folder


class Real(gantry_test.Case):
    def test_published_projects_pass_their_own_suites_in_every_leg(self):
        repos = {}
        for project in PROJECTS:
            name = project.package.split("==")[0].split("@")[0]
            repo = gantry_test.Repo(os.path.join(self.folder, name), "octo/" + name)
            if fetch(project, repo.folder):
                repos[project] = repo
        if not repos:
            self.skipTest("none of the projects can be fetched")
        self.gantry.repos += repos.values()
        self.gantry.write_config()
        self.gantry.restart()
        for project, repo in repos.items():
            with self.subTest(project.package):
                self.play_project(project, repo)

    def play_project(self, project, repo):
        sha = repo.workflow((project.workflow + REPORT).replace("SUITE", project.suite))
        guid = self.gantry.cli("hook", "push", "--repo", repo.name, "--ref", "refs/heads/main",
                               "--after", sha, "--default-branch", "main", "--secret-file",
                               os.path.join(self.folder, "secret")).stdout.strip()
        run = self.end_of(self.gantry.delivery(guid)["runs"][0], 240)
        self.assertEqual(set(self.conclusions(run).values()), {"success"}, self.logs(run))
        self.assertEqual(len(run["jobs"]), project.legs + 1)
        self.assert_logged(run["by_name"]["report"], "tests: " + project.tests)
        self.assertEqual(self.gantry.cli("view", str(run["id"]), "--exit-status").returncode, 0)

    def logs(self, run):
        return "\n".join("\n".join([job["name"]] + job.get("log", [])[-30:])
                         for job in run["jobs"] if job["conclusion"] != "success")


if __name__ == "__main__":
    gantry_test.main()
