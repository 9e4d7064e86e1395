# SPDX-License-Identifier: MIT
"""What steps see and do: environment, shells, file commands, masking, output, checkout."""
import subprocess
import os

import gantry_test
from gantry_test import BIN, processes, wait_for


class Steps(gantry_test.Case):
    def test_environment_and_defaults_nearer_ones_win(self):
        run = self.play("""
on: push
env: {A: workflow, B: workflow, C: workflow}
defaults: {run: {working-directory: top, shell: sh}}
jobs:
  one:
    runs-on: ubuntu-latest
    env: {B: job, C: job}
    steps:
      - uses: actions/checkout@v4
      - {run: 'echo "$A $B $C ${{ env.C }} $(basename $PWD) $COLOUR ${{ vars.COLOUR }}"', env: {C: step}}
      - {run: 'echo "$(basename $PWD) $0"', working-directory: other, shell: bash}
  two:
    runs-on: ubuntu-latest
    defaults: {run: {working-directory: other}}
    steps:
      - uses: actions/checkout@v4
      - run: 'echo "$(basename $PWD)"'
""", {"top/x": "", "other/x": ""})
        self.assertEqual(run["conclusion"], "success")
        self.assert_logged(run["by_name"]["one"], "workflow job step step top  green")
        self.assertRegex("\n".join(run["by_name"]["one"]["log"]), r"(?m)^other /.*\.sh$")
        self.assert_logged(run["by_name"]["two"], "other")

    def test_shells_fail_on_the_first_error_as_github_s_do(self):
        run = self.play("""
on: push
jobs:
  default: {runs-on: ubuntu-latest, steps: [{run: "false | true\\necho on\\nfalse\\necho never"}]}
  bash: {runs-on: ubuntu-latest, steps: [{shell: bash, run: "false | true\\necho never"}]}
  sh: {runs-on: ubuntu-latest, steps: [{shell: sh, run: "echo from sh"}]}
  python: {runs-on: ubuntu-latest, steps: [{shell: python3 {0}, run: "print(6 * 7)"}]}
  custom: {runs-on: ubuntu-latest, steps: [{shell: "awk -f {0}", run: "BEGIN { print 21 * 2 }"}]}
  none: {runs-on: ubuntu-latest, steps: [{shell: nosuchshell {0}, run: "x"}]}
""".replace("python3 {0}", "'python3 {0}'").replace("nosuchshell {0}", "'nosuchshell {0}'"))
        self.assertEqual(self.conclusions(run), {
            "default": "failure", "bash": "failure", "sh": "success", "python": "success",
            "custom": "success", "none": "failure"})
        self.assert_logged(run["by_name"]["default"], "on")
        for name in ("default", "bash"):
            self.assertNotIn("never", run["by_name"][name]["log"])
        self.assert_logged(run["by_name"]["python"], "42")
        self.assert_logged(run["by_name"]["custom"], "42")
        self.assertIn("nosuchshell", "\n".join(run["by_name"]["none"]["log"]))

    def test_file_commands_change_what_later_steps_see(self):
        run = self.play("""
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - id: first
        run: |
          echo "WORD=from a file" >> $GITHUB_ENV
          printf 'MANY<<END\\nline 1\\nline 2\\nEND\\n' >> $GITHUB_ENV
          mkdir bin && printf '#!/bin/sh\\necho mine' > bin/tool && chmod +x bin/tool
          echo "$PWD/bin" >> $GITHUB_PATH
          echo "answer=42" >> $GITHUB_OUTPUT
          echo "# Summary of it" >> $GITHUB_STEP_SUMMARY
          echo "<$WORD>"
      - run: |
          echo "$WORD|$MANY"
          tool
          echo "${{ steps.first.outputs.answer }} ${{ steps.first.outcome }} ${{ env.WORD }}"
      - {id: fails, run: exit 4, continue-on-error: true}
      - run: echo "${{ steps.fails.outcome }} ${{ steps.fails.conclusion }} ${{ job.status }}"
      - run: echo 'LD_PRELOAD=/x' >> $GITHUB_ENV; echo "bad line" >> $GITHUB_ENV
""")
        job = run["jobs"][0]
        self.assert_logged(job, "<>", "from a file|line 1", "line 2", "mine",
                           "42 success from a file", "failure success success")
        self.assertEqual(job["conclusion"], "failure")
        self.assertIn("bad line", "\n".join(job["log"]))

    def test_secrets_and_added_masks_never_reach_the_log(self):
        job = self.one_step("""
            echo "secret: $KEY, twice: $KEY$KEY"
            echo "base64: $(printf %s "$KEY" | base64)"
            printf 'split: s3cr3t-'; sleep 0.3; echo 'v4lue'
            echo "::add-mask::hush hush"
            echo "then hush hush"
            echo "::error::it is $KEY"
            echo "out=$KEY" >> $GITHUB_OUTPUT
            """, step="id: s\nenv: {KEY: '${{ secrets.DEPLOY_KEY }}'}",
                            job="outputs: {out: '${{ steps.s.outputs.out }}'}")
        self.assert_logged(job, "secret: ***, twice: ***", "base64: ***", "split: ***",
                           "then ***")
        self.assertEqual(job["annotations"][0]["message"], "it is ***")
        self.assertEqual(job["outputs"], {})
        found = subprocess.run(["grep", "-rlE", "s3cr3t-v4lue|hush hush", self.gantry.log_path,
                                self.folder + "/state/logs"], capture_output=True, text=True,
                               check=False).stdout.split()
        # The runner prints the script as it is written: the words after add-mask stand there.
        text = "\n".join(job["log"])
        self.assertNotIn("s3cr3t-v4lue", text)
        self.assertEqual([f for f in found if not f.endswith(f"/{job['id']}.log")], [])

    def test_a_background_process_lives_on_to_the_next_step_and_dies_with_the_job(self):
        run = self.play("""
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - run: |
          (while [ ! -e stop ]; do sleep 0.02; done; echo done > answer; exec sleep 7411) &
      - run: |
          touch stop
          until [ -s answer ]; do sleep 0.02; done
          cat answer
          setsid nohup sleep 7412 > /dev/null 2>&1 &
""")
        self.assertEqual(run["conclusion"], "success")
        self.assert_logged(run["jobs"][0], "done")
        wait_for(lambda: not processes("sleep\0007411") + processes("sleep\0007412"),
                 "background processes to die with the job", 10)

    def test_a_step_that_takes_too_long_is_ended(self):
        job = self.one_step("echo begun; sleep 600", step="timeout-minutes: 0.01")
        self.assertEqual(job["conclusion"], "failure")
        self.assertTrue(any("timed out" in a["message"] for a in job["annotations"]),
                        job["annotations"])

    def test_output_of_every_kind_is_kept_as_text(self):
        job = self.one_step(r"""
            printf 'nul:\000:end\n'
            printf 'bytes:\377\376:end\n'
            printf 'wide: \360\237\230\200 ok\n'
            printf 'return\r\n'
            printf '\n\n'
            printf 'error stream\n' >&2
            printf 'no newline at the end'
            """)
        self.assertEqual(job["conclusion"], "success")
        self.assert_logged(job, "bytes:\ufffd\ufffd:end", "wide: \U0001f600 ok", "return",
                           "error stream", "no newline at the end")
        self.assert_logged(job, "nul:\0:end")
        log = self.gantry.api(f"/api/gantry/v1/jobs/{job['id']}/log").body
        self.assertIn(b" bytes:\xff\xfe:end\n", log)  # kept as it was printed
        streamed = "".join(data["text"] for event, data
                           in self.gantry.events(f"/jobs/{job['id']}/log/stream") if event == "log")
        self.assertIn("bytes:\ufffd\ufffd:end", streamed)

    def test_a_hundred_megabytes_of_output_are_kept_and_served_by_line(self):
        run_id = self.push("""
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - run: yes 'a line of fifty bytes, which are repeated for long' | head -c 104857600
      - run: echo the end
""")
        run = self.gantry.finished(run_id)
        job = run["jobs"][0]
        self.assertEqual(job["conclusion"], "success")
        step = next(s for s in job["steps"] if s["name"].startswith("Run yes"))
        self.assertGreater(step["log_end"] - step["log_first"], 2_000_000)
        lines = self.gantry.api(
            f"/api/gantry/v1/jobs/{job['id']}/log?from={step['log_end'] - 2}&count=2").text
        self.assertEqual(len(lines.splitlines()), 2)
        self.assertIn("a line of fifty bytes", lines)
        tail = self.gantry.api(
            f"/api/gantry/v1/jobs/{job['id']}/log?from={job['log_lines'] - 20}").text
        self.assertIn("the end", tail)

    def test_logs_are_followed_live(self):
        run_id = self.push("""
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - run: |
          echo first
          until [ -e ${{ vars.GATES }}/follow ]; do sleep 0.05; done
          echo second
""")
        with subprocess.Popen([os.path.join(BIN, "gantry"), "--socket", self.gantry.socket, "logs",
                               "-f", str(run_id)], stdout=subprocess.PIPE, text=True) as follower:
            seen = []
            for line in follower.stdout:
                seen.append(line.rstrip("\n").split(" | ")[-1])
                if seen[-1] == "first":
                    wait_for(lambda: self.gantry.run(run_id)["status"] == "in_progress",
                             "the run to be told as running, a moment after its log")
                    self.gantry.open_gate("follow")
            self.assertIn("second", seen)
        self.assertEqual(follower.returncode, 0)


