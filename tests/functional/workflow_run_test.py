# SPDX-License-Identifier: MIT
"""`on.workflow_run` after Gantry's own runs: what starts, with which rights, and that none is lost or doubled."""
import os

import gantry_test
import unreachable_test
from gantry_test import Repo, wait_for

CI = """
name: CI
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: echo "secret <${{ secrets.DEPLOY_KEY != '' }}>"
      - if: github.head_ref == 'fails'
        run: exit 1
"""

# Asserts from inside; the values of the run that was followed are in the files of the commit.
DEPLOY = """
name: Deploy
on:
  workflow_run:
    workflows: [CI]
    types: [completed]
    branches-ignore: ['wip/**']
jobs:
  deploy:
    if: github.event.workflow_run.conclusion == 'success'
    runs-on: ubuntu-latest
    steps:
      - run: |
          echo "after $NAME run $ID number $NUMBER attempt $ATTEMPT at $BRANCH $SHA by $EVENT"
          echo "from $FROM pulls $PULLS path $RUN_PATH is $STATUS $CONCLUSION"
          echo "here $GITHUB_EVENT_NAME at $GITHUB_REF $GITHUB_SHA actor $GITHUB_ACTOR"
          echo "secret <${{ secrets.DEPLOY_KEY != '' }}> owner ${{ github.repository_owner_id }}"
        env:
          NAME: ${{ github.event.workflow_run.name }}
          ID: ${{ github.event.workflow_run.id }}
          NUMBER: ${{ github.event.workflow_run.run_number }}
          ATTEMPT: ${{ github.event.workflow_run.run_attempt }}
          BRANCH: ${{ github.event.workflow_run.head_branch }}
          SHA: ${{ github.event.workflow_run.head_sha }}
          EVENT: ${{ github.event.workflow_run.event }}
          FROM: ${{ github.event.workflow_run.head_repository.full_name }}
          PULLS: ${{ join(github.event.workflow_run.pull_requests.*.number) }}
          RUN_PATH: ${{ github.event.workflow_run.path }} ${{ github.event.workflow.path }}
          STATUS: ${{ github.event.workflow_run.status }}
          CONCLUSION: ${{ github.event.workflow_run.conclusion }}
  alarm:
    if: github.event.workflow_run.conclusion == 'failure'
    runs-on: ubuntu-latest
    steps:
      - run: echo "alarm"
"""


def follow(after, name, types="completed"):
    return f"name: {name}\non: {{workflow_run: {{workflows: [{after}], types: [{types}]}}}}\n" + \
        "jobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n" + \
        "      - run: echo \"saw ${{ github.event.action }} ${{ github.event.workflow_run.status }}" + \
        " <${{ github.event.workflow_run.conclusion }}>\"\n"


def of(run, phase="completed", attempt=1):
    """The GUID of the delivery that tells of a run."""
    return f"gantry-run-{run}-{attempt}-{phase}"


