# SPDX-License-Identifier: MIT
"""actions/checkout in jobs: what it leaves, compared with what git does when it is told what the real
action tells it, and which other repositories a run may have."""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import unittest

import gantry_test
from gantry_test import GIT_ENV, Repo

# What later steps can see of a checkout.
LOOK = """\
git symbolic-ref -q HEAD || echo detached
git rev-parse HEAD
git for-each-ref --format='%(refname) %(objectname)'
git rev-list --count HEAD
git rev-parse --is-shallow-repository
git status --porcelain --branch
git describe --tags 2>&1 || true
for key in remote.origin.fetch gc.auto branch.main.remote branch.main.merge core.sparsecheckout \
    remote.origin.partialclonefilter; do
  echo "$key=$(git config $key)"
done
find . -path ./.git -prune -o -print | LC_ALL=C sort
"""


def checkout(*inputs, look=LOOK, more="", on="push"):
    """A workflow that checks out and looks."""
    steps = "".join(
        "      - uses: actions/checkout@v4\n" +
        ("        with: " + json.dumps(one) + "\n" if one else "") for one in inputs or ({},))
    script = "".join("          " + line + "\n" for line in look.splitlines())
    return (f"on: {on}\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n" + steps +
            "      - run: |\n          echo '>>>'\n" + script + "          echo '<<<'\n" + more)


class Case(gantry_test.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = os.path.join(cls.folder, "served")
        for folder in ("public/octo", "private/octo"):
            os.makedirs(os.path.join(cls.root, folder))
        script = os.path.join(gantry_test.SOURCE, "tests/support/git_server.py")
        cls.server = subprocess.Popen(  # pylint: disable=consider-using-with
            [sys.executable, script, "--root", cls.root, "--token", "workflow-token"],
            stdout=subprocess.PIPE)
        cls.addClassCleanup(cls.server.stdout.close)
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.kill)
        cls.url = f"http://127.0.0.1:{int(cls.server.stdout.readline())}"
        cls.configure("/public")

    @classmethod
    def configure(cls, base, repositories=""):
        cls.gantry.write_config(more="")
        with open(cls.gantry.config_path, encoding="utf-8") as file:
            text = file.read()
        text = text.replace("github:\n", f"github:\n  clone_url: {cls.url}{base}\n")
        text = text.replace("vars_file: vars\n", repositories + "vars_file: vars\n", 1)
        with open(cls.gantry.config_path, "w", encoding="utf-8") as file:
            file.write(text)
        cls.gantry.restart()

    def other(self, name, place="public"):
        """A repository besides the run's own, with one commit; served by http from `place`."""
        repo = Repo(os.path.join(self.folder, "other", name), name)
        repo.commit({"file": name + "\n"}, message="first of " + name)
        self.serve(repo, place)
        return repo

    def serve(self, repo, place="public"):
        served = os.path.join(self.root, place, repo.name + ".git")
        shutil.rmtree(served, ignore_errors=True)
        subprocess.run(["git", "clone", "-q", "--mirror", repo.folder, served], check=True,
                       env=GIT_ENV)

    def seen(self, run):
        """What the script between the marks printed; the job's log on failure."""
        job = run["jobs"][0]
        self.assertEqual(run["conclusion"], "success", "\n".join(job["log"]))
        start = job["log"].index(">>>") + 1
        return job["log"][start:job["log"].index("<<<", start)]

    def failure(self, run):
        self.assertEqual(run["conclusion"], "failure")
        return "\n".join(line for line in run["jobs"][0]["log"] if line.startswith("##[error]"))


