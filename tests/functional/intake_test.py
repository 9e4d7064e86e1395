# SPDX-License-Identifier: MIT
"""What comes in: which deliveries are refused, recorded, ignored or run, and that none is lost."""
import signal
import socket
import uuid

import gantry_test
from gantry_test import NEXT_SECRET, NO_COMMIT, wait_for

HELLO = "on: [push, pull_request]\njobs:\n  hello:\n    runs-on: ubuntu-latest\n" \
        "    steps: [{run: echo hello}]\n"


class Refusals(gantry_test.Case):
    """Answers to requests that are no deliveries."""

    def setUp(self):
        self.sha = self.repo.workflow(HELLO)
        self.event = self.repo.push_event()

    def assert_refused(self, answer, status, word):
        self.assertEqual(answer.status, status, answer.text)
        self.assertIn(word, answer.json["message"])

    def assert_unknown(self, guid):
        self.assertEqual(self.gantry.api("/api/gantry/v1/deliveries/" + guid).status, 404)

    def test_a_wrong_signature_is_refused_and_not_recorded(self):
        answer, guid = self.gantry.deliver("push", self.event, secret="guessed")
        self.assert_refused(answer, 401, "signature")
        self.assert_unknown(guid)

    def test_a_missing_or_malformed_signature_is_refused(self):
        for header, word in ((None, "missing"), ("sha256=12", "hex"), ("sha1=" + "0" * 40, "hex")):
            answer, _ = self.gantry.deliver("push", self.event,
                                            headers={"X-Hub-Signature-256": header})
            self.assert_refused(answer, 401, word)

    def test_missing_headers_are_named(self):
        for name in ("X-GitHub-Delivery", "X-GitHub-Event"):
            answer, _ = self.gantry.deliver("push", self.event, headers={name: None})
            self.assert_refused(answer, 400, name)

    def test_a_guid_that_is_no_word_is_refused(self):
        answer, _ = self.gantry.deliver("push", self.event, guid="../../etc/passwd x")
        self.assert_refused(answer, 400, "X-GitHub-Delivery")

    def test_a_form_without_a_payload_is_refused(self):
        answer, _ = self.gantry.deliver(
            "push", b"other=1", headers={"Content-Type": "application/x-www-form-urlencoded"})
        self.assert_refused(answer, 400, "payload")

    def test_a_body_beyond_25_megabytes_is_refused(self):
        try:
            answer, guid = self.gantry.deliver("push", b" " * (26 << 20))
        except (BrokenPipeError, ConnectionResetError):
            pass  # gantryd need not read what it refuses
        else:
            self.assertEqual(answer.status, 413)
            self.assert_unknown(guid)
        self.assertEqual(self.gantry.api("/healthz").status, 200)

    def test_a_body_that_ends_early_leaves_nothing(self):
        guid = str(uuid.uuid4())
        with socket.create_connection(("127.0.0.1", self.gantry.port)) as connection:
            connection.sendall(b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\nX-GitHub-Event: push"
                               b"\r\nX-GitHub-Delivery: " + guid.encode() +
                               b"\r\nContent-Length: 5000\r\n\r\n{\"ref\":")
            connection.shutdown(socket.SHUT_WR)
            self.assertNotIn(b" 202 ", connection.recv(4096))
        self.assert_unknown(guid)

    def test_only_the_webhook_and_health_answer_without_a_token(self):
        self.assertEqual(self.gantry.api("/healthz", tcp=True).status, 200)
        self.assertEqual(self.gantry.api("/api/gantry/v1/runs", tcp=True).status, 401)


