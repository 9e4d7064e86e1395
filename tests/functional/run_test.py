# SPDX-License-Identifier: MIT
"""How jobs of a run go together: needs, conditions, matrix, concurrency, cancelling, reruns."""
import time

import gantry_test
from gantry_test import processes, wait_for

WAIT = "until [ -e ${{ vars.GATES }}/%s ]; do sleep 0.05; done"


def job(name, script="true", more=""):
    return (f"  {name}:\n    runs-on: ubuntu-latest\n{more}"
            f"    steps: [{{run: '{script}'}}]\n")


class Jobs(gantry_test.Case):
    def test_needs_and_conditions_decide_which_jobs_run(self):
        run = self.play("on: push\njobs:\n" + job("good") + job("bad", "exit 1")
                        + job("plain", more="    needs: [good, bad]\n")
                        + job("always", more="    needs: bad\n    if: always()\n")
                        + job("failed", more="    needs: bad\n    if: failure()\n")
                        + job("cancelled", more="    needs: bad\n    if: cancelled()\n")
                        + job("later", more="    needs: always\n")
                        + job("false", more="    if: ${{ github.ref == 'refs/heads/x' }}\n")
                        + job("true", more="    if: github.ref_name == 'main'\n"))
        self.assertEqual(self.conclusions(run), {
            "good": "success", "bad": "failure", "plain": "skipped", "always": "success",
            "failed": "success", "cancelled": "skipped", "later": "skipped", "false": "skipped",
            "true": "success"})
        self.assertEqual(run["conclusion"], "failure")

    def test_outputs_pass_from_step_to_job_to_needs(self):
        run = self.play("on: push\njobs:\n" + """
  first:
    runs-on: ubuntu-latest
    outputs: {word: "${{ steps.say.outputs.word }}", lines: "${{ steps.say.outputs.lines }}"}
    steps:
      - id: say
        run: |
          echo "word=heureka" >> $GITHUB_OUTPUT
          printf 'lines<<EOF\\none\\ntwo\\nEOF\\n' >> $GITHUB_OUTPUT
  second:
    needs: first
    runs-on: ubuntu-latest
    steps:
      - run: |
          echo "${{ needs.first.result }} ${{ needs.first.outputs.word }}"
          echo '${{ toJSON(needs.first.outputs.lines) }}'
""")
        self.assertEqual(run["conclusion"], "success")
        self.assert_logged(run["by_name"]["second"], "success heureka", '"one\\ntwo"')
        self.assertEqual(run["by_name"]["first"]["outputs"],
                         {"word": "heureka", "lines": "one\ntwo"})

    def test_fail_fast_cancels_the_other_legs(self):
        run = self.play("on: push\njobs:\n" + job(
            "leg", 'if [ ${{ matrix.n }} = 1 ]; then exit 1; else sleep 60; fi',
            "    strategy: {matrix: {n: [1, 2, 3]}}\n"))
        self.assertEqual(self.conclusions(run), {"leg (1)": "failure", "leg (2)": "cancelled",
                                                 "leg (3)": "cancelled"})

    def test_continue_on_error_lets_a_leg_fail_without_harm(self):
        run = self.play("on: push\njobs:\n" + job(
            "leg", "exit ${{ matrix.code }}",
            "    continue-on-error: ${{ matrix.code == 1 }}\n"
            "    strategy: {matrix: {code: [0, 1]}}\n") + job("after", more="    needs: leg\n"))
        self.assertEqual(run["conclusion"], "success")
        self.assertEqual(self.conclusions(run), {"leg (0)": "success", "leg (1)": "failure",
                                                 "after": "success"})

    def test_max_parallel_lets_only_so_many_legs_run_at_once(self):
        run = self.play("on: push\njobs:\n" + job(
            "leg", "sleep 0.3", "    strategy: {max-parallel: 1, matrix: {n: [1, 2, 3]}}\n"))
        self.assertEqual(run["conclusion"], "success")
        spans = sorted((j["started_at"], j["completed_at"]) for j in run["jobs"])
        self.assertTrue(all(before[1] <= after[0] for before, after in zip(spans, spans[1:])),
                        spans)

    def test_include_and_exclude_shape_the_matrix(self):
        run = self.play("on: push\njobs:\n" + job(
            "leg", "echo ${{ matrix.os }} ${{ matrix.v }} ${{ matrix.extra }}",
            "    strategy:\n      matrix:\n        os: [a, b]\n        v: [1, 2]\n"
            "        exclude: [{os: a, v: 2}]\n"
            "        include: [{os: b, v: 2, extra: more}, {os: c, v: 3}]\n"))
        self.assertEqual(set(self.conclusions(run)),
                         {"leg (a, 1)", "leg (b, 1)", "leg (b, 2)", "leg (c, 3)"})
        self.assert_logged(run["by_name"]["leg (b, 2)"], "b 2 more")

    def test_timeout_minutes_ends_a_job_and_says_so(self):
        run = self.play("on: push\njobs:\n" + job("slow", "sleep 600",
                                                  "    timeout-minutes: 0.02\n"))
        self.assertIn(self.conclusions(run)["slow"], ("cancelled", "timed_out", "failure"))
        messages = [a["message"] for a in run["jobs"][0]["annotations"]] + [run["jobs"][0]["reason"]]
        self.assertTrue(any("exceeded the maximum execution time" in m for m in messages), messages)

    def test_an_unknown_label_fails_the_job_naming_those_on_offer(self):
        run = self.play("on: push\njobs:\n" +
                        job("far").replace("ubuntu-latest", "[self-hosted, windows-95]"))
        self.assertEqual(self.conclusions(run), {"far": "failure"})
        self.assertIn("windows-95", run["jobs"][0]["reason"])
        self.assertIn("ubuntu-latest", run["jobs"][0]["reason"])

    def test_a_newer_run_of_a_concurrency_group_cancels_the_one_in_progress(self):
        text = ("on: push\nconcurrency: {group: 'g-${{ github.ref }}', cancel-in-progress: true}\n"
                "jobs:\n" + job("one", "sleep 60"))
        first = self.push(text)
        wait_for(lambda: self.gantry.run(first)["status"] == "in_progress", "the first to run")
        second = self.push(text.replace("sleep 60", "echo quick"))
        self.assertEqual(self.gantry.finished(first)["conclusion"], "cancelled")
        self.assertEqual(self.gantry.finished(second)["conclusion"], "success")

    def test_a_concurrency_group_runs_one_at_a_time_and_keeps_only_the_newest_waiting(self):
        text = "on: push\nconcurrency: deploy\njobs:\n" + job("one", WAIT % "deploy")
        first, second, third = (self.push(text, {"n": str(n)}) for n in range(3))
        self.assertEqual(self.gantry.finished(second)["conclusion"], "cancelled")
        self.assertNotIn(self.gantry.run(third)["status"], ("in_progress", "completed"))
        self.gantry.open_gate("deploy")
        ended = self.gantry.finished(first), self.gantry.finished(third)
        self.assertEqual([run["conclusion"] for run in ended], ["success", "success"])
        self.assertLessEqual(ended[0]["completed_at"], ended[1]["jobs"][0]["started_at"])


