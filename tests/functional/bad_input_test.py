# SPDX-License-Identifier: MIT
"""Broken and hostile input through the whole of Gantry: each row of docs/limits.md.

Whatever comes in, gantryd answers /healthz, logs nothing unexpected, and no process or folder of a
job is left.
"""
import json
import os
import re
import threading
import time

import gantry_test
from gantry_test import processes, wait_for

LIMITS = "limits:\n  output: 8M\n  disk: 64M\n"
SLOWEST_ANSWER = 10.0  # seconds; tests share the machine


class Pulse(threading.Thread):
    """Asks /healthz all the time; keeps the slowest answer and what went wrong."""

    def __init__(self, gantry):
        super().__init__(daemon=True)
        self.gantry, self.slowest, self.wrong = gantry, 0.0, []
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.05):
            begin = time.monotonic()
            try:
                answer = self.gantry.api("/healthz")
                if answer.status != 200:
                    self.wrong.append(answer.status)
            except OSError as why:
                self.wrong.append(why)
            self.slowest = max(self.slowest, time.monotonic() - begin)


class Hostile(gantry_test.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.configure()
        cls.gantry.restart()
        cls.pulse = Pulse(cls.gantry)
        cls.pulse.start()

    @classmethod
    def configure(cls):
        with open(cls.gantry.config_path, encoding="utf-8") as file:
            text = file.read()
        with open(cls.gantry.config_path, "w", encoding="utf-8") as file:
            file.write(text.replace("limits:\n", LIMITS))

    @classmethod
    def tearDownClass(cls):
        cls.pulse.ended.set()
        cls.pulse.join()
        super().tearDownClass()

    def tearDown(self):
        super().tearDown()
        self.assertIsNone(self.gantry.process.poll(), "gantryd ended")
        self.assertEqual(self.pulse.wrong, [])
        self.assertLess(self.pulse.slowest, SLOWEST_ANSWER)
        self.assertNotIn("unexpected", self.gantry.log()[self.log_start:])
        jobs = os.path.join(self.folder, "state/jobs")
        wait_for(lambda: not os.path.isdir(jobs) or not os.listdir(jobs), "job folders to go")
        wait_for(lambda: not self.gantry.left_processes(), "processes of jobs to end")

    def annotations(self, run):
        return [(a["start_line"], a["message"]) for job in run["jobs"] for a in job["annotations"]]

    def two_steps(self, script, second):
        script = json.dumps(script)
        return self.play(job(step=f"run: {script}\n      - {second}"))["jobs"][0]

    def assert_failed(self, one, text):
        self.assertEqual(one["conclusion"], "failure")
        told = [a["message"] for a in one["annotations"]] + [one["reason"] or ""]
        self.assertIn(text, "\n".join(told))
        self.assertNotIn(None, [s["conclusion"] for s in one["steps"]])


def job(more="", step="run: 'true'"):
    return f"on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n{more}    steps:\n      - {step}\n"


def strategy(matrix):
    return job(f"    strategy: {{matrix: {matrix}}}\n")


ALIASES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{c}: &{c} [{', '.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi"))
NOT_YET = " is not supported by Gantry yet; remove it, or run the job on GitHub"

# What is wrong with the file, the file, and the first annotation: its line and its text.
BROKEN = [
    ("alias bomb", ALIASES, 5,
     "Maximum YAML nodes exceeded; at most 50000 and 10 MiB of text, counting what aliases "
     "repeat"),
    ("depth", "[" * 5000, 1, "Maximum object depth exceeded; at most 50 levels"),
    ("2 MB", "#" * (2 << 20), 1,
     "The maximum file size of 1048576 characters has been exceeded (2097152 bytes)"),
    ("invalid UTF-8", b"on: push\nname: \xff\xfe\n", 2,
     "The file is not valid UTF-8; save it as UTF-8; nothing else is read"),
    ("NUL byte", job() + "# \0\n", 7,
     "The file holds a NUL byte; save it as plain UTF-8 text; UTF-16 is not read"),
    ("control character", job("    name: \x1b[31mred\n"), 5,
     "The control character U+001B is not allowed; remove it, or write it as an escape in a "
     "double-quoted string"),
    ("empty", "", 1, "Unexpected value ''; expected a mapping"),
    ("a list", "- a\n", 1, "A sequence was not expected; expected a mapping"),
    ("jobs as text", "on: push\njobs: build\n", 2, "Unexpected value 'build'; expected a mapping"),
    ("two documents", job() + "---\n" + job(), 7,
     "A workflow file holds one YAML document only; remove what follows '---'"),
    ("a key twice", job() + "JOBS: {}\n", 7,
     "'JOBS' is already defined; keys are compared ignoring case"),
    ("unknown key", job() + "jbos: {}\n", 7,
     "Unexpected value 'jbos'; expected one of concurrency, defaults, description, env, jobs, name, "
     "on, permissions, run-name"),
    ("needs of nobody", job() + "  b: {needs: zz, runs-on: x, steps: [{run: x}]}\n", 7,
     "Job 'b' depends on unknown job 'zz'."),
    ("cycle", job() + "".join(f"  {a}: {{needs: {b}, runs-on: x, steps: [{{run: x}}]}}\n"
                              for a, b in ("bc", "cb")), 7,
     "Job 'b' depends on job 'c' which creates a cycle in the dependency graph; "
     "the cycle: c → b → c"),
    ("empty matrix", strategy("{}"), 5, "Matrix must define at least one vector"),
    ("empty vector", strategy("{v: []}"), 5, "Matrix vector 'v' does not contain any values"),
    ("300 legs", strategy(f"{{v: {list(range(300))}}}"), 5,
     "Strategy expands to more than 256 jobs, the limit of one matrix"),
    ("5 million legs", strategy("{" + ", ".join(f"{key}: {list(range(9))}" for key in "abcdefg")
                                + "}"), 5,
     "Strategy expands to more than 256 jobs, the limit of one matrix"),
    ("long expression", job(step=f"run: ${{{{ {' || '.join(['github.ref'] * 2000)} }}}}"), 6,
     "Exceeded max expression length 21000"),
    ("container", job("    container: debian\n"), 5, "'container'" + NOT_YET),
    ("services", job("    services: {db: {image: x}}\n"), 5, "'services'" + NOT_YET),
    ("called workflow", "on: push\njobs:\n  a:\n    uses: ./.github/workflows/b.yml\n", 4,
     "The workflow '.github/workflows/b.yml' was not found"),
]
EVALUATING = "Error when evaluating '{}' for job 'a'. "
BAD_JSON = "Error parsing fromJson: unexpected character at position 1"
# Good files whose expressions go wrong when the run comes to them.
FAILING = [
    ("matrix of no JSON", strategy('"${{ fromJSON(github.ref) }}"'),
     EVALUATING.format("strategy") + BAD_JSON),
    ("empty vector", strategy("{v: \"${{ fromJSON('[]') }}\"}"),
     EVALUATING.format("strategy") + "Matrix vector 'v' does not contain any values"),
    ("condition", job("    if: fromJSON(github.ref)\n"), EVALUATING.format("if") + BAD_JSON),
    ("labels", job().replace("ubuntu-latest", "${{ fromJSON(github.ref) }}"),
     EVALUATING.format("runs-on") + BAD_JSON),
    ("unknown label", job().replace("ubuntu-latest", "mainframe"),
     "starting job 'a': no runner has the labels [mainframe]; on offer: [ubuntu-latest, "
     "self-hosted, linux]"),
    ("script", job(step="run: echo ${{ fromJSON(github.ref) }}"), BAD_JSON),
    ("job output", job("    outputs: {x: '${{ fromJSON(github.ref) }}'}\n"), BAD_JSON),
]


class Workflows(Hostile):
    def test_a_broken_workflow_is_a_failed_run_annotated_at_the_line(self):
        for name, text, line, message in BROKEN:
            with self.subTest(name):
                self.repo.workflow(text, message=name)
                runs = self.gantry.started("push", self.repo.push_event())
                run = self.gantry.finished(runs[0])
                self.assertEqual(run["conclusion"], "startup_failure")
                self.assertEqual(self.annotations(run)[0], (line, message))

    def test_an_event_that_never_comes_is_said_by_the_runs_of_the_others(self):
        run = self.play("on: {push: , image_version: }\n" + job()[9:])
        self.assertEqual(run["conclusion"], "success")
        self.assertEqual(run["reason"], ".github/workflows/ci.yml:1: Gantry never receives the "
                         "event 'image_version': it starts no run; the other events of the file work")

    def test_an_expression_that_goes_wrong_fails_its_job_with_the_reason(self):
        for name, text, message in FAILING:
            with self.subTest(name):
                run = self.play(text)
                self.assertEqual(self.conclusions(run), {"a": "failure"})
                told = [a[1] for a in self.annotations(run)] + [run["jobs"][0]["reason"]]
                self.assertTrue(any(message in text for text in told), told)

    def test_names_that_would_steer_a_terminal_are_shown_harmless(self):
        run = self.play(job('    name: "\\e]0;pwned\\a\\e[2J \\r\\nforged \\0 \\x9b31m end"\n',
                            '{name: "st\\e[31mep\\nforged", run: "false"}'))
        self.assertEqual(run["conclusion"], "failure")
        for args in (("view", str(run["id"]), "-v"), ("watch", str(run["id"])), ("runs",)):
            shown = self.gantry.cli(*args).stdout
            self.assertNotRegex(shown, "[\0-\x09\x0b-\x1f\x7f-\x9f]")
            self.assertNotRegex(shown, "(?m)^forged")

    def test_thousands_of_jobs_are_planned_while_gantryd_answers(self):
        many = job() + "".join(f"  j{n}: {{runs-on: nosuch, steps: [{{run: x}}]}}\n"
                               for n in range(1500))
        run = self.gantry.finished(self.push(many), 120)
        self.assertEqual(len(run["jobs"]), 1501)


class Repositories(Hostile):
    @classmethod
    def configure(cls):
        class Elsewhere:
            def __init__(self, name, folder):
                self.name, self.folder = name, folder
        cls.repo.workflow(job())
        cls.empty = gantry_test.Repo(os.path.join(cls.folder, "empty"), "octo/empty")
        cls.gone = Elsewhere("octo/gone", os.path.join(cls.folder, "nosuch"))
        cls.away = Elsewhere("octo/away", f"https://127.0.0.1:{gantry_test.free_port()}/x.git")
        cls.gantry.repos += [cls.empty, cls.gone, cls.away]
        cls.gantry.write_config()
        super().configure()

    def event(self, repo):
        event = self.repo.push_event()
        view = dict(event["repository"], full_name=repo.name, name=repo.name.split("/")[1])
        return dict(event, repository=view)

    def test_a_repository_without_what_was_pushed_fails_the_delivery_and_holds_nobody_up(self):
        good = self.repo.workflow(job())
        for repo, why in ((self.gone, self.gone.folder), (self.empty, good), (self.away, "127")):
            with self.subTest(repo.name):
                answer, guid = self.gantry.deliver("push", self.event(repo))
                self.assertEqual(answer.status, 202)
                wait_for(lambda: [line for line in self.gantry.log()[self.log_start:].splitlines()
                                  if "cannot be processed" in line and why in line],
                         f"the reason to be logged for {repo.name}", 20)
                view = self.gantry.own("/deliveries/" + guid) if repo is self.away \
                    else self.gantry.delivery(guid)
                self.assertEqual(view["runs"], [])
                self.assertEqual(view["state"], "received" if repo is self.away else "failed")
        self.assertEqual(self.play(job())["conclusion"], "success")

    def test_a_workflow_folder_that_is_none_starts_nothing(self):
        self.repo.workflow(job(), branch="odd")
        self.repo.git("rm", "-rqf", ".github/workflows")
        folder = os.path.join(self.repo.folder, ".github")
        os.makedirs(folder, exist_ok=True)
        for name in ("a file", "a link out", "a link in"):
            with self.subTest(name):
                path = os.path.join(folder, "workflows")
                if os.path.lexists(path):
                    os.unlink(path)
                if name == "a file":
                    with open(path, "w", encoding="utf-8") as file:
                        file.write(job())
                else:
                    os.symlink("/etc" if name == "a link out" else "../elsewhere", path)
                os.makedirs(os.path.join(self.repo.folder, "elsewhere"), exist_ok=True)
                with open(os.path.join(self.repo.folder, "elsewhere/ci.yml"), "w",
                          encoding="utf-8") as file:
                    file.write(job())
                self.repo.git("add", "-A")
                self.repo.git("commit", "-qm", name)
                event = self.repo.push_event("refs/heads/odd")
                _, guid = self.gantry.deliver("push", event)
                view = self.gantry.delivery(guid)
                self.assertEqual((view["state"], view["runs"]), ("ignored", []), view)

    def test_a_linked_workflow_file_is_not_followed(self):
        self.repo.workflow(job(), branch="linked")
        path = os.path.join(self.repo.folder, ".github/workflows/ci.yml")
        os.unlink(path)
        os.symlink("/etc/passwd", path)
        self.repo.git("add", "-A")
        self.repo.git("commit", "-qm", "linked")
        _, guid = self.gantry.deliver("push", self.repo.push_event("refs/heads/linked"))
        self.assertNotIn("root:", str(self.gantry.delivery(guid)))

    def test_a_thousand_workflow_files_are_read(self):
        files = {f".github/workflows/w{n}.yml": job().replace("push", "pull_request")
                 for n in range(1000)}
        files[".github/workflows/w500.yml"] = job()
        sha = self.repo.commit(files, branch="thousand")
        runs = self.gantry.started("push",
                                   self.repo.push_event("refs/heads/thousand", after=sha))
        self.assertGreaterEqual(len(runs), 1)
        for run in runs:
            self.assertEqual(self.gantry.finished(run)["conclusion"], "success")


class Output(Hostile):
    def test_a_gigabyte_in_one_line_stops_at_the_logs_limit(self):
        begin = time.monotonic()
        one = self.one_step("head -c 1G /dev/zero | tr '\\0' x", timeout=120)
        self.assertLess(time.monotonic() - begin, 60)
        self.assert_failed(one, "The job's log has passed its limit of 8 MiB")

    def test_output_past_its_limit_ends_the_job_and_says_so(self):
        one = self.one_step("yes for ever")
        self.assert_failed(one, "The job's log has passed its limit of 8 MiB")

    def test_output_of_any_bytes_without_a_line_end_is_kept(self):
        one = self.one_step(r"printf 'a\000b\377\033[31m\r no end'")
        self.assertEqual(one["conclusion"], "success")
        self.assertIn("a\0b\ufffd\x1b[31m\r no end", "\n".join(one["log"]))

    def test_a_huge_output_file_fails_the_step(self):
        one = self.one_step("(echo -n v=; head -c 50M /dev/zero | tr '\\0' x; echo) "
                            ">> $GITHUB_OUTPUT")
        self.assert_failed(one, "it is larger than 10 MiB")

    def test_job_outputs_past_a_mebibyte_fail_the_job(self):
        names = [f"v{n}" for n in range(9)]
        outputs = "".join(f"  {n}: ${{{{ steps.s.outputs.{n} }}}}\n" for n in names)
        one = self.one_step(
            f"for n in {' '.join(names)}; do echo -n $n=; head -c 500K /dev/zero | tr '\\0' '\\1'; "
            "echo; done >> $GITHUB_OUTPUT", job="outputs:\n" + outputs, step="id: s")
        self.assert_failed(one, "setting output 'v1' of the job: its outputs take more than 1 MiB")
        self.assertEqual(one["outputs"], {})

    def test_a_variable_no_program_can_take_fails_the_next_step(self):
        for size, why in (("200K", "Argument list too long; a variable"), ("9M", "at most")):
            with self.subTest(size):
                one = self.two_steps(f"(echo -n BIG=; head -c {size} /dev/zero | tr '\\0' x; echo) "
                                     ">> $GITHUB_ENV", "run: echo next")
                self.assert_failed(one, why)

    def test_command_files_replaced_by_other_things_fail_the_step_unread(self):
        one = self.one_step("rm $GITHUB_OUTPUT $GITHUB_ENV\nmkfifo $GITHUB_OUTPUT\n"
                            "ln -s /etc/passwd $GITHUB_ENV")
        self.assert_failed(one, "the job replaced it by something else than a plain file")
        self.assertNotIn("root:", "\n".join(one["log"]))

    def test_annotations_are_cut_to_ten(self):
        one = self.one_step("for n in $(seq 500); do echo \"::error::m $n\"; done")
        self.assertEqual(len(one["annotations"]), 10)


class Jobs(Hostile):
    def test_a_fork_bomb_stays_within_its_limit(self):
        one = self.one_step("ulimit -u 150; bomb() { bomb | bomb & }; bomb; sleep 1; echo survived")
        self.assertEqual(one["conclusion"], "success")
        self.assertIn("survived", one["log"])

    def test_a_job_that_fills_its_disk_is_ended(self):
        for place in ("/tmp/fill", "$GITHUB_WORKSPACE/fill", "$HOME/fill"):
            with self.subTest(place):
                one = self.one_step(f"head -c 200M /dev/zero > {place}; sleep 60", timeout=60)
                self.assert_failed(one, "The job uses more disk than its limit of 64 MiB.")

    def test_nothing_but_its_own_folders_can_be_written(self):
        mark = "gantry-was-here-" + str(os.getpid())
        one = self.one_step(f"find / -xdev -maxdepth 4 -type d -writable 2>/dev/null | while read d; do "
                            f"touch \"$d/{mark}\" && echo \"wrote $d\"; done; "
                            f"for d in /usr /etc /proc /sys /run /var /dev; do ! touch $d/{mark}; done")
        written = re.findall("(?m)^wrote (.*)$", "\n".join(one["log"]))
        for folder in written:
            self.assertFalse(os.path.exists(f"{folder}/{mark}"), folder)
        # What the job wrote into its own folders goes with them, when its runner has ended.
        wait_for(lambda: not [path for path, _, names in os.walk(self.folder) if mark in names],
                 "nothing of the job to be left")

    def test_a_workspace_replaced_by_a_link_is_not_followed(self):
        one = self.two_steps("cd /; rm -rf $GITHUB_WORKSPACE; ln -s /etc $GITHUB_WORKSPACE",
                             "uses: actions/checkout@v4")
        self.assert_failed(one, "without following links")

    def test_a_job_cannot_kill_its_pid_1_nor_see_it(self):
        one = self.one_step("kill -9 1; kill -TERM 1; ! cat /proc/1/environ; echo alive")
        self.assertEqual(one["conclusion"], "success")
        self.assertIn("alive", one["log"])

    def test_a_step_that_kills_all_it_can_fails_alone(self):
        one = self.one_step("kill -9 -1 || kill -9 $$")
        self.assert_failed(one, "killed by signal 9")

    def test_a_step_that_closes_its_output_ends_when_it_ends(self):
        one = self.two_steps("exec >&- 2>&-; sleep 1", "run: echo next")
        self.assertEqual(one["conclusion"], "success")
        self.assertIn("next", one["log"])

    def test_background_processes_that_resist_end_with_the_job(self):
        one = self.one_step("for n in $(seq 200); do (trap '' TERM INT HUP; exec setsid sleep "
                            "4711.5) & done\necho left")
        self.assertEqual(one["conclusion"], "success")
        wait_for(lambda: not processes("4711.5"), "background processes to end")

    def test_a_tree_too_deep_for_paths_and_locked_folders_is_removed(self):
        one = self.one_step("for n in $(seq 100); do mkdir d$(printf %0200d 0); cd d*; done\n"
                            "mkdir -p $HOME/a/b; chmod 0 $HOME/a/b $HOME/a $RUNNER_TEMP /tmp")
        self.assertNotIn(None, [s["conclusion"] for s in one["steps"]])

    def test_a_program_that_is_not_there_is_named_with_what_to_do(self):
        self.assert_failed(self.one_step("x", step="shell: nosuch {0}"),
                           "executing 'nosuch': No such file or directory; install it on this "
                           "machine, or add its folder to 'path' of the config")


if __name__ == "__main__":
    gantry_test.main()