class Checkout(gantry_test.Case):
    def test_checkout_with_depth_path_and_ref(self):
        self.repo.commit({"file": "old"}, message="old")
        self.repo.git("tag", "old")
        self.repo.commit({"file": "side"}, message="side", branch="side", start="main")
        run = self.play("""
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: 'echo "shallow: $(git rev-list --count HEAD) $(git rev-parse HEAD) $(cat file)"'
      - {uses: actions/checkout@v4, with: {path: all, fetch-depth: 0}}
      - run: 'cd all && echo "deep: $(git rev-list --count HEAD) $(git tag) $(git status --porcelain | wc -l)"'
      - {uses: actions/checkout@v4, with: {path: tagged, ref: old}}
      - run: 'echo "tag: $(cat tagged/file)"'
      - {uses: actions/checkout@v4, with: {path: branched, ref: side}}
      - run: 'cd branched && echo "branch: $(cat file) $(git branch --show-current) $(git remote get-url origin)"'
""", {"file": "new"})
        job, sha = run["jobs"][0], self.repo.sha("main")
        self.assertEqual(job["conclusion"], "success", "\n".join(job["log"]))
        count = self.repo.git("rev-list", "--count", sha)
        self.assert_logged(job, f"shallow: 1 {sha} new", f"deep: {count} old 0", "tag: old",
                           "branch: side side https://github.com/octo/hello")

    def test_checkout_of_what_is_not_there_fails_with_its_name(self):
        run = self.play("""
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps: [{uses: actions/checkout@v4, with: {ref: nowhere}}]
""")
        self.assertEqual(run["conclusion"], "failure")
        self.assertIn("nowhere", "\n".join(run["jobs"][0]["log"]))

    def test_a_symlink_in_the_repository_does_not_lead_out(self):
        os.symlink("/etc/passwd", os.path.join(self.repo.folder, "link"))
        run = self.play("""
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: 'readlink link; rm link; ln -s /proc/self/root/etc out'
      - run: 'echo "hash ${{ hashFiles(''out/*'') }}"'
""")
        self.assert_logged(run["jobs"][0], "/etc/passwd")
        self.assertEqual(run["conclusion"], "failure")
        self.assertIn("leads out of the workspace", "\n".join(run["jobs"][0]["log"]))

    def test_an_action_that_is_not_supported_yet_is_named(self):
        run = self.play("""
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps: [{uses: actions/setup-nosuch@v1}]
""")
        self.assertIn(run["conclusion"], ("failure", "startup_failure"))
        told = [run["reason"]] + [a["message"] for j in run["jobs"] for a in j["annotations"]]
        told += [line for j in run["jobs"] for line in j.get("log", [])]
        self.assertIn("actions/setup-nosuch@v1", "\n".join(told))


if __name__ == "__main__":
    gantry_test.main()