class AsTheRealOne(Case):
    """The same questions to a job's workspace and to one that git made as actions/checkout has it."""

    def real(self, fetch, place, depth=None):
        folder = os.path.join(self.folder, "real")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.repo.git("config", "uploadpack.allowAnySHA1InWant", "true")
        depth = [f"--depth={depth}"] if depth else []
        for command in (["init", "-q", "."],
                        ["remote", "add", "origin", "file://" + self.repo.folder],
                        ["config", "--local", "gc.auto", "0"],
                        ["-c", "protocol.version=2", "fetch", "-q", "--no-tags", "--prune",
                         "--no-recurse-submodules", *depth, "origin", *fetch],
                        ["checkout", "-q", "--force", *place]):
            subprocess.run(["git", *command], cwd=folder, env=GIT_ENV, check=True)
        script = "set -e\n" + LOOK
        return subprocess.run(["bash", "-c", script], cwd=folder, env=GIT_ENV, check=True,
                              capture_output=True, text=True).stdout.splitlines()

    def prepare(self, inputs):
        """History with tags and branches, and the workflow on top of it."""
        for n in range(3):
            self.repo.commit({"dir/file": str(n), f"f{n}": "x"}, message=f"change {n}")
        self.repo.git("tag", "-f", "light")
        self.repo.git("tag", "-f", "-a", "v1", "-m", "v1")
        self.repo.commit({"topic": "x"}, branch="topic")
        return self.repo.workflow(checkout(inputs), branch="main", message="look")

    def compare(self, inputs, fetch, place, depth=None):
        sha = self.prepare(inputs)
        runs = self.gantry.started("push", self.repo.push_event(after=sha))
        ours = self.seen(self.end_of(runs[0]))
        fetch = [spec.replace("SHA", sha) for spec in fetch]
        self.assertEqual(ours, self.real(fetch, [p.replace("SHA", sha) for p in place], depth))

    def test_default(self):
        self.compare({}, ["+SHA:refs/remotes/origin/main"],
                     ["-B", "main", "refs/remotes/origin/main"], 1)

    def test_depth_of_two(self):
        self.compare({"fetch-depth": 2}, ["+SHA:refs/remotes/origin/main"],
                     ["-B", "main", "refs/remotes/origin/main"], 2)

    def test_whole_history(self):
        self.compare({"fetch-depth": 0},
                     ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"],
                     ["-B", "main", "refs/remotes/origin/main"])

    def test_with_tags(self):
        self.compare({"fetch-tags": True},
                     ["+SHA:refs/remotes/origin/main", "+refs/tags/*:refs/tags/*"],
                     ["-B", "main", "refs/remotes/origin/main"], 1)

    def test_another_branch(self):
        self.compare({"ref": "topic"}, ["+refs/heads/topic*:refs/remotes/origin/topic*"],
                     ["-B", "topic", "refs/remotes/origin/topic"], 1)

    def test_a_tag(self):
        self.compare({"ref": "refs/tags/v1"}, ["+refs/tags/v1:refs/tags/v1"], ["refs/tags/v1"], 1)

    def test_a_commit(self):
        for n in range(2):
            sha = self.repo.commit({"a": str(n)})
        self.compare({"ref": sha}, [sha], [sha], 1)