class WorkflowRuns(gantry_test.Case):
    """CI, and what follows it."""

    def only(self, **files):
        """The default branch with these workflows alone."""
        folder = os.path.join(self.repo.folder, ".github/workflows")
        self.repo.git("checkout", "-q", "-f", "main") if os.path.isdir(folder) else None
        old = os.listdir(folder) if os.path.isdir(folder) else []
        return self.repo.commit({f".github/workflows/{name}.yml": text for name, text in files.items()},
                                remove=[f".github/workflows/{name}" for name in old
                                        if name[:-4] not in files])

    def pushed(self, sha, ref="refs/heads/main"):
        runs = self.gantry.started("push", self.repo.push_event(ref, after=sha))
        self.assertEqual(len(runs), 1, self.gantry.log()[-3000:])
        return self.end_of(runs[0])

    def followed(self, run, **which):
        """The one run that a run led to, completed."""
        guid = of(run["id"], **which)
        wait_for(lambda: self.gantry.api("/api/gantry/v1/deliveries/" + guid).status == 200, guid)
        view = self.gantry.delivery(guid)
        self.assertEqual(len(view["runs"]), 1, view)
        return self.end_of(view["runs"][0])

    def test_a_deployment_follows_ci_with_the_data_of_its_run(self):
        main = self.only(ci=CI, deploy=DEPLOY)
        sha = self.repo.commit({"x": "1"}, branch="topic", start="main")
        ci = self.pushed(sha, "refs/heads/topic")
        deploy = self.followed(ci)
        self.assertEqual((deploy["conclusion"], deploy["event"], deploy["branch"], deploy["sha"],
                          deploy["trust"], deploy["actor"]),
                         ("success", "workflow_run", "main", main, "trusted", "mona"))
        self.assertEqual(self.conclusions(deploy), {"deploy": "success", "alarm": "skipped"})
        self.assert_logged(
            deploy["by_name"]["deploy"],
            f"after CI run {ci['id']} number {ci['number']} attempt 1 at topic {sha} by push",
            "from octo/hello pulls  path .github/workflows/ci.yml .github/workflows/ci.yml is completed success",
            f"here workflow_run at refs/heads/main {main} actor mona", "secret <true> owner 9")

    def test_the_run_of_a_fork_has_no_secrets_what_follows_has_and_runs_the_default_branch(self):
        main = self.only(ci=CI, deploy=DEPLOY)
        self.repo.workflow(DEPLOY.replace("after $NAME", "evil"), "deploy.yml", branch="stranger",
                           start="main")
        self.repo.pull(31, "stranger")
        runs = self.gantry.started("pull_request",
                                   self.repo.pull_event(31, "stranger", fork="stranger/hello"))
        ci = self.end_of(runs[0])
        self.assertEqual(ci["trust"], "untrusted")
        self.assert_logged(ci["jobs"][0], "secret <false>")
        deploy = self.followed(ci)
        self.assertEqual((deploy["trust"], deploy["sha"]), ("trusted", main))
        self.assert_logged(
            deploy["by_name"]["deploy"], "secret <true> owner 9",
            f"after CI run {ci['id']} number {ci['number']} attempt 1 at stranger "
            f"{self.repo.sha('stranger')} by pull_request",
            "from stranger/hello pulls  path .github/workflows/ci.yml .github/workflows/ci.yml is completed success")

    def test_a_failure_is_told_and_a_pull_request_of_the_repository_is_named(self):
        self.only(ci=CI, deploy=DEPLOY)
        self.repo.commit({"y": "1"}, branch="fails", start="main")
        self.repo.pull(32, "fails")
        ci = self.end_of(self.gantry.started("pull_request", self.repo.pull_event(32, "fails"))[0])
        self.assertEqual(ci["conclusion"], "failure")
        self.assertEqual(self.conclusions(self.followed(ci)), {"deploy": "skipped", "alarm": "success"})
        payload = self.gantry.api("/api/v3/repos/octo/hello/actions/runs/%d" % ci["id"]).json
        self.assertEqual(payload["conclusion"], "failure")

    def test_branches_and_names_that_are_not_listed_start_nothing_and_say_why(self):
        self.only(ci=CI, deploy=DEPLOY, other=CI.replace("name: CI", "name: Other"))
        sha = self.repo.commit({"z": "1"}, branch="wip/x", start="main")
        runs = [self.end_of(run) for run in self.gantry.started(
            "push", self.repo.push_event("refs/heads/wip/x", after=sha))]
        by_name = {run["workflow"]: run for run in runs}
        view = self.gantry.delivery(of(by_name["CI"]["id"]))
        self.assertEqual(view["runs"], [])
        self.assertIn("'wip/x' is not selected: 'wip/**' of branches-ignore decides", view["reason"])
        path = "/api/gantry/v1/deliveries/"
        self.assertEqual(self.gantry.api(path + of(by_name["Other"]["id"])).status, 404)
        self.assertEqual(self.gantry.api(path + of(by_name["CI"]["id"], "requested")).status, 404)

    def test_each_phase_is_told_and_a_rerun_is_not_requested_again(self):
        self.only(ci=CI, all=follow("CI", "All", "requested, in_progress, completed"))
        ci = self.pushed(self.repo.sha())
        for phase, saw in (("requested", "requested queued <>"),
                           ("in_progress", "in_progress in_progress <>"),
                           ("completed", "completed completed <success>")):
            self.assert_logged(self.followed(ci, phase=phase)["jobs"][0], "saw " + saw)
        self.assertEqual(self.gantry.api(
            f"/api/v3/repos/octo/hello/actions/runs/{ci['id']}/rerun", "POST", {}).status, 201)
        for phase in ("in_progress", "completed"):
            self.followed(ci, phase=phase, attempt=2)
        self.assertEqual(self.gantry.api("/api/gantry/v1/deliveries/" +
                                         of(ci["id"], "requested", 2)).status, 404)

    def test_a_chain_ends_after_three_levels(self):
        self.only(ci=CI, b=follow("CI", "B"), c=follow("B", "C"), d=follow("C", "D"),
                  e=follow("D", "E"))
        run = self.pushed(self.repo.sha())
        for name in "BCD":
            run = self.followed(run)
            self.assertEqual(run["workflow"], name)
        view = self.gantry.delivery(of(run["id"]))
        self.assertEqual((view["state"], view["runs"]), ("ignored", []))
        self.assertIn("chains of workflow_run", view["reason"])

    def test_a_workflow_with_errors_and_a_cancelled_run_are_told_too(self):
        self.only(ci=CI.replace("echo ", "sleep 60 #", 1),
                  d=follow("CI", "After"),
                  b="name: Broken\non: push\njobs: {}\n",
                  e=follow(".github/workflows/b.yml", "Broke"))
        runs = self.gantry.started("push", self.repo.push_event())
        for run in runs:
            if self.gantry.run(run)["status"] != "completed":
                path = f"/api/v3/repos/octo/hello/actions/runs/{run}/cancel"
                self.assertEqual(self.gantry.api(path, "POST", {}).status, 202)
        runs = [self.end_of(run) for run in runs]
        seen = {run["workflow"]: self.followed(run)["jobs"][0]["log"] for run in runs}
        self.assertEqual(len(seen), 2)
        self.assertTrue(any("saw completed completed <cancelled>" in log for log in seen.values()), seen)
        self.assertTrue(any("saw completed completed <startup_failure>" in log for log in seen.values()), seen)


