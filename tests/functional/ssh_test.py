# SPDX-License-Identifier: MIT
"""Jobs whose repositories are reached by ssh: a real sshd on port 22 of a network of the test's own."""
import json
import os
import shutil
import subprocess
import sys

import gantry_test
from gantry_test import GIT_ENV, Repo, wait_for

OWN_NETWORK = "GANTRY_TEST_OWN_NETWORK"
SSHD = "/usr/sbin/sshd"


class Sshd:
    """Serves the repositories below `root` to the keys in `authorized`, as user `git`."""

    def __init__(self, folder, root):
        self.folder = folder
        os.makedirs(folder)
        for name in ("host", "deploy", "workflow", "stranger"):
            self.make_key(name)
        self.write("authorized", self.read("deploy.pub") + self.read("workflow.pub"))
        self.write("known_hosts", "127.0.0.1 " + self.read("host.pub"))
        ids = f"{os.geteuid()}:{os.getegid()}"
        self.write("passwd", f"git:x:{ids}::{root}:/bin/sh\n")
        config = self.write("config", (
            f"ListenAddress 127.0.0.1\nPort 22\nHostKey {folder}/host\nPidFile none\nUsePAM no\n"
            f"StrictModes no\nAuthorizedKeysFile {folder}/authorized\nPasswordAuthentication no\n"
            "LogLevel VERBOSE\nSetEnv GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory "
            "GIT_CONFIG_VALUE_0=*\n"))
        with open(os.path.join(folder, "log"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["bwrap", "--die-with-parent", "--dev-bind", "/", "/", "--ro-bind",
                 os.path.join(folder, "passwd"), "/etc/passwd", "--", SSHD, "-D", "-e", "-f",
                 config],
                stderr=log, stdin=subprocess.DEVNULL)
        wait_for(lambda: "listening" in self.read("log") or self.process.poll() is not None, "sshd")

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read()

    def make_key(self, name, kind="ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f",
                        os.path.join(self.folder, name)], check=True)

    def logins(self, name):
        """How often the key opened."""
        line = subprocess.run(["ssh-keygen", "-l", "-f", os.path.join(self.folder, name)],
                              check=True, capture_output=True, text=True).stdout
        return sum("Accepted publickey" in entry and line.split()[1] in entry
                   for entry in self.read("log").splitlines())

    def close(self):
        self.process.kill()
        self.process.wait()


