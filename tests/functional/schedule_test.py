# SPDX-License-Identifier: MIT
"""`on.schedule` by gantryd's clock, and repository_dispatch over the API."""
import glob
import os
import sqlite3

import gantry_test
from gantry_test import wait_for

SHOW = """
on:
  schedule:
    - cron: '*/5 * * * *'
    - {cron: '0 9 * * 1-5', timezone: Europe/Berlin}
jobs:
  tick:
    runs-on: ubuntu-latest
    steps:
      - run: echo "tick <${{ github.event.schedule }}> at $GITHUB_REF $GITHUB_SHA"
"""


class Schedules(gantry_test.Case):
    """What a default branch asks for is kept and comes when it is due."""

    def database(self):
        path = glob.glob(os.path.join(self.folder, "state/*.db")) or \
            glob.glob(os.path.join(self.folder, "state/**/*.db"), recursive=True)
        return sqlite3.connect(path[0], timeout=30)

    def rows(self):
        database = self.database()
        try:
            return sorted(database.execute("SELECT cron, timezone FROM schedules").fetchall())
        finally:
            database.close()

    def pushed(self, text, branch="main"):
        sha = self.repo.workflow(text, branch=branch)
        _, guid = self.gantry.deliver("push", self.repo.push_event(f"refs/heads/{branch}", after=sha))
        self.gantry.delivery(guid)
        return sha

    def ticks(self):
        return [run for run in self.gantry.own("/runs?event=schedule&limit=100")["runs"]]

    def test_what_was_missed_runs_once_from_the_default_branch(self):
        self.pushed(SHOW.replace("*/5", "7"), branch="other")
        self.assertEqual(self.rows(), [])
        sha = self.pushed(SHOW)
        self.assertEqual(self.rows(), [("*/5 * * * *", ""), ("0 9 * * 1-5", "Europe/Berlin")])
        self.gantry.kill()
        database = self.database()
        database.execute("UPDATE schedules SET next_at = next_at - 3 * 86400000")
        database.commit()
        database.close()
        self.gantry.start()
        runs = wait_for(lambda: len(self.ticks()) >= 2 and self.ticks(), "both schedules to run")
        self.assertEqual(len(runs), 2)
        said = set()
        for run in runs:
            view = self.end_of(run["id"])
            self.assertEqual((view["conclusion"], view["event"], view["sha"]),
                             ("success", "schedule", sha))
            said |= {line for line in view["jobs"][0]["log"] if line.startswith("tick")}
        self.assertEqual(said, {f"tick <*/5 * * * *> at refs/heads/main {sha}",
                                f"tick <0 9 * * 1-5> at refs/heads/main {sha}"})
        self.gantry.restart()
        self.assertEqual(len(self.ticks()), 2)
        self.pushed(SHOW.replace("*/5 * * * *", "1 2 3 4 *").replace("Europe/Berlin", "No/Where"))
        self.assertEqual(self.rows(), [("1 2 3 4 *", "")])
        self.assertIn("there is no time zone 'No/Where'", self.gantry.log())
        self.pushed(SHOW[SHOW.index("jobs:"):] + "\non: push\n")
        self.assertEqual(self.rows(), [])

    def test_a_delivery_cannot_pretend_to_be_the_clock(self):
        _, guid = self.gantry.deliver("schedule", {"repository": self.repo.view(),
                                                   "schedule": "*/5 * * * *"})
        view = self.gantry.delivery(guid)
        self.assertEqual((view["state"], view["runs"]), ("ignored", []))

    def test_repository_dispatch_over_the_api(self):
        self.pushed("on: {repository_dispatch: {types: [deploy]}, push: }\njobs:\n  a:\n"
                    "    runs-on: ubuntu-latest\n    steps:\n"
                    "      - run: echo \"to <${{ github.event.client_payload.to }}>\"\n")
        path = "/api/v3/repos/octo/hello/dispatches"
        for bad in ({}, {"event_type": "x" * 101}, {"event_type": "deploy", "client_payload": []},
                    {"event_type": "deploy", "client_payload": {str(i): i for i in range(11)}}):
            self.assertEqual(self.gantry.api(path, "POST", bad).status, 422, bad)
        self.assertEqual(self.gantry.api(path, "POST", {"event_type": "other"}).status, 204)
        body = {"event_type": "deploy", "client_payload": {"to": "prod"}}
        self.assertEqual(self.gantry.api(path, "POST", body).status, 204)

        def dispatched():
            return self.gantry.own("/runs?event=repository_dispatch")["runs"]
        runs = wait_for(dispatched, "the dispatch to run")
        self.assertEqual(len(runs), 1)
        self.assert_logged(self.end_of(runs[0]["id"])["jobs"][0], "to <prod>")


if __name__ == "__main__":
    gantry_test.main()
