# SPDX-License-Identifier: MIT
"""gantry explain: the same answer over the API and the CLI, before and after a restart."""
import json

import gantry_test

WORKFLOW = """on:
  push:
    branches: [main]
jobs:
  build:
    runs-on: ubuntu-latest
    steps: [{run: echo built}]
  ship:
    needs: build
    if: github.event_name == 'push' && github.ref == 'refs/heads/other'
    runs-on: ubuntu-latest
    concurrency: ship
    steps: [{run: echo shipped}]
"""


class Explain(gantry_test.Case):
    def test_a_skipped_job_shows_its_condition_with_every_value(self):
        run = self.play(WORKFLOW)
        answer = self.gantry.own("/runs/%d/explain" % run["id"])
        self.assertEqual(answer["decision"]["rule"], "matched")
        build, ship = sorted(answer["jobs"], key=lambda job: job["job"])
        self.assertTrue(build["if"]["holds"])
        self.assertEqual(build["labels"], ["ubuntu-latest"])
        self.assertEqual(ship["needs"], [{"job": "build", "result": "success"}])
        self.assertFalse(ship["if"]["holds"])
        shown = self.gantry.cli("explain", str(run["id"]), "--job", "ship").stdout
        self.assertIn("needs build: success", shown)
        self.assertIn("github.ref  → \"refs/heads/main\"", shown)
        self.assertIn("if: false", shown)
        self.gantry.restart()
        again = self.gantry.own("/runs/%d/explain" % run["id"])
        self.assertEqual(json.dumps(again, sort_keys=True), json.dumps(answer, sort_keys=True))

    def test_a_delivery_that_starts_nothing_names_the_filter(self):
        self.repo.workflow(WORKFLOW)
        self.repo.workflow(WORKFLOW, branch="dev")
        answer, guid = self.gantry.deliver("push", self.repo.push_event(ref="refs/heads/dev"))
        self.assertEqual(answer.status, 202)
        self.gantry.delivery(guid)
        shown = self.gantry.cli("explain", "--delivery", guid).stdout
        self.assertIn("'dev' is not selected: no pattern of branches matches", shown)
        self.assertIn("line 2 of the file, branches", shown)

    def test_what_does_not_exist_is_said(self):
        self.assertEqual(self.gantry.api("/api/gantry/v1/runs/999/explain").status, 404)
        self.assertNotEqual(self.gantry.cli("explain", "999", check=False).returncode, 0)


if __name__ == "__main__":
    gantry_test.main()
