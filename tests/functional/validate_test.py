#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""gantry validate as people and programs use it: files, folders, standard input, formats, exit
status, and the plan of an event."""

import json
import os
import subprocess
import tempfile
import unittest

GANTRY = os.path.join(os.environ["GANTRY_BIN_DIR"], "gantry")

GOOD = """on:
  push:
    branches: [main]
    paths: [src/**]
jobs:
  build:
    strategy: {matrix: {os: [a, b]}}
    runs-on: [self-hosted, linux]
    steps: [{run: make}]
  ship:
    needs: build
    if: github.ref_name == 'other'
    runs-on: x
    steps: [{run: make ship}]
"""
TYPO = "on: push\njobs:\n  a:\n    runs-on: x\n    step:\n      - run: x\n"
MISUSE = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - {run: x, if: \"${{ 1 }} == 1\"}\n"


class Validate(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="gantry-validate-")
        self.addCleanup(self.folder.cleanup)
        self.top = self.folder.name
        os.mkdir(os.path.join(self.top, ".git"))

    def write(self, name, text):
        path = os.path.join(self.top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def gantry(self, *arguments, text=None, folder=None):
        done = subprocess.run([GANTRY, "validate", *arguments], cwd=folder or self.top, input=text,
                              capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_the_work_tree_around_one_is_checked(self):
        self.write(".github/workflows/good.yml", GOOD)
        self.write("deep/er/file", "")
        self.assertEqual(self.gantry(), (0, "", ""))
        self.write(".github/workflows/typo.yaml", TYPO)
        code, out, _ = self.gantry(folder=os.path.join(self.top, "deep", "er"))
        self.assertEqual(code, 1)
        self.assertEqual(out, "../../.github/workflows/typo.yaml:5:5: error: Unexpected value 'step'; "
                              "did you mean 'steps'? [schema]\n      step:\n      ^\n")

    def test_what_no_one_means_is_a_warning(self):
        self.write("a.yml", MISUSE)
        code, out, _ = self.gantry("a.yml")
        self.assertEqual(code, 1)
        self.assertIn("a.yml:6:22: warning: The condition is always true", out)
        self.assertEqual(self.gantry("--errors-only", "a.yml"), (0, "", ""))
        self.assertEqual(self.gantry("--quiet", "a.yml"), (1, "", ""))

    def test_standard_input_and_what_cannot_be_read(self):
        self.assertEqual(self.gantry("-", text=GOOD), (0, "", ""))
        code, out, _ = self.gantry("-", "--stdin-name", "x.yml", text=TYPO)
        self.assertEqual(code, 1)
        self.assertTrue(out.startswith("x.yml:5:5: error: "), out)
        code, out, err = self.gantry("nowhere.yml")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("nowhere.yml", err)
        self.assertEqual(self.gantry("--format", "xml")[0], 2)
        with tempfile.TemporaryDirectory() as outside:
            code, _, err = self.gantry(folder=outside)
            self.assertEqual(code, 2)
            self.assertIn("no git work tree", err)

    def test_formats_for_programs(self):
        self.write(".github/workflows/a, b.yml", MISUSE)
        self.write(".github/workflows/typo.yml", TYPO)
        code, out, _ = self.gantry("--format", "json")
        self.assertEqual(code, 1)
        report = json.loads(out)
        self.assertEqual(report["files"], [".github/workflows/a, b.yml", ".github/workflows/typo.yml"])
        self.assertEqual([(f["line"], f["column"], f["severity"], f["kind"]) for f in report["findings"]],
                         [(6, 22, "warning", "always-true"), (5, 5, "error", "schema")])
        self.assertEqual(report["findings"][1]["source"], "    step:")
        code, out, _ = self.gantry("--format", "github")
        self.assertIn("::warning file=.github/workflows/a%2C b.yml,line=6,col=22,title=always-true::", out)
        self.assertIn("::error file=.github/workflows/typo.yml,line=5,col=5,title=schema::"
                      "Unexpected value 'step'; did you mean 'steps'?\n", out)
        self.check_sarif(json.loads(self.gantry("--format", "sarif")[1]))

    def check_sarif(self, log):
        """The rules of the SARIF 2.1.0 schema for what is written here."""
        self.assertEqual(log["version"], "2.1.0")
        self.assertLessEqual(set(log), {"$schema", "version", "runs"})
        run = log["runs"][0]
        self.assertLessEqual(set(run), {"tool", "results", "columnKind", "originalUriBaseIds"})
        self.assertIn(run["columnKind"], ("utf16CodeUnits", "unicodeCodePoints"))
        rules = run["tool"]["driver"]["rules"]
        self.assertEqual(len({rule["id"] for rule in rules}), len(rules))
        self.assertEqual(len(run["results"]), 2)
        for result in run["results"]:
            self.assertEqual(rules[result["ruleIndex"]]["id"], result["ruleId"])
            self.assertIn(result["level"], ("none", "note", "warning", "error"))
            self.assertTrue(result["message"]["text"])
            place = result["locations"][0]["physicalLocation"]
            self.assertIn(place["artifactLocation"]["uriBaseId"], run["originalUriBaseIds"])
            self.assertNotIn(" ", place["artifactLocation"]["uri"])
            self.assertGreaterEqual(place["region"]["startLine"], 1)
            self.assertGreaterEqual(place["region"]["startColumn"], 1)

    def test_local_actions_and_workflows_are_checked_with_their_callers(self):
        self.write("tools/greet/action.yml", "name: g\ndescription: d\ninputs: {who: {required: true}}\n"
                                             "runs: {using: composite, steps: []}\n")
        self.write(".github/workflows/callee.yml", "on: {workflow_call: {inputs: {n: {type: number}}}}\n"
                   "jobs: {a: {runs-on: x, steps: [{run: x}]}}\n")
        self.write(".github/workflows/caller.yml",
                   "on: push\njobs:\n  a:\n    runs-on: x\n    steps: [{uses: ./tools/greet, with: {whom: x}}]\n"
                   "  b:\n    uses: ./.github/workflows/callee.yml\n    with: {n: text, m: 1}\n"
                   "  c:\n    uses: ./.github/workflows/missing.yml\n")
        code, out, _ = self.gantry("--format", "json")
        report = json.loads(out)
        self.assertEqual(code, 1)
        self.assertIn("tools/greet/action.yml", report["files"])
        messages = [f["message"] for f in report["findings"] if f["kind"] != "unsupported"]
        for message in ("The action './tools/greet' has no input 'whom'",
                        "The action './tools/greet' requires the input 'who'",
                        "Unexpected value 'text'",
                        "Invalid input, m is not defined in the referenced workflow.",
                        "The workflow '.github/workflows/missing.yml' was not found"):
            self.assertIn(message, messages)

    def payload(self, **more):
        body = {"ref": "refs/heads/main", "before": "1" * 40, "after": "2" * 40, "created": False,
                "deleted": False, "forced": False,
                "repository": {"id": 1, "name": "p", "full_name": "o/p", "owner": {"login": "o", "id": 2},
                               "default_branch": "main", "clone_url": "https://x/o/p.git"},
                "sender": {"login": "s", "id": 3},
                "head_commit": {"id": "2" * 40, "message": "m"},
                "commits": [{"id": "2" * 40, "message": "m", "added": [], "modified": ["src/a.c"],
                             "removed": []}]}
        body.update(more)
        return self.write("payload.json", json.dumps(body))

    def test_the_plan_of_an_event(self):
        self.write(".github/workflows/good.yml", GOOD)
        code, out, err = self.gantry("--event", self.payload())
        self.assertEqual((code, err), (0, ""))
        self.assertIn(".github/workflows/good.yml on push: starts: changed file 'src/a.c' is selected: "
                      "'src/**' of paths decides\n", out)
        self.assertIn("  build (a): starts: on self-hosted, linux\n  build (b): starts: on self-hosted, linux\n",
                      out)
        self.assertIn("  ship: skipped: if: ", out)
        _, out, _ = self.gantry("--event", self.payload(ref="refs/heads/dev"), "--format", "json")
        plan = json.loads(out)["plan"][0]
        self.assertEqual((plan["outcome"], plan["filter"], plan["subject"]),
                         ("does not start", "branches", "dev"))
        _, out, _ = self.gantry("--event", self.payload(), "--changed", "docs/x")
        self.assertIn("does not start: no changed file is selected", out)
        self.assertEqual(self.gantry("--event", self.payload(), "--event-name", "nonsense")[0], 2)


if __name__ == "__main__":
    unittest.main()
