# SPDX-License-Identifier: MIT
"""A repository that does not answer: its deliveries wait, those that need nothing of it do not."""
import os
import signal
import subprocess
import sys
import time

import gantry_test
from gantry_test import Repo, wait_for

HELLO = "on: [push, workflow_dispatch]\njobs:\n  hello:\n    runs-on: ubuntu-latest\n" \
        "    steps: [{run: echo hello}]\n"


class Server:
    """tests/support/git_server.py."""

    def __init__(self, root, port):
        script = os.path.join(gantry_test.SOURCE, "tests/support/git_server.py")
        self.process = subprocess.Popen(
            [sys.executable, script, "--root", root, "--port", str(port)], stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Unreachable(gantry_test.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = os.path.join(cls.folder, "served")
        os.makedirs(os.path.join(cls.root, "octo"))
        cls.far = Repo(os.path.join(cls.root, "octo/far"), "octo/far")
        cls.port = gantry_test.free_port()
        served, cls.far.folder = cls.far.folder, f"http://127.0.0.1:{cls.port}/octo/far/.git"
        cls.gantry.repos.append(cls.far)
        cls.gantry.write_config()
        cls.far.folder = served
        cls.gantry.restart()

    def setUp(self):
        super().setUp()
        self.server = None
        self.addCleanup(self.close)

    def close(self):
        if self.server:
            self.server.close()
            self.server = None

    def serve(self):
        self.server = Server(self.root, self.port)

    def waiting(self, guid, words):
        def told():
            view = self.gantry.own("/deliveries/" + guid)
            return view["state"] == "received" and words in (view["reason"] or "")
        return wait_for(told, f"delivery {guid} to say why it waits")

    def test_deliveries_wait_and_run_in_order_when_the_repository_answers(self):
        self.far.workflow(HELLO, message="first")
        _, first = self.gantry.deliver("push", self.far.push_event())
        self.waiting(first, "waiting to be tried again: fetching ")
        self.far.workflow(HELLO, message="second")
        _, second = self.gantry.deliver("push", self.far.push_event())
        self.waiting(second, "waiting to be tried again: fetching ")
        self.serve()
        self.far.workflow(HELLO, message="third")
        third = self.gantry.started("push", self.far.push_event())
        runs = [self.gantry.delivery(guid)["runs"][0] for guid in (first, second)] + third
        self.assertEqual(runs, sorted(runs))
        for run in runs:
            self.assertEqual(self.gantry.finished(run)["conclusion"], "success")

    def test_a_delivery_that_needs_nothing_new_does_not_wait(self):
        self.serve()
        self.far.workflow(HELLO, message="known")
        event = self.far.push_event()
        self.gantry.finished(self.gantry.started("push", event)[0])
        self.close()
        self.far.workflow(HELLO, message="not to be had")
        _, stuck = self.gantry.deliver("push", self.far.push_event())
        self.waiting(stuck, "waiting to be tried again")
        suite = {"action": "rerequested", "repository": self.far.view(),
                 "check_suite": {"id": 1, "head_sha": event["after"], "head_branch": "main"},
                 "sender": {"login": "mona", "id": 4}, "installation": {"id": 7}}
        _, again = self.gantry.deliver("check_suite", suite)
        self.assertIn("started 1 run again", self.gantry.delivery(again, 20)["reason"])
        self.serve()
        self.assertEqual(len(self.gantry.delivery(stuck)["runs"]), 1)

    def test_a_server_that_hangs_holds_up_nobody_and_no_stop(self):
        self.serve()
        with open(self.gantry.config_path, encoding="utf-8") as file:
            text = file.read()
        with open(self.gantry.config_path, "w", encoding="utf-8") as file:
            file.write(text.replace(f":{self.port}/octo", f":{self.port}/hang/octo"))
        self.gantry.restart()
        self.far.workflow(HELLO, message="hung")
        self.gantry.deliver("push", self.far.push_event())
        run = self.push(HELLO)
        self.assertEqual(self.gantry.finished(run)["conclusion"], "success")
        asked = time.monotonic()
        self.assertEqual(self.gantry.kill(signal.SIGTERM), 0)
        self.assertLess(time.monotonic() - asked, 20)
        with open(self.gantry.config_path, "w", encoding="utf-8") as file:
            file.write(text)
        self.gantry.start()


if __name__ == "__main__":
    gantry_test.main()
