# SPDX-License-Identifier: MIT
"""Events beyond push and pull_request: each runs at GitHub's ref and commit, with its payload."""
import gantry_test

SHOW = """
on:
  TRIGGER
jobs:
  show:
    runs-on: ubuntu-latest
    steps:
      - run: |
          echo "$GITHUB_EVENT_NAME at $GITHUB_REF of type $GITHUB_REF_TYPE named $GITHUB_REF_NAME"
          echo "sha $GITHUB_SHA definition DEFINITION secret <${{ secrets.DEPLOY_KEY != '' }}>"
          echo "saw ${{ WHAT }}"
"""


def show(event, what="github.event.action", definition="main"):
    return SHOW.replace("TRIGGER", event).replace("WHAT", what).replace("DEFINITION", definition)


class Events(gantry_test.Case):
    """One delivery each, with the members GitHub's examples have."""

    def payload(self, **members):
        return {"repository": self.repo.view(), "sender": {"login": "mona", "id": 4},
                "installation": {"id": 7}, **members}

    def start(self, event, payload):
        runs = self.gantry.started(event, payload)
        self.assertEqual(len(runs), 1, self.gantry.log()[-2000:])
        run = self.end_of(runs[0])
        self.assertEqual(run["conclusion"], "success", run)
        return run

    def assert_ignored(self, event, payload, words):
        _, guid = self.gantry.deliver(event, payload)
        view = self.gantry.delivery(guid)
        self.assertEqual(view["runs"], [], view)
        self.assertIn(words, view["reason"])

    def at_default_branch(self, event, payload, what, saw, on=None):
        """The file of the default branch counts, wherever the event happened."""
        sha = self.repo.workflow(show(on or event + ":", what), message="for " + event)
        run = self.start(event, self.payload(**payload))
        self.assert_logged(run["jobs"][0],
                           f"{event} at refs/heads/main of type branch named main",
                           f"sha {sha} definition main secret <true>", "saw " + saw)

    def test_issue_comment(self):
        self.at_default_branch("issue_comment", {
            "action": "created", "issue": {"id": 1, "number": 5, "pull_request": {}},
            "comment": {"id": 2, "body": "please deploy"}}, "github.event.comment.body",
            "please deploy", "issue_comment: {types: [created]}")
        self.assert_ignored("issue_comment", self.payload(
            action="deleted", issue={"id": 1}, comment={"id": 2}), "types does not list 'deleted'")

    def test_issues_labels_and_milestones(self):
        self.at_default_branch("issues", {"action": "labeled", "issue": {"id": 3, "number": 6},
                                          "label": {"name": "bug"}},
                               "github.event.label.name", "bug", "issues: {types: labeled}")
        self.at_default_branch("milestone", {"action": "created",
                                             "milestone": {"id": 4, "title": "v1"}},
                               "github.event.milestone.title", "v1")

    def test_a_deleted_branch_is_seen_from_the_default_branch(self):
        self.at_default_branch("delete", {"ref": "topic", "ref_type": "branch"},
                               "github.event.ref", "topic")

    def test_repository_dispatch_filters_by_event_type(self):
        self.at_default_branch("repository_dispatch", {
            "action": "deploy", "branch": "main", "client_payload": {"env": "prod"}},
            "github.event.client_payload.env", "prod", "repository_dispatch: {types: [deploy]}")
        self.assert_ignored("repository_dispatch", self.payload(action="test", branch="main"),
                            "types does not list 'test'")

    def test_a_workflow_run_is_found_by_its_name_and_branch(self):
        on = "workflow_run: {workflows: [build], types: [completed], branches: ['rel/**']}"

        def ran(name, branch, action="completed"):
            return {"action": action, "workflow": {"id": 1, "name": name},
                    "workflow_run": {"id": sum(map(ord, name + branch)), "head_branch": branch, "conclusion": "failure"}}
        self.at_default_branch("workflow_run", ran("build", "rel/1"),
                               "github.event.workflow_run.conclusion", "failure", on)
        for event, words in ((ran("test", "rel/1"), "workflows does not list 'test'"),
                             (ran("build", "main"), "'main' is not selected"),
                             (ran("build", "rel/1", "requested"), "types does not list")):
            self.assert_ignored("workflow_run", self.payload(**event), words)

    def test_create_runs_at_the_ref_that_was_created(self):
        self.repo.workflow(show("create:"))
        sha = self.repo.workflow(show("create:", definition="v9"), branch="for-tag")
        self.repo.git("tag", "-a", "-m", "annotated", "v9", sha)
        run = self.start("create", self.payload(ref="v9", ref_type="tag", master_branch="main"))
        self.assert_logged(run["jobs"][0], "create at refs/tags/v9 of type tag named v9",
                           f"sha {sha} definition v9 secret <true>")
        self.assert_ignored("create", self.payload(ref="gone", ref_type="tag"),
                            "there is no 'refs/tags/gone'")

    def test_a_release_runs_at_its_tag_and_drafts_start_nothing(self):
        on = "release: {types: [published, created]}"
        sha = self.repo.workflow(show(on, "github.event.release.name"), message="release me")
        self.repo.git("tag", "r1")
        self.repo.workflow(show(on), message="later")
        release = {"id": 8, "tag_name": "r1", "name": "First", "draft": False}
        run = self.start("release", self.payload(action="published", release=release))
        self.assert_logged(run["jobs"][0], "release at refs/tags/r1 of type tag named r1",
                           f"sha {sha} definition main secret <true>", "saw First")
        self.assert_ignored("release", self.payload(action="created",
                                                    release=dict(release, draft=True)), "draft")

    def test_a_deployment_runs_at_what_is_deployed(self):
        sha = self.repo.workflow(show("deployment_status:\n  deployment:",
                                      "github.event.deployment.environment"), message="deploy me")
        self.repo.commit({"later": "1"})
        deployment = {"id": 1, "sha": sha, "ref": "main", "environment": "prod"}
        run = self.start("deployment", self.payload(deployment=deployment))
        self.assert_logged(run["jobs"][0], "deployment at refs/heads/main of type branch named main",
                           f"sha {sha} definition main secret <true>", "saw prod")
        status = {"id": 2, "state": "success"}
        self.start("deployment_status", self.payload(deployment=dict(deployment, ref=sha),
                                                     deployment_status=status))
        self.assert_ignored("deployment_status", self.payload(
            deployment=deployment, deployment_status=dict(status, state="inactive")), "inactive")

    def test_a_merge_group_filters_by_its_base(self):
        self.repo.workflow(show("merge_group: {branches: [main]}"))
        head = "refs/heads/gh-readonly-queue/main/pr-1-x"
        sha = self.repo.commit({"queued": "1"}, branch=head[len("refs/heads/"):], start="main")
        group = {"head_ref": head, "head_sha": sha, "base_ref": "refs/heads/main", "id": 1}
        run = self.start("merge_group", self.payload(action="checks_requested", merge_group=group))
        self.assert_logged(run["jobs"][0], f"sha {sha} definition main secret <true>")
        self.assert_ignored("merge_group", self.payload(
            action="checks_requested", merge_group=dict(group, base_ref="refs/heads/dev", id=2)),
            "'dev' is not selected")

    def test_pull_request_target_runs_the_default_branch_with_secrets_even_for_forks(self):
        sha = self.repo.workflow(show("pull_request_target:", "github.head_ref"), message="target")
        self.repo.workflow(show("pull_request_target:", definition="of the fork"),
                           branch="evil", start="main")
        event = self.repo.pull_event(21, "evil", fork="stranger/hello")  # cannot even be merged
        run = self.start("pull_request", event)
        self.assertEqual((run["event"], run["trust"]), ("pull_request_target", "trusted"))
        self.assertEqual(run["sha"], self.repo.sha("evil"))
        self.assert_logged(run["jobs"][0],
                           "pull_request_target at refs/heads/main of type branch named main",
                           f"sha {sha} definition main secret <true>", "saw evil")

    def test_one_pull_request_starts_both_kinds_of_workflows(self):
        self.repo.commit({".github/workflows/ci.yml": show("pull_request:"),
                          ".github/workflows/label.yml": show("pull_request_target:")})
        self.repo.commit({"both": "1"}, branch="both", start="main")
        self.repo.pull(22, "both")
        runs = self.gantry.started("pull_request", self.repo.pull_event(22, "both"))
        self.assertEqual(sorted(self.gantry.finished(run)["event"] for run in runs),
                         ["pull_request", "pull_request_target"])
        self.repo.commit({}, remove=[".github/workflows/label.yml"])

    def test_a_review_of_a_fork_gets_no_secrets(self):
        self.repo.workflow(show("pull_request_review: {types: [submitted]}"))
        self.repo.commit({"reviewed": "1"}, branch="reviewed", start="main")
        merge = self.repo.pull(23, "reviewed")
        event = dict(self.repo.pull_event(23, "reviewed", "submitted", fork="stranger/hello"),
                     review={"id": 77, "state": "approved"})
        run = self.start("pull_request_review", event)
        self.assertEqual(run["trust"], "untrusted")
        self.assert_logged(run["jobs"][0], f"sha {merge} definition main secret <false>")

    def test_checks_of_actions_and_of_gantry_start_nothing(self):
        self.repo.workflow(show("check_run:", "github.event.check_run.name"))
        check = {"id": 1, "name": "lint", "head_sha": self.repo.sha(), "app": {"slug": "linter"}}
        run = self.start("check_run", self.payload(action="completed", check_run=check))
        self.assert_logged(run["jobs"][0], "saw lint")
        for other in ({"app": {"slug": "github-actions"}}, {"external_id": "gantry-4"}):
            self.assert_ignored("check_run", self.payload(
                action="completed", check_run=dict(check, **other)), "starts nothing")

    def test_a_status_of_a_run_starts_nothing(self):
        self.repo.workflow(show("status:", "github.event.context"))
        sha = self.repo.sha()
        self.start("status", self.payload(id=1, sha=sha, context="ext", state="success",
                                          target_url="https://ci.example.org/1"))
        self.assert_ignored("status", self.payload(
            id=2, sha=sha, context="ci / show", state="success",
            target_url=f"http://127.0.0.1:{self.gantry.port}/octo/hello/actions/runs/1"),
            "a status made by a run")


if __name__ == "__main__":
    gantry_test.main()
