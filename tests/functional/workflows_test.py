# SPDX-License-Identifier: MIT
"""Workflows as large projects write them; each asserts from inside that it ran as it should."""
import os
import pwd
import signal

import gantry_test
from gantry_test import Repo, wait_for

RUNS = "runs-on: ubuntu-latest"


def called(name):
    return f".github/workflows/{name}"


BUILD = f"""
name: Build
on:
  workflow_call:
    inputs:
      target: {{type: string, required: true}}
      checks: {{type: boolean, default: true}}
      level: {{type: number, default: 2}}
    secrets:
      KEY: {{required: true}}
    outputs:
      artifact:
        description: what was made
        value: ${{{{ jobs.pack.outputs.name }}}}
jobs:
  compile:
    {RUNS}
    steps:
      - run: |
          echo "target ${{{{ inputs.target }}}} checks ${{{{ inputs.checks == true }}}} level ${{{{ inputs.level + '' }}}}"
          test "${{{{ secrets.KEY }}}}" = "s3cr3t-v4lue-x"
          test "${{{{ secrets.DEPLOY_KEY }}}}" = ""
          test "$GITHUB_JOB" = compile
          test "$GITHUB_EVENT_NAME" = push
          test "$GITHUB_WORKFLOW" = CI
          test "${{{{ vars.COLOUR }}}}" = green
          test "$OUTER" = ""
  pack:
    name: pack ${{{{ inputs.target }}}}
    needs: compile
    {RUNS}
    outputs:
      name: ${{{{ steps.make.outputs.name }}}}
    steps:
      - id: make
        run: echo "name=${{{{ inputs.target }}}}.tar" >> "$GITHUB_OUTPUT"
""".replace("${{ inputs.level + '' }}", "${{ inputs.level }}")

CALLER = f"""
name: CI
on: push
env: {{OUTER: "not for the called"}}
jobs:
  plan:
    {RUNS}
    outputs: {{targets: "${{{{ steps.t.outputs.list }}}}"}}
    steps:
      - id: t
        run: echo 'list=["linux","mac"]' >> "$GITHUB_OUTPUT"
  build:
    needs: plan
    strategy: {{matrix: {{target: "${{{{ fromJSON(needs.plan.outputs.targets) }}}}"}}}}
    uses: ./.github/workflows/build.yml
    with: {{target: "${{{{ matrix.target }}}}", level: 3}}
    secrets: {{KEY: "${{{{ secrets.DEPLOY_KEY }}}}-x"}}
  publish:
    needs: build
    {RUNS}
    steps:
      - run: |
          case "${{{{ needs.build.outputs.artifact }}}}" in linux.tar|mac.tar) ;; *) exit 1 ;; esac
          test "${{{{ needs.build.result }}}}" = success
"""


