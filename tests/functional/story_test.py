# SPDX-License-Identifier: MIT
"""The whole story: a push becomes matrix jobs, checks at GitHub and history, whatever is killed."""
import collections
import signal

import gantry_test
from gantry_test import wait_for

STORY = """
name: Story
run-name: Story of ${{ github.actor }}
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    strategy:
      fail-fast: false
      matrix:
        compiler: [gcc, clang]
        mode: [debug, release]
    outputs:
      gcc-debug: ${{ steps.make.outputs.gcc-debug }}
      clang-release: ${{ steps.make.outputs.clang-release }}
    steps:
      - uses: actions/checkout@v4
      - id: make
        run: |
          leg=${{ matrix.compiler }}-${{ matrix.mode }}
          echo "making $leg of $(cat source.txt)"
          until [ -e ${{ vars.GATES }}/gate-of-run ]; do sleep 0.05; done
          echo "$leg=made by leg ${{ strategy.job-index }}" >> $GITHUB_OUTPUT
          echo "made $leg"
  report:
    needs: build
    runs-on: ubuntu-latest
    steps:
      - run: echo "${{ needs.build.outputs.gcc-debug }}, ${{ needs.build.outputs.clang-release }}"
  lint:
    runs-on: ubuntu-latest
    steps:
      - name: Lint
        run: |
          echo "## 9 findings" >> $GITHUB_STEP_SUMMARY
          for i in $(seq 9); do echo "::error file=src/a.c,line=$i,title=Style::finding $i"; done
          exit 3
MORE"""
# GitHub takes 50 annotations a request, and a step may make 10 of each level.
STORY = STORY.replace("MORE", 4 * """
      - if: always()
        run: |
          for i in $(seq 12); do
            echo "::warning file=src/b.c,line=$i::warning $i"
            echo "::notice file=src/b.c,line=$i::notice $i"
          done
""")
LEGS = [f"build ({compiler}, {mode})" for compiler in ("gcc", "clang")
        for mode in ("debug", "release")]