class Steering(gantry_test.Case):
    """Cancel, rerun and dispatch, by API and CLI."""

    def test_cancel_is_heard_while_files_are_hashed(self):
        run_id = self.push("on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n"
                           "      - run: truncate -s 4T endless; echo made\n"
                           "      - run: echo ${{ hashFiles('endless') }}\n"
                           "      - {if: always(), run: \"echo then ${{ hashFiles('none') }}.\"}\n")
        job = wait_for(lambda: self.gantry.run(run_id)["jobs"], "the job")[0]["id"]
        wait_for(lambda: "made" in self.gantry.job_log(job), "the file")
        asked = time.monotonic()
        self.assertEqual(self.gantry.post(f"/runs/{run_id}/cancel").status, 202)
        run = self.end_of(run_id)
        self.assertEqual(run["conclusion"], "cancelled")
        self.assertLess(time.monotonic() - asked, 20)
        self.assert_logged(run["jobs"][0], "then .")

    def test_cancel_kills_the_whole_tree_and_runs_what_asks_for_it(self):
        script = ("trap \"\" INT TERM; (trap \"\" INT TERM; setsid sleep 7321 & "
                  "nohup sleep 7322 & wait) & echo up; sleep 7323")
        run_id = self.push(f"on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n"
                           f"      - run: '{script}'\n"
                           "      - {if: always(), run: echo always}\n"
                           "      - {if: cancelled(), run: echo cancelled}\n"
                           "      - run: echo never\n")
        wait_for(lambda: processes("sleep\0007323") and processes("sleep\0007321"), "the step")
        self.assertEqual(self.gantry.post(f"/runs/{run_id}/cancel").status, 202)
        run = self.end_of(run_id)
        self.assertEqual((run["conclusion"], run["jobs"][0]["conclusion"]),
                         ("cancelled", "cancelled"))
        self.assertEqual([s["conclusion"] for s in run["jobs"][0]["steps"][1:5]],
                         ["cancelled", "success", "success", "skipped"])
        for word in ("sleep\0007321", "sleep\0007322", "sleep\0007323"):
            self.assertEqual(processes(word), [])
        self.assertEqual(self.gantry.post(f"/runs/{run_id}/cancel").status, 409)

    def test_a_cancelled_run_leaves_what_waits_unstarted(self):
        run_id = self.push("on: push\njobs:\n" + job("one", "sleep 60")
                           + job("two", more="    needs: one\n")
                           + job("tidy", more="    needs: one\n    if: always()\n"))
        wait_for(lambda: self.gantry.run(run_id)["status"] == "in_progress", "the run to start")
        self.gantry.cli("cancel", str(run_id))
        run = self.end_of(run_id)
        self.assertEqual(run["conclusion"], "cancelled")
        self.assertEqual(run["by_name"]["one"]["conclusion"], "cancelled")
        self.assertIn(run["by_name"]["two"]["conclusion"], ("cancelled", "skipped"))

    def test_rerun_of_all_failed_or_one_job_makes_attempts(self):
        run = self.play("on: push\njobs:\n" + job("good") + job("bad", "exit 1")
                        + job("after", more="    needs: bad\n"))
        path = f"/runs/{run['id']}"
        first = {j["name"]: j["id"] for j in run["jobs"]}
        self.assertEqual(self.gantry.post(path + "/rerun", {"failed_only": True}).status, 201)
        second = self.gantry.finished(run["id"])
        self.assertEqual((second["attempt"], second["number"]), (2, run["number"]))
        ids = {j["name"]: j["id"] for j in second["jobs"]}
        self.assertNotEqual(ids["bad"], first["bad"])
        self.assertEqual({j["name"]: j["conclusion"] for j in second["jobs"]},
                         {"good": "success", "bad": "failure", "after": "skipped"})
        self.gantry.cli("rerun", str(run["id"]))
        third = self.gantry.finished(run["id"])
        self.assertEqual(third["attempt"], 3)
        good = next(j["id"] for j in third["jobs"] if j["name"] == "good")
        self.assertNotIn(good, first.values())
        self.gantry.cli("rerun", str(run["id"]), "--job", str(good))
        self.assertEqual(self.gantry.finished(run["id"])["attempt"], 4)
        self.assertEqual({j["id"] for j in self.gantry.run(run["id"], attempt=1)["jobs"]},
                         set(first.values()))

    def test_a_run_in_progress_is_not_rerun(self):
        run_id = self.push("on: push\njobs:\n" + job("one", WAIT % "no-rerun"))
        self.assertEqual(self.gantry.post(f"/runs/{run_id}/rerun").status, 409)
        self.gantry.open_gate("no-rerun")
        self.gantry.finished(run_id)

    DISPATCH = """
on:
  workflow_dispatch:
    inputs:
      level: {type: choice, options: [low, high], default: low}
      count: {type: number, default: 3}
      dry: {type: boolean, default: true}
      who: {required: true}
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - run: echo "${{ inputs.level }} ${{ inputs.count }} ${{ inputs.dry && 'dry' || 'wet' }}
          ${{ github.event.inputs.who }} $GITHUB_EVENT_NAME $GITHUB_REF"
"""

    def dispatch(self, **body):
        return self.gantry.api(
            "/api/v3/repos/octo/hello/actions/workflows/by-hand.yml/dispatches", "POST", body)

    def test_workflow_dispatch_checks_inputs_and_runs(self):
        self.push("on: push\njobs:\n" + job("one"),
                  {".github/workflows/by-hand.yml": self.DISPATCH})
        for inputs, word in (({}, "who"), ({"who": "x", "level": "middle"}, "level"),
                             ({"who": "x", "nosuch": "1"}, "nosuch")):
            answer = self.dispatch(ref="main", inputs=inputs)
            self.assertEqual(answer.status, 422, answer.text)
            self.assertIn(word, answer.json["message"])
        answer = self.dispatch(ref="main", inputs={"who": "api", "count": "5"})
        self.assertEqual(answer.status, 204, answer.text)
        found = self.gantry.own("/runs?event=workflow_dispatch")["runs"]
        run = self.end_of(found[0]["id"])
        self.assert_logged(run["jobs"][0], "low 5 dry api workflow_dispatch refs/heads/main")
        out = self.gantry.cli("dispatch", "by-hand.yml", "-R", "octo/hello", "-r", "main", "-f",
                              "who=cli", "-f", "dry=false", "-f", "level=high").stdout
        run = self.end_of(int(out.split()[2].rstrip(";")))
        self.assert_logged(run["jobs"][0], "high 3 wet cli workflow_dispatch refs/heads/main")

    def test_dispatch_of_what_is_not_there_says_so(self):
        self.push("on: push\njobs:\n" + job("one"),
                  {".github/workflows/by-hand.yml": self.DISPATCH})
        answer = self.dispatch(ref="nowhere", inputs={"who": "x"})
        self.assertIn(answer.status, (404, 422))
        self.assertIn("nowhere", answer.json["message"])
        answer = self.gantry.api(
            "/api/v3/repos/octo/hello/actions/workflows/ci.yml/dispatches", "POST", {"ref": "main"})
        self.assertEqual(answer.status, 422)
        self.assertIn("workflow_dispatch", answer.json["message"])


if __name__ == "__main__":
    gantry_test.main()