class Reusable(gantry_test.Case):
    """Reusable workflows: local and remote, with inputs, secrets, outputs, matrix and cancelling."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shared = Repo(os.path.join(cls.folder, "shared"), "octo/shared")
        cls.gantry.repos.append(cls.shared)
        cls.gantry.write_config()
        cls.gantry.restart(signal.SIGTERM)

    def test_a_matrix_of_calls_gives_inputs_and_secrets_and_gets_outputs(self):
        run = self.play(CALLER, {called("build.yml"): BUILD})
        self.assertEqual(self.conclusions(run), dict.fromkeys(
            ["plan", "build (linux) / compile", "build (linux) / pack linux",
             "build (mac) / compile", "build (mac) / pack mac", "publish"], "success"))
        self.assert_logged(run["by_name"]["build (mac) / compile"],
                           "target mac checks true level 3")

    def test_a_remote_workflow_is_read_at_its_ref_and_calls_its_neighbour(self):
        inner = f"on: {{workflow_call: }}\njobs:\n  deep:\n    {RUNS}\n" \
                "    steps: [{run: 'echo deep in $GITHUB_REPOSITORY'}]\n"
        outer = "on: {workflow_call: }\njobs:\n  mid: {uses: ./.github/workflows/inner.yml}\n"
        self.shared.commit({called("inner.yml"): inner, called("outer.yml"): outer})
        self.shared.git("tag", "-f", "v1")
        self.shared.commit({called("inner.yml"): inner.replace("deep in", "later in")})
        run = self.play("on: push\njobs:\n  far:\n"
                        "    uses: octo/shared/.github/workflows/outer.yml@v1\n")
        self.assertEqual(self.conclusions(run), {"far / mid / deep": "success"})
        self.assert_logged(run["jobs"][0], "deep in octo/hello")

    def assert_broken(self, workflow, words, files=None):
        run = self.play(workflow, files)
        self.assertEqual(run["conclusion"], "startup_failure", run)
        told = " ".join(a["message"] for job in run["jobs"] for a in job["annotations"])
        self.assertIn(words, told)

    def test_calls_that_cannot_be_made_break_the_run_with_the_reason(self):
        call = "on: push\njobs: {a: {uses: NAME}}\n"
        self.assert_broken(call.replace("NAME", "evil/other/.github/workflows/x.yml@main"),
                           "'evil/other' is not allowed here")
        self.assert_broken(call.replace("NAME", "octo/shared/.github/workflows/no.yml@main"),
                           "octo/shared/.github/workflows/no.yml")
        self.assert_broken(call.replace("NAME", "./.github/workflows/nowhere.yml"),
                           "was not found")
        self.assert_broken("on: [push, workflow_call]\njobs: {a: {uses: ./.github/workflows/ci.yml}}\n",
                           "Nested reusable workflow depth exceeded 9")
        self.shared.commit({called("c.yml"): f"on: {{workflow_call: }}\njobs:\n  a:\n    {RUNS}\n"
                                             "    container: debian\n    steps: [{run: 'true'}]\n"})
        self.assert_broken(call.replace("NAME", "octo/shared/.github/workflows/c.yml@main"),
                           "c.yml@main:5: 'container' is not supported")

    def test_permissions_beyond_the_callers_are_refused(self):
        wide = f"on: {{workflow_call: }}\npermissions: {{contents: write}}\njobs:\n  a:\n    {RUNS}\n" \
               "    steps: [{run: 'true'}]\n"
        call = "on: push\npermissions: {contents: read}\n" \
               "jobs: {a: {uses: ./.github/workflows/wide.yml}}\n"
        self.assert_broken(call, "is requesting 'contents: write', but is only allowed "
                                 "'contents: read'", {called("wide.yml"): wide})
        self.repo.commit({}, remove=[called("wide.yml")])

    def test_a_call_goes_on_after_kill_9_and_after_a_rerun_of_what_failed(self):
        inner = f"""
on: {{workflow_call: }}
jobs:
  slow:
    {RUNS}
    steps: [{{run: "until [ -e ${{{{ vars.GATES }}}}/call ]; do sleep 0.02; done"}}]
  after:
    needs: slow
    {RUNS}
    steps: [{{run: "test ${{{{ github.run_attempt }}}} = 2"}}]
"""
        run = self.push(f"on: push\njobs:\n  call: {{uses: ./.github/workflows/slow.yml}}\n"
                        f"  last: {{needs: call, {RUNS}, steps: [{{run: 'true'}}]}}\n",
                        {called("slow.yml"): inner})
        wait_for(lambda: [j for j in self.gantry.run(run)["jobs"] if j["status"] == "in_progress"],
                 "the called job to run")
        self.gantry.restart(signal.SIGKILL)
        self.gantry.open_gate("call")
        first = self.end_of(run)
        self.assertEqual(self.conclusions(first), {"call / slow": "success",
                                                   "call / after": "failure", "last": "skipped"})
        self.assertEqual(self.gantry.post(f"/runs/{run}/rerun", {"failed_only": True}).status, 201)
        second = self.end_of(run)
        self.assertEqual(self.conclusions(second), dict.fromkeys(
            ["call / slow", "call / after", "last"], "success"))
        self.repo.commit({}, remove=[called("slow.yml")])

    def test_cancelling_a_run_cancels_what_it_called(self):
        inner = f"on: {{workflow_call: }}\njobs:\n  wait: {{{RUNS}, steps: [{{run: sleep 600}}]}}\n" \
                f"  tidy: {{needs: wait, if: always(), {RUNS}, steps: [{{run: 'true'}}]}}\n"
        run = self.push("on: push\njobs: {call: {uses: ./.github/workflows/wait.yml}}\n",
                        {called("wait.yml"): inner})
        wait_for(lambda: [j for j in self.gantry.run(run)["jobs"] if j["status"] == "in_progress"],
                 "the called job to run")
        self.assertEqual(self.gantry.post(f"/runs/{run}/cancel").status, 202)
        ended = self.end_of(run)
        self.assertEqual(self.conclusions(ended), {"call / wait": "cancelled",
                                                   "call / tidy": "success"})
        self.assertEqual(ended["conclusion"], "cancelled")
        self.repo.commit({}, remove=[called("wait.yml")])

    def test_a_called_workflow_keeps_its_group_to_itself(self):
        inner = f"""