class Case(gantry_test.Case):
    keys = {"network": "host"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = os.path.join(cls.folder, "served")
        os.makedirs(os.path.join(cls.root, "octo"))
        cls.sshd = Sshd(os.path.join(cls.folder, "ssh"), cls.root)
        cls.addClassCleanup(cls.sshd.close)
        secrets = {f"{name.upper()}_KEY": cls.sshd.read(name) for name in ("workflow", "stranger")}
        with open(os.path.join(cls.folder, "secrets"), "w", encoding="utf-8") as file:
            file.write(json.dumps(secrets))  # JSON is YAML
        cls.configure("deploy")

    @classmethod
    def configure(cls, key):
        cls.gantry.write_config()
        with open(cls.gantry.config_path, encoding="utf-8") as file:
            text = file.read()
        text = text.replace("github:\n", "github:\n  server_url: http://127.0.0.1\n")
        text = text.replace(f"clone_url: {cls.repo.folder}\n",
                            "clone_url: git@127.0.0.1:octo/hello.git\n"
                            f"    ssh_key_file: ssh/{key}\n"
                            "    known_hosts_file: ssh/known_hosts\n")
        with open(cls.gantry.config_path, "w", encoding="utf-8") as file:
            file.write(text)
        cls.gantry.restart()

    def serve(self, repo):
        served = os.path.join(self.root, repo.name + ".git")
        shutil.rmtree(served, ignore_errors=True)
        subprocess.run(["git", "clone", "-q", "--mirror", repo.folder, served], check=True,
                       env=GIT_ENV)

    def play_served(self, workflow, files=None):
        sha = self.repo.commit({".github/workflows/ci.yml": workflow, **(files or {})})
        self.serve(self.repo)
        runs = self.gantry.started("push", self.repo.push_event(after=sha))
        return self.end_of(runs[0])

    def workflow(self, script, **inputs):
        inputs.setdefault("ssh-known-hosts", self.sshd.read("known_hosts"))
        lines = "".join("          " + line + "\n" for line in script.splitlines())
        return ("on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n"
                f"      - uses: actions/checkout@v4\n        with: {json.dumps(inputs)}\n"
                "      - run: |\n          echo '>>>'\n" + lines + "          echo '<<<'\n")

    def seen(self, run):
        log = run["jobs"][0]["log"]
        self.assertEqual(run["conclusion"], "success", "\n".join(log) + self.sshd.read("log"))
        self.assertNotIn("OPENSSH PRIVATE KEY", "\n".join(log))
        start = log.index(">>>") + 1
        return log[start:log.index("<<<", start)]


class DeployKey(Case):
    """Gantry's own key for a private repository."""

    def test_a_job_of_a_repository_that_only_the_key_of_the_config_opens(self):
        for n in (1, 2):
            before = self.sshd.logins("deploy")
            run = self.play_served(self.workflow("cat file\ngit log --format=%s"),
                                   {"file": f"private {n}\n"})
            self.assertEqual(self.seen(run), [f"private {n}", "change"])
            self.assertGreater(self.sshd.logins("deploy"), before)
        self.assertEqual(self.sshd.logins("workflow"), 0)

    def test_a_key_that_does_not_open_ends_the_delivery_with_the_reason(self):
        self.addCleanup(self.configure, "deploy")
        self.sshd.make_key("rsa", "rsa")
        for key, words in (("stranger", "the server refuses the credentials"),
                           ("rsa", "the server refuses the RSA key; libssh2 before 1.11 signs with "
                                   "it in a way (SHA-1) that today's servers refuse; use an "
                                   "ed25519 key (ssh-keygen -t ed25519)")):
            self.configure(key)
            sha = self.repo.workflow(self.workflow("true") + f"# {key}\n")
            self.serve(self.repo)
            _, guid = self.gantry.deliver("push", self.repo.push_event(after=sha))
            delivery = self.gantry.delivery(guid)
            if key == "rsa" and delivery["runs"]:
                continue  # libssh2 from 1.11 on
            self.assertEqual((delivery["state"], delivery["reason"]),
                             ("failed", f"fetching 'git@127.0.0.1:octo/hello.git': {words}"))


class SshKeyInput(Case):
    """`ssh-key` of actions/checkout."""
    KEY = "${{ secrets.WORKFLOW_KEY }}"

    def other(self, name):
        repo = Repo(os.path.join(self.folder, "other", name), name)
        repo.commit({"file": name + "\n"}, message="first of " + name)
        self.serve(repo)
        return repo

    def test_git_in_later_steps_uses_the_key_as_long_as_it_is_to_stay(self):
        fetch = "git remote get-url origin\ngit fetch -q origin && echo fetched || echo refused"
        for stays, words in ((True, "fetched"), (False, "refused")):
            before = self.sshd.logins("workflow")
            run = self.play_served(self.workflow(
                fetch, **{"ssh-key": self.KEY, "persist-credentials": stays}))
            self.assertEqual(self.seen(run)[0], "git@127.0.0.1:octo/hello.git")
            self.assertEqual(self.seen(run)[-1], words)
            self.assertEqual(self.sshd.logins("workflow") > before, stays)

    def test_another_repository_is_fetched_with_it_and_with_no_other(self):
        self.other("octo/other")
        before = self.sshd.logins("workflow"), self.sshd.logins("deploy")
        run = self.play_served(self.workflow(
            "cat file\ngit remote get-url origin\ngit fetch -q origin && echo fetched",
            repository="octo/other", **{"ssh-key": self.KEY}))
        self.assertEqual(self.seen(run),
                         ["octo/other", "git@127.0.0.1:octo/other.git", "fetched"])
        self.assertEqual(self.sshd.logins("workflow"), before[0] + 2)
        run = self.play_served(self.workflow(
            "true", repository="octo/other", **{"ssh-key": "${{ secrets.STRANGER_KEY }}"}))
        self.assertIn("##[error]fetching 'git@127.0.0.1:octo/other.git': the server refuses the "
                      "credentials", run["jobs"][0]["log"])

    def test_a_host_key_that_is_not_known_is_refused_also_when_not_strict(self):
        self.other("octo/hidden")
        stranger = "127.0.0.1 " + self.sshd.read("stranger.pub")
        for hosts in (stranger, ""):
            run = self.play_served(self.workflow(
                "true", repository="octo/hidden", **{"ssh-key": self.KEY, "ssh-strict": False,
                                                     "ssh-known-hosts": hosts}))
            self.assertIn("##[error]fetching 'git@127.0.0.1:octo/hidden.git': the certificate or "
                          "host key of '127.0.0.1' is not one to be trusted",
                          run["jobs"][0]["log"])

    def test_submodules_are_fetched_with_it(self):
        inner = self.other("octo/inner")
        self.repo.commit({"a": "b"})
        self.repo.git("clone", "-q", inner.folder, "lib")
        self.addCleanup(shutil.rmtree, os.path.join(self.repo.folder, "lib"))
        modules = {".gitmodules": '[submodule "lib"]\n\tpath = lib\n'
                                  "\turl = git@127.0.0.1:octo/inner.git\n"}
        run = self.play_served(self.workflow(
            "cat lib/file\ngit -C lib fetch -q origin && echo fetched", submodules=True,
            **{"ssh-key": self.KEY}), modules)
        self.assertEqual(self.seen(run), ["octo/inner", "fetched"])
        self.repo.git("rm", "-q", "--cached", "lib")


def main():
    """In a network of its own, so that port 22 is free and nothing else is reached."""
    if os.geteuid() != 0 and OWN_NETWORK not in os.environ:
        if not os.path.exists(SSHD):
            print("SKIPPED: openssh-server is not installed")
            sys.exit(gantry_test.SKIPPED)
        # bubblewrap does not start with capabilities, so that they go with the setting.
        script = ("echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start\n"
                  'exec setpriv --ambient-caps -all --inh-caps -all -- "$@"')
        os.execvp("bwrap", ["bwrap", "--unshare-user", "--unshare-net", "--dev-bind", "/", "/",
                            "--cap-add", "CAP_NET_ADMIN", "--setenv", OWN_NETWORK, "1", "--",
                            "sh", "-ec", script, "sh", sys.executable] + sys.argv)
    gantry_test.main()


if __name__ == "__main__":
    main()