class Inputs(Case):
    """Inputs one by one."""

    def test_outputs_name_what_was_checked_out(self):
        self.repo.commit({"a": "b"}, branch="feature")
        workflow = checkout({"ref": "feature"}, look="true").replace(
            "actions/checkout@v4", "actions/checkout@v4\n        id: co").replace(
            "echo '>>>'", "echo '>>>'\n          echo ${{ steps.co.outputs.ref }} "
            "${{ steps.co.outputs.commit }}")
        run = self.end_of(self.gantry.started(
            "push", self.repo.push_event(after=self.repo.workflow(workflow)))[0])
        self.assertEqual(self.seen(run), ["feature " + self.repo.sha("feature")])

    def test_sparse_patterns_without_cone_mode(self):
        files = {"src/a.py": "1", "src/deep/b.py": "2", "src/c.txt": "3", "docs/d.md": "4"}
        run = self.play(checkout(
            {"sparse-checkout": "*.py\n!deep/\n/docs", "sparse-checkout-cone-mode": False},
            look="find . -path ./.git -prune -o -type f -print | LC_ALL=C sort\n"
                 "git status --porcelain; git config core.sparseCheckout\n"
                 "git config remote.origin.partialclonefilter"), files)
        self.assertEqual(self.seen(run), ["./docs/d.md", "./src/a.py", "./src/deep/b.py", "true",
                                          "blob:none"])

    def test_clean_false_keeps_what_git_does_not_know(self):
        first = self.repo.commit({"gone": "1", "kept": "2\n"})
        workflow = checkout({"ref": first}, look="true", more=(
            "      - run: echo mine > untracked; echo edited > kept\n"
            "      - {uses: actions/checkout@v4, with: {clean: false}}\n"
            "      - run: echo '==='; ls; cat kept; git status --porcelain; echo '---'\n"))
        sha = self.repo.commit({".github/workflows/ci.yml": workflow}, remove=("gone",))
        run = self.end_of(self.gantry.started("push", self.repo.push_event(after=sha))[0])
        log = run["jobs"][0]["log"]
        self.assertEqual(run["conclusion"], "success", log)
        seen = log[log.index("===") + 1:log.index("---")]
        self.assertIn("untracked", seen)
        self.assertNotIn("gone", seen)
        self.assertEqual(seen[-2:], ["2", "?? untracked"])

    def test_lfs_says_when_it_is_not_installed_or_fetches(self):
        run = self.play(checkout({"lfs": True}, look="git config filter.lfs.smudge"))
        if shutil.which("git-lfs"):
            self.assertEqual(self.seen(run), ["git-lfs smudge -- %f"])
        else:
            self.assertIn("git-lfs is not installed on this machine", self.failure(run))

    def test_a_path_out_of_the_workspace_and_a_branch_that_is_not_there(self):
        self.assertIn("leads out of the workspace",
                      self.failure(self.play(checkout({"path": "../x"}))))
        self.assertIn("no such branch, tag or ref",
                      self.failure(self.play(checkout({"ref": "nowhere"}))))

    def test_a_branch_pushed_during_the_run_is_seen(self):
        run_id = self.push("on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n"
                           "      - run: until [ -e ${{ vars.GATES }}/late ]; do sleep 0.1; done\n"
                           "      - {uses: actions/checkout@v4, with: {ref: late}}\n"
                           "      - run: echo '>>>'; cat late; echo '<<<'\n")
        self.repo.commit({"late": "came late\n"}, branch="late")
        self.gantry.open_gate("late")
        self.assertEqual(self.seen(self.end_of(run_id)), ["came late"])


class Links(Case):
    """What a job put where a checkout writes: nothing is written through it."""
    WORKFLOW = """on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - {uses: actions/checkout@v4, with: {path: PATH}}
      - run: mkdir $RUNNER_TEMP/evil; MAKE
      - {uses: actions/checkout@v4, with: {path: PATH, clean: CLEAN}, continue-on-error: true}
      - run: echo '>>>'; ls -A $RUNNER_TEMP/evil; stat -c %F PATH/.git; git -C PATH status --porcelain; echo '<<<'
"""

    def test_a_git_folder_that_is_a_link_is_replaced(self):
        for clean in ("true", "false"):
            for make in ("ln -s $RUNNER_TEMP/evil .git", "echo gitdir:$RUNNER_TEMP/evil > .git",
                         "ln -s /etc .git", "mkfifo .git"):
                run = self.play(self.WORKFLOW.replace("PATH", ".").replace("CLEAN", clean).replace(
                    "MAKE", "rm -rf .git && " + make))
                self.assertEqual(self.seen(run), ["directory"], make)

    def test_folders_that_became_links_are_not_gone_through(self):
        for clean in ("true", "false"):
            for make in ("rm -rf a && ln -s $RUNNER_TEMP/evil a",
                         "rm -rf a/b && ln -s $RUNNER_TEMP/evil a/b",
                         "rm -rf a/b/dir && ln -s $RUNNER_TEMP/evil a/b/dir"):
                run = self.play(self.WORKFLOW.replace("PATH", "a/b").replace("CLEAN", clean).replace(
                    "MAKE", make).replace("stat", "[ -e a/b/.git ] || exit 0; stat"),
                    {"dir/file": "x"})
                log = run["jobs"][0]["log"]
                seen = log[log.index(">>>") + 1:]
                self.assertIn(seen[0], ("directory", "Cleaning up orphan processes"), log)