class Interrupted(gantry_test.Case):
    """The repository does not answer when the first run ends, and gantryd is killed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        root = os.path.join(cls.folder, "served")
        os.makedirs(os.path.join(root, "octo"))
        cls.far = Repo(os.path.join(root, "octo/far"), "octo/far")
        cls.root, cls.port = root, gantry_test.free_port()
        served, cls.far.folder = cls.far.folder, f"http://127.0.0.1:{cls.port}/octo/far/.git"
        cls.gantry.repos.append(cls.far)
        cls.gantry.write_config()
        cls.far.folder = served
        cls.gantry.restart()

    def test_nothing_is_lost_and_nothing_comes_twice(self):
        server = unreachable_test.Server(self.root, self.port)
        self.addCleanup(lambda: server.close())
        self.far.commit({".github/workflows/ci.yml": CI.replace(
            "- run: echo", "- run: until [ -e ${{ vars.GATES }}/go ]; do sleep 0.1; done\n      - run: echo", 1),
            ".github/workflows/deploy.yml": follow("CI", "Deploy")})
        ci = self.gantry.started("push", self.far.push_event())[0]
        server.close()
        self.gantry.open_gate("go")
        self.gantry.finished(ci)
        guid = of(ci)
        wait_for(lambda: "waiting to be tried again" in
                 (self.gantry.own("/deliveries/" + guid)["reason"] or ""), "the delivery to wait")
        for _ in range(2):
            self.gantry.restart()
        server = unreachable_test.Server(self.root, self.port)
        runs = self.gantry.delivery(guid)["runs"]
        self.assertEqual(len(runs), 1)
        self.assertEqual(self.gantry.finished(runs[0])["conclusion"], "success")
        self.gantry.restart()
        self.assertEqual(self.gantry.delivery(guid)["runs"], runs)
        self.assertEqual(len(self.gantry.own("/runs?event=workflow_run&limit=100")["runs"]), 1)


if __name__ == "__main__":
    gantry_test.main()