class Deliveries(gantry_test.Case):
    """What becomes of deliveries that are signed."""

    def test_both_secrets_are_good_while_one_is_rotated(self):
        self.repo.workflow(HELLO, message="second secret")
        self.assertEqual(len(self.gantry.started("push", self.repo.push_event(),
                                                 secret=NEXT_SECRET)), 1)

    def test_form_encoding_runs_like_json(self):
        self.repo.workflow(HELLO, message="form & encoding = ünïcode +")
        runs = self.gantry.started("push", self.repo.push_event(), form=True)
        self.assertEqual(self.gantry.finished(runs[0])["conclusion"], "success")

    def test_a_guid_delivered_twice_runs_once(self):
        self.repo.workflow(HELLO, message="twice")
        event = self.repo.push_event()
        _, guid = self.gantry.deliver("push", event)
        answer, _ = self.gantry.deliver("push", event, guid=guid)
        self.assertEqual(answer.status, 202)
        self.assertIn("received before", answer.json["message"])
        self.assertEqual(len(self.gantry.delivery(guid)["runs"]), 1)
        self.assertEqual(len(self.runs_of(event["after"])), 1)

    def test_the_same_event_under_another_guid_runs_once(self):
        self.repo.workflow(HELLO, message="two hooks")
        event = self.repo.push_event()
        self.assertEqual(len(self.gantry.started("push", event)), 1)
        answer, guid = self.gantry.deliver("push", event)
        self.assertEqual(answer.status, 202)
        view = self.gantry.delivery(guid)
        self.assertEqual((view["state"], view["runs"]), ("ignored", []))
        self.assertIn("the same event came as delivery", view["reason"])

    def runs_of(self, sha):
        return self.gantry.own("/runs?head_sha=" + sha)["runs"]

    def assert_ignored(self, event, payload, words):
        answer, guid = self.gantry.deliver(event, payload)
        self.assertEqual(answer.status, 202)
        view = self.gantry.delivery(guid)
        self.assertEqual((view["state"], view["runs"]), ("ignored", []), view)
        self.assertIn(words, view["reason"])
        return view

    def test_an_unknown_repository_is_recorded_and_ignored_with_the_reason(self):
        self.repo.workflow(HELLO, message="stranger")
        event = self.repo.push_event()
        event["repository"] = dict(event["repository"], full_name="evil/twin", name="twin")
        self.assert_ignored("push", event, "'evil/twin' is not allowed here")

    def test_ping_is_answered(self):
        answer, guid = self.gantry.deliver("ping", {"zen": "Keep it simple.", "hook_id": 1})
        self.assertEqual(answer.status, 202)
        self.assertEqual(self.gantry.delivery(guid)["state"], "processed")

    def test_an_event_that_starts_nothing_is_recorded_with_the_reason(self):
        self.assert_ignored("workflow_job", {"action": "queued", "repository": self.repo.view()},
                            "event 'workflow_job' starts no workflow")

    def test_a_payload_that_is_no_json_fails_with_the_reason(self):
        for body in (b"{\"ref\":", b"[]", b"", b"\xff\xfe", b"{" * 100000):
            answer, guid = self.gantry.deliver("push", body)
            self.assertEqual(answer.status, 202)
            self.assertEqual(self.gantry.delivery(guid)["state"], "failed")
        self.assertEqual(self.gantry.api("/healthz").status, 200)

    def test_a_deleted_branch_starts_nothing(self):
        self.assert_ignored("push", self.repo.push_event(before=self.repo.workflow(HELLO),
                                                         after=NO_COMMIT), "deleted")

    def test_skip_ci_in_the_head_commit_starts_nothing(self):
        self.repo.workflow(HELLO, message="Only words [skip ci]")
        self.assert_ignored("push", self.repo.push_event(), "skip ci")

    def test_a_commit_without_workflows_is_ignored_with_the_reason(self):
        sha = self.repo.commit({"empty": "1"}, branch="bare", remove=self.workflow_files())
        self.assert_ignored("push", self.repo.push_event("refs/heads/bare", after=sha),
                            "no workflow file")

    def workflow_files(self):
        self.repo.workflow(HELLO)
        return [".github/workflows/ci.yml"]

    def test_a_commit_that_is_nowhere_fails_after_a_while_and_harms_nobody(self):
        lost, guid = self.gantry.deliver("push", self.repo.push_event(after="1" * 40, message=""))
        self.assertEqual(lost.status, 202)
        self.repo.workflow(HELLO, message="after the lost one", branch="other")
        wait_for(lambda: "1" * 40 in self.gantry.log(), "the missing commit to be named")
        view = self.gantry.own("/deliveries/" + guid)
        self.assertEqual(view["runs"], [])

    def test_path_filters_look_at_the_real_diff_of_a_push(self):
        filtered = HELLO.replace("on: [push, pull_request]",
                                 "on: {push: {paths: ['src/**', '!src/doc/**']}}")
        first = self.repo.commit({".github/workflows/ci.yml": filtered, "src/a": "1"})
        self.gantry.started("push", self.repo.push_event())
        readme = self.repo.commit({"README": "new", "src/doc/x": "new"})
        view = self.assert_ignored("push", self.repo.push_event(before=first), "no workflow starts")
        self.assertEqual(view["decisions"][0]["rule"], "no_file_selected")
        self.repo.commit({"src/b": "new"})
        self.assertEqual(len(self.gantry.started("push", self.repo.push_event(before=readme))), 1)

    def test_branch_and_tag_filters_decide_with_the_reason(self):
        filtered = HELLO.replace("on: [push, pull_request]",
                                 "on: {push: {branches: ['release/**'], tags: ['v*']}}")
        self.repo.workflow(filtered)
        self.assert_ignored("push", self.repo.push_event(), "branch")
        self.repo.workflow(filtered, branch="release/1.0", message="release")
        self.assertEqual(
            len(self.gantry.started("push", self.repo.push_event("refs/heads/release/1.0"))), 1)
        self.repo.git("tag", "-a", "-m", "annotated", "v1")
        runs = self.gantry.started("push", self.repo.push_event("refs/tags/v1"))
        run = self.gantry.finished(runs[0])
        self.assertEqual((run["branch"], run["conclusion"]), ("v1", "success"))

    def test_a_broken_workflow_is_a_failed_run_with_annotations_at_the_lines(self):
        sha = self.repo.workflow("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    nedds: b\n"
                                 "    steps:\n      - run: echo ${{ nosuch.thing }}\n")
        runs = self.gantry.started("push", self.repo.push_event(after=sha))
        run = self.gantry.finished(runs[0])
        self.assertEqual(run["conclusion"], "startup_failure", run)
        found = [(a["path"], a["start_line"], a["message"])
                 for job in run["jobs"] for a in job["annotations"]]
        self.assertEqual([(path, line) for path, line, _ in found],
                         [(".github/workflows/ci.yml", 5), (".github/workflows/ci.yml", 7)], found)
        self.assertIn("nedds", found[0][2])
        self.assertIn("nosuch", found[1][2])

    def test_hostile_yaml_fails_the_run_and_not_gantryd(self):
        bombs = {"aliases": "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"{c}: &{c} [{', '.join(['*' + p] * 9)}]\n"
            for p, c in zip("abcdefgh", "bcdefghi")),
            "depth": "[" * 5000, "bytes": "on: push\x00\n", "size": "#" * (2 << 20)}
        for name, text in bombs.items():
            with self.subTest(name):
                self.repo.workflow(text, message="bomb " + name)
                runs = self.gantry.started("push", self.repo.push_event())
                self.assertEqual(self.gantry.finished(runs[0])["conclusion"], "startup_failure")