class Story(gantry_test.Case):
    with_github = True
    keys = {"jobs": 6}

    def push_story(self, gate):
        self.github.control("clear")
        workflow = STORY.replace("gate-of-run", gate)
        return self.push(workflow, {"source.txt": "the source"}, message="Tell a story")

    def checks_by_name(self):
        return {check["name"].removeprefix("Story / "): check
                for check in self.github.checks(self.repo.sha())}

    def wait_told(self, run):
        """Until the stand-in knows every job of the run as gantryd does."""
        wanted = {job["name"]: job["conclusion"] for job in run["jobs"]}

        def told():
            checks = self.checks_by_name()
            return all(name in checks and checks[name]["conclusion"] == conclusion
                       for name, conclusion in wanted.items())
        wait_for(told, f"the stand-in to be told {wanted}; it knows: "
                 f"{[(c['name'], c['status'], c['conclusion']) for c in self.github.checks()]}")

    def assert_told_once(self, run):
        state = self.github.state()
        self.assertEqual(state["violations"], [])
        checks = [c for c in state["check_runs"] if c["head_sha"] == run["sha"]]
        twice = [key for key, count in
                 collections.Counter(c["external_id"] for c in checks).items() if count > 1]
        self.assertEqual(twice, [], "a job has two check runs")
        for check in checks:
            order = [{"queued": 0, "in_progress": 1, "completed": 2}[s] for s in check["history"]]
            self.assertEqual(order, sorted(order), check["name"])

    def test_1_push_to_checks_with_a_kill_in_the_middle_of_the_matrix(self):
        run_id = self.push_story("story")

        def all_legs_run():
            checks = self.checks_by_name()
            return all(checks.get(leg, {}).get("status") == "in_progress" for leg in LEGS)
        wait_for(all_legs_run, "four legs to be in progress at the stand-in")
        # At once and not in the end: a job that fails is told while others run.
        wait_for(lambda: self.checks_by_name().get("lint", {}).get("conclusion") == "failure",
                 "the failed lint to be told")
        self.assertEqual(self.gantry.run(run_id)["status"], "in_progress")
        self.gantry.restart(signal.SIGKILL)
        self.gantry.open_gate("story")
        run = self.end_of(run_id)
        self.wait_told(run)

        self.assertEqual(run["conclusion"], "failure")
        self.assertEqual(run["title"], "Story of mona")
        self.assertEqual(self.conclusions(run), {**{leg: "success" for leg in LEGS},
                                                 "report": "success", "lint": "failure"})
        self.assert_logged(run["by_name"]["report"], "made by leg 0, made by leg 3")
        for leg in LEGS:
            name = leg[len("build ("):-1].replace(", ", "-")
            log = run["by_name"][leg]["log"]
            self.assertEqual([log.count("making " + name + " of the source"),
                              log.count("made " + name)], [1, 1], log)
        self.assert_told_once(run)

        lint = self.checks_by_name()["lint"]
        findings = [a for a in lint["annotations"] if a["path"] == "src/a.c"]
        self.assertEqual([a["start_line"] for a in findings], list(range(1, 10)))
        self.assertEqual(findings[8]["message"], "finding 9")
        self.assertEqual(findings[0]["title"], "Style")
        self.assertIn("Process completed with exit code 3.",
                      [a["message"] for a in lint["annotations"]])
        self.assertIn("## 9 findings", lint["output"]["summary"])
        self.assertIn("http://127.0.0.1", lint["details_url"])
        sizes = [len(r["body"].get("output", {}).get("annotations", []))
                 for r in self.github.state()["requests"]
                 if r.get("body") and "output" in r["body"]]
        self.assertEqual(max(sizes), 50)
        self.assertEqual(len(lint["annotations"]), 9 + 1 + 4 * 20)
        type(self).story = run

    def test_2_api_tells_the_same_in_githubs_shape(self):
        run = self.story
        base = "/api/v3/repos/octo/hello/actions"
        listed = self.gantry.api(base + "/runs?branch=main&status=failure").json
        self.assertEqual([r["id"] for r in listed["workflow_runs"]], [run["id"]])
        self.assertEqual(listed["workflow_runs"][0]["display_title"], "Story of mona")
        jobs = self.gantry.api(f"{base}/runs/{run['id']}/jobs").json
        self.assertEqual(jobs["total_count"], 6)
        lint = next(job for job in jobs["jobs"] if job["name"] == "lint")
        self.assertEqual([(s["name"], s["conclusion"]) for s in lint["steps"][:2]],
                         [("Set up job", "success"), ("Lint", "failure")])
        log = self.gantry.api(f"{base}/jobs/{lint['id']}/logs")
        self.assertIn(log.status, (200, 302))
        annotations = self.gantry.api(
            f"/api/v3/repos/octo/hello/check-runs/{lint['id']}/annotations?per_page=50&page=2")
        self.assertEqual(len(annotations.json), 40)

    def test_3_a_rerequested_check_run_starts_a_new_attempt(self):
        run = self.story
        before = {c["external_id"] for c in self.github.checks()}
        lint = self.checks_by_name()["lint"]
        answer, guid = self.gantry.deliver("check_run", {
            "action": "rerequested", "repository": self.repo.view(), "installation": {"id": 7},
            "sender": {"login": "hubot", "id": 5},
            "check_run": {"id": lint["id"], "name": "lint", "head_sha": run["sha"],
                          "external_id": lint["external_id"],
                          "check_suite": {"id": 1}, "app": {"id": 1}}})
        self.assertEqual(answer.status, 202)
        self.gantry.delivery(guid)
        again = self.gantry.finished(run["id"])
        self.assertEqual(again["attempt"], 2)
        self.assertEqual(again["triggering_actor"], "hubot")

        def new_check():
            return [c for c in self.github.checks(run["sha"])
                    if c["external_id"] not in before and c["status"] == "completed"]
        checks = wait_for(new_check, "a check run of the second attempt")
        self.assertEqual([(c["name"], c["conclusion"]) for c in checks], [("Story / lint", "failure")])
        self.assertEqual(self.gantry.run(run["id"], attempt=1)["jobs"][0]["attempt"], 1)
        self.assert_told_once(run)

    def test_4_github_fails_in_every_way_and_is_told_all_in_the_end(self):
        writes = "(POST|PATCH) /repos/octo/hello/check-runs"
        for mode, more in (("status", {"status": 401}),
                           ("status", {"status": 403, "headers": {"Retry-After": "1"},
                                       "body": {"message": "You have exceeded a secondary rate "
                                                "limit. Please wait."}}),
                           ("status", {"status": 429, "headers": {"Retry-After": "1"}}),
                           ("status", {"status": 500}), ("reset_before", {}),
                           ("reset_after", {}), ("status_after", {"status": 502}),
                           ("slow", {"seconds": 1})):
            with self.subTest(mode=mode, **more):
                gate = f"fails-{mode}-{more.get('status', 0)}"
                workflow = STORY.replace("gate-of-run", gate).replace("[gcc, clang]", "[gcc]")
                self.github.control("clear")
                self.github.fail(writes, mode, times=2, skip=1, **more)
                run_id = self.push(workflow)
                self.gantry.open_gate(gate)
                run = self.end_of(run_id)
                self.wait_told(run)
                self.assertEqual(self.github.state()["failures_left"], 0)
                self.assert_told_once(run)


class TokensOfJobs(gantry_test.Case):
    """Deliveries that the App's own bot caused."""
    with_github = True

    def test_what_a_job_s_token_does_starts_only_dispatches(self):
        self.repo.workflow("on: {push: , repository_dispatch: }\njobs:\n  a:\n"
                           "    runs-on: ubuntu-latest\n    steps: [run: 'true']\n")
        own, other = ({"login": login, "id": 5, "type": "Bot"}
                      for login in ("gantry-test[bot]", "dependabot[bot]"))
        self.github.fail("GET /app$", "status", status=503)
        _, guid = self.gantry.deliver("push", dict(self.repo.push_event(), sender=own))
        view = self.gantry.delivery(guid)  # once GitHub has said who the App is
        self.assertEqual((view["state"], view["runs"]), ("ignored", []))
        self.assertIn("made with a job's token", view["reason"])
        sha = self.repo.commit({"x": "1"})
        runs = self.gantry.started("push", dict(self.repo.push_event(after=sha), sender=other))
        runs += self.gantry.started("repository_dispatch", {
            "action": "go", "branch": "main", "client_payload": {}, "repository": self.repo.view(),
            "sender": own, "installation": {"id": 7}})
        self.assertEqual([self.gantry.finished(run)["actor"] for run in runs],
                         ["dependabot[bot]", "gantry-test[bot]"])


if __name__ == "__main__":
    gantry_test.main()