class Replaced(Case):
    """Commits that a forced push took every ref from before Gantry fetched them."""

    def replaced(self, repo):
        """A commit of the workflow that no ref leads to any more, and the event that tells of it."""
        before = repo.commit({"a": "b"})
        lost = repo.workflow(checkout(look="git rev-parse HEAD"))
        event = repo.push_event(after=lost)
        repo.git("reset", "-q", "--hard", before)
        return lost, event

    def test_one_that_the_source_still_gives_runs_and_can_be_checked_out(self):
        lost, event = self.replaced(self.repo)
        self.assertEqual(self.seen(self.end_of(self.gantry.started("push", event)[0])), [lost])
        late, _ = self.replaced(self.repo)
        run = self.play(checkout({"ref": late}, look="git rev-parse HEAD"))
        self.assertEqual(self.seen(run), [late])

    def test_one_that_is_gone_ends_its_delivery_and_a_checkout_with_the_reason(self):
        repo = self.other("octo/gone")
        self.addCleanup(self.configure, "/public")
        self.configure("/public", f"  - name: octo/gone\n    clone_url: {self.url}/public/octo/gone\n")
        lost, event = self.replaced(repo)
        reason = (f"fetching commit '{lost}' from '{self.url}/public/octo/gone': it is no longer "
                  "there: no branch, tag or pull request leads to it; it may have been replaced "
                  "by a forced push")
        _, guid = self.gantry.deliver("push", event)
        delivery = self.gantry.delivery(guid)
        self.assertEqual((delivery["state"], delivery["reason"]), ("failed", reason))
        sha = repo.workflow(checkout({"ref": lost}))
        self.serve(repo)
        run = self.end_of(self.gantry.started("push", repo.push_event(after=sha))[0])
        self.assertIn(reason, self.failure(run))


class OtherRepositories(Case):
    """With whose rights another repository is read."""
    LOOK = "cat file; git remote get-url origin; git log --format=%s"

    def test_a_public_one_is_read_by_anyone(self):
        self.other("octo/public-one")
        run = self.play(checkout({"repository": "octo/public-one"}, look=self.LOOK))
        self.assertEqual(self.seen(run), ["octo/public-one",
                                          "https://github.com/octo/public-one",
                                          "first of octo/public-one"])

    def test_a_private_one_needs_a_token_of_the_workflow(self):
        self.configure("/private")
        self.addCleanup(self.configure, "/public")
        self.other("octo/secret-one", "private")
        refused = self.failure(self.play(checkout({"repository": "octo/secret-one"})))
        self.assertIn("the server asks for credentials", refused)
        wrong = self.failure(self.play(checkout({"repository": "octo/secret-one",
                                                 "token": "guessed"})))
        self.assertIn("the server refuses the credentials", wrong)
        run = self.play(checkout({"repository": "octo/secret-one", "token": "workflow-token"},
                                 look=self.LOOK))
        self.assertEqual(self.seen(run)[0], "octo/secret-one")
        self.assertNotIn("workflow-token", "\n".join(run["jobs"][0]["log"][5:]))

    def test_one_of_the_config_only_where_it_says_so_and_never_for_a_fork(self):
        hidden = Repo(os.path.join(self.folder, "hidden"), "octo/hidden")
        hidden.commit({"file": "hidden\n"}, message="hidden commit")
        entry = f"  - name: octo/hidden\n    clone_url: {hidden.folder}\n"
        self.addCleanup(self.configure, "/public")
        self.configure("/public", entry)
        workflow = checkout({"repository": "octo/hidden"}, look=self.LOOK, on="[push, pull_request]")
        self.failure(self.play(workflow))
        self.configure("/public", entry + "    readable_by: [octo/hello]\n")
        self.assertEqual(self.seen(self.play(workflow))[0], "hidden")
        self.repo.commit({"patch": "x"}, branch="patch")
        self.repo.pull(31, "patch")
        run = self.end_of(self.gantry.started(
            "pull_request", self.repo.pull_event(31, "patch", fork="stranger/hello"))[0])
        self.assertNotIn("hidden commit", "\n".join(run["jobs"][0]["log"]))
        self.failure(run)

    def test_another_server_is_not_reached_without_a_network_or_by_a_fork(self):
        words = self.failure(self.play(checkout({"repository": "octo/x",
                                                 "github-server-url": self.url})))
        self.assertIn("this job has no network", words)


