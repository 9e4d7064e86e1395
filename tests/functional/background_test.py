# SPDX-License-Identifier: MIT
"""Background and parallel steps: what they print, set, fail, and when they end."""
import gantry_test
from gantry_test import wait_for

HEAD = "on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n"


class Background(gantry_test.Case):
    """Jobs whose steps run beside each other."""

    def job(self, steps):
        return self.play(HEAD + steps)["jobs"][0]

    def own_lines(self, job):
        """What each step printed with `echo`, by its name, from its own part of the log."""
        said = {}
        for step in job["steps"]:
            lines = job["log"][step["log_first"]:step["log_end"]] if step["log_end"] else []
            said[step["name"]] = [line for line in lines if line.startswith("said ")]
        return said

    def test_each_step_s_output_stands_together(self):
        job = self.job("""
      - name: server
        id: server
        background: true
        run: |
          for i in 1 2 3; do echo "said server $i"; until [ -e $RUNNER_TEMP/$i ]; do sleep 0.02; done; done
          echo "::add-mask::hush-hush"
          echo "said server end"
      - name: client
        run: |
          for i in 1 2 3; do echo "said client $i"; touch $RUNNER_TEMP/$i; sleep 0.1; done
      - name: wait
        wait: server
      - name: last
        run: echo "said hush-hush"
""")
        self.assertEqual(job["conclusion"], "success")
        self.assertEqual(self.own_lines(job), {
            "Set up job": [], "Complete job": [], "wait": [], "last": ["said ***"],
            "server": ["said server 1", "said server 2", "said server 3", "said server end"],
            "client": ["said client 1", "said client 2", "said client 3"]})
        self.assertEqual([step["number"] for step in job["steps"]], list(range(1, 7)))

    def test_what_it_sets_counts_once_it_is_waited_for(self):
        job = self.job("""
      - id: bg
        background: true
        env: {OWN: mine}
        run: |
          echo "answer=42" >> "$GITHUB_OUTPUT"
          echo "COLOUR=blue" >> "$GITHUB_ENV"
          mkdir -p $RUNNER_TEMP/bin; printf '#!/bin/sh\\necho found\\n' > $RUNNER_TEMP/bin/tool-of-bg
          chmod +x $RUNNER_TEMP/bin/tool-of-bg
          echo "$RUNNER_TEMP/bin" >> "$GITHUB_PATH"
          touch $RUNNER_TEMP/done; sleep 0.2
      - env: {OUTCOME: "<${{ steps.bg.outcome }}>"}
        run: |
          until [ -e $RUNNER_TEMP/done ]; do sleep 0.02; done
          sleep 0.6
          echo "BESIDE=1" >> "$GITHUB_ENV"
      - run: |
          test "<${{ steps.bg.outcome }}${{ steps.bg.outputs.answer }}>" = "<>"
          test -z "$COLOUR"
          ! command -v tool-of-bg
      - wait-all:
      - run: |
          test "${{ steps.bg.outcome }} ${{ steps.bg.conclusion }} ${{ steps.bg.outputs.answer }}" = "success success 42"
          test "$COLOUR ${{ env.COLOUR }} $BESIDE" = "blue blue 1"
          test "$(tool-of-bg)" = found
          test -z "$OWN"
""")
        self.assertEqual(job["conclusion"], "success", job["log"])

    def test_a_wait_takes_over_the_failure(self):
        job = self.job("""
      - {id: bad, background: true, run: exit 3}
      - run: while kill -0 1 && [ ! -e $RUNNER_TEMP/x ]; do touch $RUNNER_TEMP/x; done; sleep 0.3
      - {name: goes on, run: echo still}
      - {name: wait, wait: [bad]}
      - {name: after, run: echo never}
      - {name: always, if: failure(), run: 'echo "said ${{ steps.bad.outcome }}"'}
""")
        self.assertEqual(job["conclusion"], "failure")
        by_name = {step["name"]: step["conclusion"] for step in job["steps"]}
        self.assertEqual([by_name[name] for name in ("goes on", "wait", "after", "always")],
                         ["success", "failure", "skipped", "success"])
        self.assert_logged(job, "said failure")

    def test_a_tolerated_failure_fails_nothing(self):
        job = self.job("""
      - {id: a, background: true, continue-on-error: true, run: exit 1}
      - {id: b, background: true, run: exit 1}
      - {name: wait for a, wait: a}
      - {name: wait for b, wait: b, continue-on-error: true}
      - run: test "${{ steps.a.outcome }} ${{ steps.a.conclusion }} ${{ steps.b.conclusion }}" = "failure success failure"
""")
        self.assertEqual(job["conclusion"], "success", job["log"])

    def test_one_that_nobody_waits_for_ends_before_the_job_and_counts(self):
        job = self.job("""
      - {name: late, background: true, run: 'until [ -e $RUNNER_TEMP/go ]; do sleep 0.02; done; sleep 0.3; echo "said late"; exit 4'}
      - run: touch $RUNNER_TEMP/go
""")
        self.assertEqual(job["conclusion"], "failure")
        self.assertEqual(self.own_lines(job)["late"], ["said late"])

    def test_cancel_ends_a_server_and_does_not_count(self):
        job = self.job("""
      - id: server
        background: true
        run: |
          trap 'echo "said stopping"; exit 1' INT TERM
          touch $RUNNER_TEMP/up
          while :; do sleep 0.05; done
      - run: until [ -e $RUNNER_TEMP/up ]; do sleep 0.02; done
      - {name: stop, cancel: server}
      - run: test "${{ steps.server.outcome }}" = cancelled
""")
        self.assertEqual(job["conclusion"], "success", job["log"])
        self.assertIn("said stopping", job["log"])

    def test_its_time_is_limited_also_while_others_run(self):
        job = self.job("""
      - {id: slow, background: true, timeout-minutes: 0.01, run: sleep 60}
      - {name: wait, wait: slow}
""")
        self.assertEqual(job["conclusion"], "failure")
        self.assertIn("##[error]The action 'Run sleep 60' has timed out after 0.01 minutes.", job["log"])

    def test_parallel_steps_run_at_once_and_are_waited_for(self):
        job = self.job("""
      - parallel:
          - id: left
            run: |
              touch $RUNNER_TEMP/left; until [ -e $RUNNER_TEMP/right ]; do sleep 0.02; done
              echo "side=left" >> $GITHUB_OUTPUT
          - id: right
            run: |
              touch $RUNNER_TEMP/right; until [ -e $RUNNER_TEMP/left ]; do sleep 0.02; done
              echo "side=right" >> $GITHUB_OUTPUT
      - run: test "${{ steps.left.outputs.side }} ${{ steps.right.outputs.side }}" = "left right"
""")
        self.assertEqual(job["conclusion"], "success", job["log"])

    def test_at_most_ten_run_at_once(self):
        steps = "".join(f"""
          - run: |
              mkdir -p $RUNNER_TEMP/on; touch $RUNNER_TEMP/on/{i}
              [ {i} -ge 10 ] || until [ $(ls $RUNNER_TEMP/on | wc -l) -ge 10 ] || [ -e $RUNNER_TEMP/full ]; do sleep 0.02; done
              touch $RUNNER_TEMP/full; sleep 0.3; ls $RUNNER_TEMP/on | wc -l >> $RUNNER_TEMP/seen
              rm $RUNNER_TEMP/on/{i}""" for i in range(13))
        job = self.job(f"""
      - parallel:{steps}
      - run: echo "most $(sort -n $RUNNER_TEMP/seen | tail -1) of $(wc -l < $RUNNER_TEMP/seen)"
""")
        self.assertEqual(job["conclusion"], "success", job["log"])
        self.assert_logged(job, "most 10 of 13")

    def test_posts_run_after_all_background_steps_in_reverse_order(self):
        # /bin/sh stands in for node: what counts is when pre, main and post are run.
        self.gantry.write_config(more="actions:\n  node: {node24: /bin/sh}\n")
        self.gantry.restart()

        def action(name):
            folder = f"actions/{name}/"
            return {folder + "action.yml":
                    f"name: {name}\nruns: {{using: node24, main: main.js, post: post.js}}\n",
                    folder + "main.js": f"sleep 0.3; echo said main {name}\n",
                    folder + "post.js": f"echo said post {name}\n"}
        job = self.play(HEAD + """
      - uses: actions/checkout@v4
      - {id: a, uses: ./actions/one, background: true}
      - {id: b, uses: ./actions/two, background: true}
""", {**action("one"), **action("two")})["jobs"][0]
        self.assertEqual(job["conclusion"], "success", job["log"])
        said = [line for line in job["log"] if line.startswith("said ")]
        self.assertEqual(said, ["said main one", "said main two", "said post two", "said post one"])

    def test_cancelling_the_job_ends_them(self):
        run = self.push(HEAD + """
      - {id: server, background: true, run: 'touch ${{ vars.GATES }}/x 2>/dev/null; while :; do sleep 0.05; done'}
      - run: sleep 60
      - {name: cleaned, if: always(), run: echo "said cleaned"}
""")
        wait_for(lambda: any(step["name"] == "Run sleep 60" and step["status"] == "in_progress"
                             for job in self.gantry.run(run)["jobs"] for step in job["steps"]),
                 "the second step to run")
        self.assertEqual(self.gantry.api(f"/api/v3/repos/octo/hello/actions/runs/{run}/cancel",
                                         "POST", {}).status, 202)
        job = self.end_of(run)["jobs"][0]
        self.assertEqual(job["conclusion"], "cancelled")
        self.assertIn("said cleaned", job["log"])


if __name__ == "__main__":
    gantry_test.main()