on: {{workflow_call: }}
concurrency: one-at-a-time
jobs:
  enter:
    {RUNS}
    steps:
      - run: |
          mkdir "${{{{ vars.GATES }}}}/inside" 2>/dev/null || echo "read-only gates"
          until [ -e "${{{{ vars.GATES }}}}/go-${{{{ github.run_number }}}}" ]; do sleep 0.02; done
"""
        text = "name: groups\non: push\njobs: {call: {uses: ./.github/workflows/group.yml}}\n"
        files = {called("group.yml"): inner}
        first, second = self.push(text, files), self.push(text + "# again\n", files)
        number = {run: self.gantry.run(run)["number"] for run in (first, second)}
        wait_for(lambda: [j for j in self.gantry.run(first)["jobs"] if j["status"] == "in_progress"],
                 "the first call to run")
        self.assertEqual(self.gantry.run(second)["jobs"], [])
        self.gantry.open_gate(f"go-{number[second]}")
        self.gantry.open_gate(f"go-{number[first]}")
        ended = [self.end_of(run) for run in (first, second)]
        self.assertEqual([run["conclusion"] for run in ended], ["success", "success"])
        self.assertLessEqual(ended[0]["jobs"][0]["completed_at"], ended[1]["jobs"][0]["started_at"])
        self.repo.commit({}, remove=[called("group.yml")])


ME = pwd.getpwuid(os.getuid()).pw_name


class Environments(gantry_test.Case):
    """Environments as the config declares them: values, reviews, timers, refs."""
    keys = {"repository": f"""    environments:
      - {{name: Stage, vars_file: stage.vars, secrets_file: stage.secrets, branches: [main]}}
      - {{name: prod, reviewers: [{ME}, nobody-else]}}
      - {{name: others, reviewers: [somebody-else]}}
      - {{name: later, wait_minutes: 43200}}
"""}

    @classmethod
    def setUpClass(cls):
        folder = gantry_test.Gantry.write_config

        def with_files(gantry, *args):
            for name, text in (("stage.vars", "COLOUR=blue\n"),
                               ("stage.secrets", "DEPLOY_KEY=staged\n")):
                with open(os.path.join(gantry.folder, name), "w", encoding="utf-8",
                          opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                    file.write(text)
            folder(gantry, *args)
        gantry_test.Gantry.write_config = with_files
        try:
            super().setUpClass()
        finally:
            gantry_test.Gantry.write_config = folder

    def job(self, environment, script="true"):
        return f"""
on: push
jobs:
  before: {{{RUNS}, steps: [{{run: 'true'}}]}}
  deploy:
    needs: before
    {RUNS}
    environment: {environment}
    steps:
      - run: |
          {script}