SHOW = """
on: pull_request
jobs:
  show:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: |
          echo "head file: $(cat head.txt), base file: $(cat base.txt)"
          echo "ref $GITHUB_REF sha $GITHUB_SHA head $GITHUB_HEAD_REF base $GITHUB_BASE_REF"
          echo "secret <${{ secrets.DEPLOY_KEY != '' }}> definition DEFINITION"
          echo "interfaces: $(ls /sys/class/net 2>/dev/null | tr '\\n' ' ')"
          if (exec 3<>/dev/tcp/127.0.0.1/PORT) 2>/dev/null; then echo host; else echo no host; fi
"""


class PullRequests(gantry_test.Case):
    """Pull requests run at the merge commit; those of forks without trust."""

    def pull(self, number, fork=None):
        text = SHOW.replace("PORT", str(self.gantry.port))
        self.repo.commit({".github/workflows/ci.yml": text.replace("DEFINITION", "of base"),
                          "base.txt": f"base {number}"})
        branch = f"feature-{number}"
        self.repo.commit({".github/workflows/ci.yml": text.replace("DEFINITION", "of head"),
                          "head.txt": f"head {number}"}, branch=branch, start="main")
        merge = self.repo.pull(number, branch)
        runs = self.gantry.started("pull_request", self.repo.pull_event(number, branch, fork=fork))
        self.assertEqual(len(runs), 1)
        return self.end_of(runs[0]), merge

    def test_a_pull_request_runs_at_its_merge_commit_with_secrets(self):
        run, merge = self.pull(1)
        self.assertEqual((run["conclusion"], run["trust"]), ("success", "trusted"))
        self.assertEqual(run["sha"], self.repo.sha("feature-1"))
        self.assert_logged(run["jobs"][0], "head file: head 1, base file: base 1",
                           f"ref refs/pull/1/merge sha {merge} head feature-1 base main",
                           "secret <true> definition of head")

    def test_a_pull_request_of_a_fork_gets_no_secret_no_network_and_the_bases_definition(self):
        run, merge = self.pull(2, fork="stranger/hello")
        self.assertEqual((run["conclusion"], run["trust"]), ("success", "untrusted"))
        self.assert_logged(run["jobs"][0], "head file: head 2, base file: base 2",
                           f"ref refs/pull/2/merge sha {merge} head feature-2 base main",
                           "secret <false> definition of base", "no host")

    def test_a_pull_request_that_cannot_be_merged_starts_nothing(self):
        self.repo.workflow(SHOW)
        self.repo.commit({"x": "1"}, branch="conflict", start="main")
        answer, guid = self.gantry.deliver("pull_request", self.repo.pull_event(3, "conflict"))
        self.assertEqual(answer.status, 202)
        self.assertIn("cannot be merged", self.gantry.delivery(guid)["reason"])


class Durability(gantry_test.Case):
    """Acknowledged means kept."""

    def test_what_was_acknowledged_has_its_run_after_kill_9(self):
        guids = []
        for number in range(10):
            self.repo.workflow(HELLO, message=f"number {number}")
            answer, guid = self.gantry.deliver("push", self.repo.push_event())
            self.gantry.kill(signal.SIGKILL)
            self.assertEqual(answer.status, 202)
            guids.append((guid, self.repo.sha()))
            self.gantry.start()
        for guid, sha in guids:
            view = self.gantry.delivery(guid)
            self.assertEqual(len(view["runs"]), 1, view)
            run = self.gantry.finished(view["runs"][0])
            self.assertEqual((run["sha"], run["conclusion"]), (sha, "success"))
            self.assertEqual(len(self.gantry.own("/runs?head_sha=" + sha)["runs"]), 1)


if __name__ == "__main__":
    gantry_test.main()
