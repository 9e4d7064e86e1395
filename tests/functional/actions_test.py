# SPDX-License-Identifier: MIT
"""Actions through the whole of Gantry: the config's sources and policy, and the official npm clients
(@actions/core, exec, glob, tool-cache), bundled when the test runs and run by a real node."""
import os
import shutil
import subprocess

import gantry_test
from gantry_test import Repo

PACKAGES = ["@actions/core", "@actions/exec", "@actions/glob", "@actions/tool-cache", "esbuild"]

MAIN = """
import * as core from '@actions/core';
import * as exec from '@actions/exec';
import * as glob from '@actions/glob';
import * as tools from '@actions/tool-cache';
import * as fs from 'node:fs';

async function main() {
  core.setSecret('hidden-value');
  core.info(`name ${core.getInput('name', {required: true})} hidden-value`);
  core.info('list ' + JSON.stringify(core.getMultilineInput('list')));
  core.info('flag ' + core.getBooleanInput('flag'));
  core.info('debug ' + core.isDebug());
  core.setOutput('answer', {forty: 'two'});
  core.exportVariable('FROM_ACTION', 'several\\nlines');
  core.saveState('mark', 'kept');
  await core.group('a group', async () => core.info('inside'));
  core.warning('look here', {file: 'src/a.txt', startLine: 3, title: 'A title'});
  core.notice('by the way');
  await core.summary.addHeading('Done').addTable([['a', 'b']]).write();

  let said = '';
  const listeners = {stdout: data => { said += data.toString(); }};
  const code = await exec.exec('sh', ['-c', 'echo out of exec; exit 3'],
                               {listeners, ignoreReturnCode: true, silent: true});
  core.info(`exec ${code} ${said.trim()}`);

  const files = await glob.create('src/**\\n!src/b.txt', {matchDirectories: false});
  const found = (await files.glob()).map(file => file.replace(process.env.GITHUB_WORKSPACE, '.'));
  core.info('glob ' + found.sort().join(' '));
  core.setOutput('hash', await glob.hashFiles('src/*.txt'));

  fs.mkdirSync(process.env.RUNNER_TEMP + '/tool');
  fs.writeFileSync(process.env.RUNNER_TEMP + '/tool/hello', '#!/bin/sh\\necho tool says hello\\n',
                   {mode: 0o755});
  const cached = await tools.cacheDir(process.env.RUNNER_TEMP + '/tool', 'hello', '1.2.3');
  core.info('found ' + (tools.find('hello', '1.x') === cached));
  core.addPath(cached);
  if (core.getInput('fail')) core.setFailed('as asked');
}

main().catch(error => core.setFailed(error.stack));
"""
POST = """
import * as core from '@actions/core';
core.info('post ' + core.getState('mark'));
"""
MANIFEST = """
name: toolkit
description: what the official clients do
inputs:
  name: {required: true}
  list: {default: "a\\nb\\n\\n"}
  flag: {default: "True"}
  fail: {}
outputs:
  answer: {}
  hash: {}
runs: {using: node20, main: dist/main.js, post: dist/post.js}
"""
WORKFLOW = """
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: it
        uses: tests/toolkit@v1
        with: {name: Mona}
      - run: |
          hello
          echo "answer ${{ fromJSON(steps.it.outputs.answer).forty }}"
          echo "same hash ${{ steps.it.outputs.hash == hashFiles('src/*.txt') }}"
          printf '%s.\\n' "$FROM_ACTION"
  b:
    runs-on: ubuntu-latest
    steps:
      - {id: it, uses: tests/toolkit@v1, with: {name: Mona, fail: "yes"}, continue-on-error: true}
      - run: echo "outcome ${{ steps.it.outcome }}"
"""


