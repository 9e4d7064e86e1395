# SPDX-License-Identifier: MIT
"""What keeps mirrors and shared trees within bounds, at work every second while jobs check out."""
import collections
import glob
import os
import threading

import gantry_test
from gantry_test import Repo, wait_for

TIDY = "mirrors: {tidy_seconds: 1, packs: 3, trees: 1}\n"
STEP = """
      - uses: actions/checkout@v4
        with: {{repository: octo/lib, path: lib{n}, fetch-depth: {depth}}}
      - run: git -C lib{n} fsck --no-dangling && git -C lib{n} status --porcelain && cat lib{n}/file
"""
READER = """on: push
jobs:
  read:
    strategy: {matrix: {leg: [1, 2, 3]}}
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with: {fetch-depth: 0}
""" + "".join(STEP.format(n=n, depth=n % 3) for n in range(12))


class Tidy(gantry_test.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lib = Repo(os.path.join(cls.folder, "lib"), "octo/lib")
        cls.gantry.repos.append(cls.lib)
        cls.gantry.write_config(more=TIDY)
        with open(cls.gantry.config_path, encoding="utf-8") as file:
            text = file.read()
        with open(cls.gantry.config_path, "w", encoding="utf-8") as file:
            file.write(text.replace(f"{cls.lib.folder}\n",
                                    f"{cls.lib.folder}\n    readable_by: [octo/hello]\n"))
        cls.gantry.restart()

    def seen(self, *words):
        return any(all(word in line for word in words)
                   for line in self.gantry.log()[self.log_start:].splitlines())

    def kept(self, pattern):
        """How many there are, of each repository."""
        found = collections.Counter()
        for path in glob.glob(os.path.join(self.folder, "state", pattern)):
            found[path.split("/state/")[1].split("/")[1]] += 1
        return found

    def test_repacking_and_evicting_break_no_checkout_and_lose_no_commit(self):
        first = self.lib.commit({"file": "first\n"})
        ended = threading.Event()
        pushed = []

        def push_to_lib():
            while not ended.is_set() and len(pushed) < 200:
                pushed.append(self.lib.commit({"file": f"{len(pushed)}\n" * 1000}))
                self.gantry.started("push", self.lib.push_event(after=pushed[-1]))

        pusher = threading.Thread(target=push_to_lib)
        pusher.start()
        try:
            runs = [self.push(READER + f"# {n}\n") for n in range(3)]
            for run in map(self.end_of, runs):
                logs = "\n".join("\n".join(job["log"]) for job in run["jobs"])
                self.assertEqual(run["conclusion"], "success", logs)
            wait_for(lambda: self.seen("mirror repacked", "octo/lib"), "a repacked mirror")
            wait_for(lambda: self.seen("shared trees evicted", "octo/lib"), "evicted trees")
        finally:
            ended.set()
            pusher.join()
        self.assertGreater(len(pushed), 4)
        wait_for(lambda: max(self.kept("mirrors/*/objects/pack/*.pack").values()) <= 3, "few packs")
        wait_for(lambda: max(self.kept("trees/*/*[0-9a-f]").values()) <= 1, "few trees")
        run = self.end_of(self.push(READER.replace("octo/lib,", f"octo/lib, ref: {first},")))
        self.assertEqual(run["conclusion"], "success")
        again = self.gantry.post(f"/runs/{runs[0]}/rerun")
        self.assertEqual(again.status, 201, again.text)
        self.assertEqual(self.end_of(runs[0])["conclusion"], "success")


if __name__ == "__main__":
    gantry_test.main()