"""

    def waiting(self, run):
        """The deploying job once it waits."""
        def found():
            jobs = [j for j in self.gantry.run(run)["jobs"] if j["status"] == "waiting"]
            return jobs[0] if jobs else None
        return wait_for(found, f"a job of run {run} to wait")

    def test_an_environments_values_win_and_an_undeclared_one_protects_nothing(self):
        check = 'test "${{ vars.COLOUR }} ${{ secrets.DEPLOY_KEY }}" = '
        run = self.play(self.job("{name: stage, url: 'https://x/${{ steps.a.outputs.u }}'}",
                                 check + '"blue staged"'))
        self.assertEqual(run["conclusion"], "success", run)
        run = self.play(self.job("preview-${{ github.ref_name }}",
                                 check + '"green s3cr3t-v4lue"'))
        self.assertEqual(run["conclusion"], "success", run)

    def test_a_ref_that_may_not_deploy_fails_the_job(self):
        sha = self.repo.workflow(self.job("stage"), branch="dev")
        event = self.repo.push_event("refs/heads/dev", after=sha)
        run = self.end_of(self.gantry.started("push", event)[0])
        self.assertEqual(self.conclusions(run), {"before": "success", "deploy": "failure"})
        self.assertIn("is not allowed to deploy to environment 'Stage'",
                      run["by_name"]["deploy"]["reason"])

    def test_a_job_waits_for_its_review_also_over_a_restart(self):
        run = self.push(self.job("prod"))
        self.assertIn("waiting for a review of environment 'prod'", self.waiting(run)["reason"])
        self.gantry.restart(signal.SIGKILL)
        self.waiting(run)
        self.gantry.cli("approve", str(run), "-m", "looks good")
        self.assertEqual(self.end_of(run)["conclusion"], "success")
        again = self.gantry.post(f"/runs/{run}/reviews")
        self.assertEqual(again.status, 409, again.text)

    def test_a_refusal_fails_the_job(self):
        run = self.push(self.job("prod"))
        self.waiting(run)
        self.gantry.cli("approve", str(run), "--reject")
        ended = self.end_of(run)
        self.assertEqual(self.conclusions(ended), {"before": "success", "deploy": "failure"})
        self.assertIn(f"was refused by {ME}", ended["by_name"]["deploy"]["reason"])

    def test_only_reviewers_may_approve_and_a_waiting_job_can_be_cancelled(self):
        run = self.push(self.job("others"))
        self.waiting(run)
        answer = self.gantry.post(f"/runs/{run}/reviews", {"verdict": "approved"})
        self.assertEqual(answer.status, 403, answer.text)
        self.assertIn("is reviewed by somebody-else", answer.text)
        self.assertEqual(self.gantry.post(f"/runs/{run}/reviews", {"verdict": "maybe"}).status, 422)
        self.waiting(run)
        self.gantry.post(f"/runs/{run}/cancel")
        self.assertEqual(self.end_of(run)["conclusion"], "cancelled")

    def test_a_wait_timer_lets_the_job_wait(self):
        run = self.push(self.job("later"))
        self.assertIn("wait timer of environment 'later'", self.waiting(run)["reason"])
        self.gantry.post(f"/runs/{run}/cancel")
        self.assertEqual(self.end_of(run)["conclusion"], "cancelled")


class Permissions(gantry_test.Case):
    """`permissions` become those of the job's token."""
    with_github = True

    def minted(self, workflow, start=None):
        """What the tokens made for the run's jobs may do, besides checks and clones."""
        self.github.control("set", permissions={"checks": "write", "statuses": "write",
                                                "contents": "write", "issues": "write",
                                                "pull_requests": "read", "metadata": "read"})
        before = self.github.state()["tokens_minted"]
        run = start(workflow) if start else self.play(workflow)
        self.assertEqual(run["conclusion"], "success", run)
        ours = [p for p in self.github.state()["minted"][before:]
                if p not in ({"checks": "write"}, {"contents": "read"})]
        return run, ours

    def steps(self, more=""):
        return f"on: [push, pull_request]\n{more}jobs:\n  a:\n    {RUNS}\n    steps:\n" \
               "      - run: echo \"token <${{ github.token != '' }}>\"\n"

    def test_permissions_of_the_job_replace_those_of_the_workflow(self):
        text = self.steps("permissions: {contents: write, issues: write}\n")
        self.assertEqual(self.minted(text)[1], [{"contents": "write", "issues": "write"}])
        own = text.replace(f"    {RUNS}", f"    {RUNS}\n    permissions: {{pull-requests: read}}")
        self.assertEqual(self.minted(own)[1], [{"pull_requests": "read"}])

    def test_a_called_workflows_token_has_its_own_permissions(self):
        inner = f"on: {{workflow_call: }}\npermissions: {{issues: read}}\njobs:\n" \
                f"  a: {{{RUNS}, steps: [{{run: 'true'}}]}}\n"
        sha = self.repo.commit({
            called("inner.yml"): inner,
            called("ci.yml"): "on: push\npermissions: {issues: write}\n"
                              "jobs: {c: {uses: ./.github/workflows/inner.yml}}\n"})
        def start(_):
            return self.end_of(self.gantry.started("push", self.repo.push_event(after=sha))[0])
        self.assertEqual(self.minted("", start)[1], [{"issues": "read"}])
        self.repo.commit({}, remove=[called("inner.yml")])

    def test_none_leaves_metadata_and_what_the_app_may_not_leaves_reading(self):
        self.assertEqual(self.minted(self.steps("permissions: {}\n"))[1], [{"metadata": "read"}])
        run, ours = self.minted(self.steps("permissions: {contents: read, packages: write}\n"))
        self.assertEqual(ours, [])
        self.assert_logged(run["jobs"][0], "token <true>")
        self.assertIn("not granted to this installation", self.gantry.log())

    def test_a_forks_pull_request_only_reads(self):
        text = self.steps("permissions: {contents: write, issues: write}\n")
        self.repo.workflow(text)
        self.repo.commit({"f": "1"}, branch="fork", start="main")
        self.repo.pull(5, "fork")
        event = self.repo.pull_event(5, "fork", fork="stranger/hello")
        _, ours = self.minted("", lambda _: self.end_of(
            self.gantry.started("pull_request", event)[0]))
        self.assertEqual(ours, [{"contents": "read", "issues": "read"}])


if __name__ == "__main__":
    gantry_test.main()