class Actions(gantry_test.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sources = os.path.join(cls.folder, "sources")
        cls.gantry.write_config(more=f"""
actions:
  sources: [{cls.sources}]
  allow: [tests/*]
  refresh_seconds: 0
""")
        cls.gantry.restart()

    def action(self, name, files):
        repo = Repo(os.path.join(self.sources, name), name)
        repo.commit(files)
        repo.git("tag", "v1")
        return repo

    def test_the_official_clients_find_what_they_need(self):
        if not shutil.which("npm") or not shutil.which("node"):
            self.skipTest("npm or node is not installed")
        work = os.path.join(self.folder, "npm")
        os.makedirs(work)
        environment = dict(os.environ, HOME=work, npm_config_cache=os.path.join(work, "cache"))
        install = subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", *PACKAGES], cwd=work,
            env=environment, capture_output=True, text=True, timeout=240, check=False)
        if install.returncode != 0:
            self.skipTest("npm cannot install the official clients: " + install.stderr[-500:])
        for name, text in (("main", MAIN), ("post", POST)):
            with open(os.path.join(work, name + ".mjs"), "w", encoding="utf-8") as file:
                file.write(text)
            subprocess.run(["node_modules/.bin/esbuild", name + ".mjs", "--bundle",
                            "--platform=node", "--format=cjs", "--log-level=error",
                            f"--outfile=dist/{name}.js"], cwd=work, check=True, timeout=120)
        bundles = {}
        for name in ("main", "post"):
            with open(os.path.join(work, f"dist/{name}.js"), encoding="utf-8") as file:
                bundles[f"dist/{name}.js"] = file.read()
        self.action("tests/toolkit", {"action.yml": MANIFEST, **bundles})
        run = self.play(WORKFLOW, {"src/a.txt": "one", "src/b.txt": "two", "src/c/d.txt": "three"},
                        timeout=180)
        self.assertEqual(self.conclusions(run), {"a": "success", "b": "success"},
                         run["by_name"]["a"]["log"])
        self.assert_logged(
            run["by_name"]["a"], "name Mona ***", 'list ["a","b"]', "flag true", "debug false",
            "##[group]a group", "inside", "##[warning]look here", "exec 3 out of exec",
            "glob ./src/a.txt ./src/c/d.txt", "found true", "tool says hello", "answer two",
            "same hash true", "several", "lines.", "post kept")
        self.assert_logged(run["by_name"]["b"], "##[error]as asked", "outcome failure",
                           "post kept")
        told = {a["message"]: a for a in run["by_name"]["a"]["annotations"]}
        self.assertEqual(told["look here"]["path"], "src/a.txt")
        self.assertEqual(told["look here"]["start_line"], 3)
        self.assertIn("by the way", told)

    def test_an_action_the_config_does_not_allow_fails_the_job_at_its_line(self):
        self.action("tests/fine", {"action.yml": "runs:\n  using: composite\n  steps:\n"
                                   "    - {run: echo fine, shell: bash}\n"})
        run = self.play("""
on: push
jobs:
  fine:
    runs-on: ubuntu-latest
    steps: [{uses: tests/fine@v1}]
  forbidden:
    runs-on: ubuntu-latest
    steps:
      - run: echo never
      - uses: others/action@v1
""")
        self.assertEqual(self.conclusions(run), {"fine": "success", "forbidden": "failure"})
        self.assert_logged(run["by_name"]["fine"], "fine")
        log = "\n".join(run["by_name"]["forbidden"]["log"])
        self.assertIn(".github/workflows/ci.yml:11: using action 'others/action@v1': this Gantry "
                      "allows only tests/*", log)
        self.assertNotIn("\nnever", log)

    def test_jobs_that_start_at_once_share_one_fetch_of_a_new_action(self):
        self.action("tests/new", {"action.yml": "runs:\n  using: composite\n  steps:\n"
                                  "    - {run: echo here it is, shell: bash}\n"})
        run = self.play("""
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    strategy: {matrix: {n: [1, 2, 3, 4]}}
    steps: [{uses: tests/new@v1}, {uses: tests/new@main}]
""")
        self.assertEqual(set(self.conclusions(run).values()), {"success"})
        for job in run["jobs"]:
            self.assert_logged(job, "here it is")
        place = [path for path, _, _ in os.walk(os.path.join(self.folder, "state/actions"))
                 if path.endswith("tests/new")]
        self.assertEqual(len(place), 1)
        self.assertEqual(len(os.listdir(os.path.join(place[0], "trees"))), 1)
        self.assertEqual(sorted(os.listdir(place[0])), ["mirror", "refs", "trees"])

    def test_a_tag_that_moves_is_followed_and_a_source_that_is_gone_is_said(self):
        def say(word):
            return {"action.yml": "runs:\n  using: composite\n  steps:\n"
                                  f"    - {{run: echo it is {word}, shell: bash}}\n"}
        repo = self.action("tests/moving", say("one"))
        workflow = ("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n"
                    "    steps: [{uses: tests/moving@v1}]\n")
        self.assert_logged(self.play(workflow)["by_name"]["a"], "it is one")
        repo.commit(say("two"))
        repo.git("tag", "-f", "v1")
        self.assert_logged(self.play(workflow)["by_name"]["a"], "it is two")
        os.rename(repo.folder, repo.folder + ".away")
        run = self.play(workflow)
        self.assertEqual(run["conclusion"], "success")
        self.assert_logged(run["by_name"]["a"], "it is two")
        self.assertIn("could not be looked up", "\n".join(run["by_name"]["a"]["log"]))


if __name__ == "__main__":
    gantry_test.main()