class WithNetwork(Case):
    keys = {"network": "host"}

    def test_submodules_are_fetched_and_laid_out_as_git_does(self):
        inner = self.other("octo/inner")
        middle = self.other("octo/middle")
        middle.git("clone", "-q", inner.folder, "deep/inner")
        middle.commit({".gitmodules": '[submodule "deep/inner"]\n\tpath = deep/inner\n'
                                      "\turl = ../inner\n"}, message="with inner")
        self.serve(middle)
        self.repo.commit({"a": "b"})
        self.repo.git("clone", "-q", middle.folder, "lib/middle")
        modules = {".gitmodules": '[submodule "the middle"]\n\tpath = lib/middle\n'
                                  "\turl = git@github.com:octo/middle.git\n"}
        look = ("git status --porcelain; git submodule status | cut -c1-52; cat lib/middle/file\n"
                "git -C lib/middle rev-list --count HEAD; git -C lib/middle status --porcelain\n"
                "git -C lib/middle config remote.origin.url; cat lib/middle/.git\n"
                "ls lib/middle/deep/inner; git -C lib/middle submodule status | cut -c1-52\n"
                "git -C lib/middle/deep/inner rev-parse HEAD")
        run = self.play(checkout({"submodules": "recursive"}, look=look), modules)
        self.assertEqual(self.seen(run), [
            " " + middle.sha() + " lib/middle", "octo/middle", "1",
            "git@github.com:octo/middle.git", "gitdir: ../../.git/modules/the middle", "file",
            " " + inner.sha() + " deep/inner", inner.sha()])
        run = self.play(checkout({"submodules": True}, look="ls lib/middle/deep/inner"), modules)
        self.assertEqual(self.seen(run), [])
        shutil.rmtree(os.path.join(self.repo.folder, "lib"))
        self.repo.commit({}, remove=(".gitmodules",))

    def test_another_server_by_its_address(self):
        self.other("octo/elsewhere", "private")
        run = self.play(checkout({"repository": "octo/elsewhere", "github-server-url": self.url,
                                  "token": "workflow-token"}, look="git config --list | cat"))
        self.failure(run)  # /octo/elsewhere is not below /private there
        self.other("x/y", ".")
        run = self.play(checkout({"repository": "x/y", "github-server-url": self.url},
                                 look="git remote get-url origin; git config --get-regexp "
                                      "extraheader || true"))
        self.assertEqual(self.seen(run), [self.url + "/x/y"])

    def large(self, content, folder):
        """A file kept by git-lfs, there or lost: what is committed in its place."""
        oid = hashlib.sha256(content).hexdigest()
        os.makedirs(os.path.join(self.root, folder), exist_ok=True)
        with open(os.path.join(self.root, folder, oid), "wb") as file:
            file.write(content)
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"

    @unittest.skipUnless(shutil.which("git-lfs"), "git-lfs is not installed")
    def test_lfs_objects_come_from_the_server_of_the_repository_with_its_token(self):
        repo = Repo(os.path.join(self.folder, "other/private/large"), "private/large")
        content = b"large\n" * 100_000
        pointer = self.large(content, "lfs")
        repo.commit({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
                     "dir/x.bin": pointer, "same.bin": pointer, "plain": "plain\n"})
        self.serve(repo, ".")
        look = ("sha256sum < dir/x.bin; cmp dir/x.bin same.bin; cat plain; git status --porcelain\n"
                "git lfs ls-files -n")
        inputs = {"repository": "private/large", "github-server-url": self.url, "lfs": True,
                  "token": "workflow-token"}
        for more in ({}, {"persist-credentials": False}, {"path": "deep/er"}):
            run = self.play(checkout({**inputs, **more},
                                     look=f"cd ./{more.get('path', '')}\n{look}"))
            self.assertEqual(self.seen(run), [hashlib.sha256(content).hexdigest() + "  -", "plain",
                                              "dir/x.bin", "same.bin"])
        run = self.play(checkout({**inputs, "lfs": False}, look="cat same.bin"))
        self.assertEqual(self.seen(run), pointer.splitlines())

    @unittest.skipUnless(shutil.which("git-lfs"), "git-lfs is not installed")
    def test_lfs_objects_that_cannot_be_had_fail_the_step(self):
        for place in ("broken/lfs", "x/info/lfs"):
            files = {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
                     "x.bin": self.large(place.encode(), "lost"),
                     ".lfsconfig": f"[lfs]\n\turl = {self.url}/{place}\n"}
            run = self.play(checkout({"lfs": True}), files)
            self.assertIn("Process completed with exit code", self.failure(run))
        self.repo.commit({}, remove=tuple(files))


if __name__ == "__main__":
    gantry_test.main()
