#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clang-tidy over every source of the rooms.  tests/lint/tidy.py BUILD [FILES...]

Nearly all of its time goes into headers, so sources are joined, a dozen to a text, and each text is
looked at once; a source that does not compile joined is looked at alone. What was clean is kept
beside the build, keyed by all that was read of ours."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

JOINED = 12
TOOLS = ("clang-tidy-14",)  # each version has checks and mistakes of its own: tried with these
ROOMS = ("core/", "proto/", "storage/", "daemon/")
INCLUDE = re.compile(r'^#include "((?:core|proto|storage|daemon)/[^"]+)"', re.M)
FINDING = re.compile(r"^(.*?):(\d+):\d+: (?:warning|error): (.*)$", re.M)


def flags_of(commands: list) -> list:
    """What decides how sources are read: all include folders and definitions, and the standard."""
    kept = {}
    for command in commands:
        words = iter(shlex.split(command))
        for word in words:
            if word in ("-I", "-isystem", "-D"):
                word += next(words)
            if word.startswith(("-I", "-isystem", "-D", "-std=")):
                kept[word] = None
    return list(kept)


def own_names(text: str) -> set:
    """Names a source declares for itself, in unnamed namespaces: joined they would meet."""
    text = re.sub(r'//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', " ", text)
    text = re.sub(r"\busing\b[^;]*;", ";", text)
    names = set()
    for block in re.finditer(r"\bnamespace\s*\{", text):
        depth, outer = 1, []
        for at in range(block.end(), len(text)):
            if text[at] == "}":
                depth -= 1
            if depth == 1:
                outer.append(text[at])
            if text[at] == "{":
                depth += 1
            if depth == 0:
                break
        names |= set(re.findall(r"([A-Za-z_]\w*)\s*(?:[({=;\[]|:[^:])", "".join(outer)))
    return names - {"const", "noexcept", "operator", "namespace"}


def groups_of(files: list) -> list:
    groups = []  # files, names
    for file in sorted(files):
        names = own_names(pathlib.Path(file).read_text())
        for group in groups:
            if len(group[0]) < JOINED and not group[1] & names:
                group[0].append(file)
                group[1].update(names)
                break
        else:
            groups.append(([file], names))
    return [group[0] for group in groups]


def text_read(files: list) -> bytes:
    """The files and every header of ours they reach."""
    seen, todo = {}, list(files)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen[name] = pathlib.Path(name).read_bytes() if os.path.exists(name) else b""
            todo += INCLUDE.findall(seen[name].decode())
    return b"".join(name.encode() + seen[name] for name in sorted(seen))


class Tidy:
    def __init__(self, tool: str, flags: list, cache: pathlib.Path):
        self.tool, self.flags, self.cache = tool, flags, cache
        self.about = subprocess.run([tool, "--version"], capture_output=True, check=True).stdout
        self.about += pathlib.Path(".clang-tidy").read_bytes() + repr(flags).encode()

    def findings(self, files: list) -> set:
        key = hashlib.sha256(self.about + text_read(files)).hexdigest()
        if (self.cache / key).exists():
            return set()
        starts, text = [], ""
        for file in files:
            starts.append((text.count("\n") + 1, file))
            text += pathlib.Path(file).read_text()
        with tempfile.TemporaryDirectory() as folder:
            joined = f"{folder}/joined.cpp"
            pathlib.Path(joined).write_text(text)
            run = subprocess.run(
                [self.tool, "--quiet", "--config-file=.clang-tidy", joined, "--", *self.flags],
                capture_output=True, text=True)
        found, broken = set(), set()
        for name, line, what in FINDING.findall(run.stdout):
            if name == joined:
                first, name = max(start for start in starts if start[0] <= int(line))
                line = int(line) - first + 1
            found.add(f"{os.path.relpath(name)}:{line}: {what}")
            if "[clang-diagnostic-error" in what:
                broken.add(name)
        if broken and len(files) > 1:
            alone = [file for file in files if file in broken] or files
            together = [file for file in files if file not in alone]
            parts = [[file] for file in alone] + ([together] if together else [])
            return set().union(*(self.findings(part) for part in parts))
        if run.returncode and not found:
            found.add(f"{files[0]}: clang-tidy ended with {run.returncode}: {run.stderr[-2000:]}")
        if not found:
            (self.cache / key).touch()
        return found


def main() -> int:
    build = pathlib.Path(sys.argv[1])
    tool = next(filter(None, map(shutil.which, TOOLS)), None)
    if not tool:
        print("skipped: needs one of", ", ".join(TOOLS))
        return 77
    commands = build / "compile_commands.json"
    top = os.getcwd() + "/"
    entries = {entry["file"].removeprefix(top): entry["command"]
               for entry in json.loads(commands.read_text())}
    rooms = [file for file in entries if file.startswith(ROOMS)]
    cache = build / "tidy"
    cache.mkdir(exist_ok=True)
    tidy = Tidy(tool, flags_of([entries[file] for file in rooms]), cache)
    groups = groups_of(sys.argv[2:] or rooms)
    found = set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in concurrent.futures.as_completed(pool.submit(tidy.findings, g) for g in groups):
            print(*sorted(done.result() - found), sep="\n", end="\n" if done.result() else "", flush=True)
            found |= done.result()
    print(f"{sum(map(len, groups))} files in {len(groups)} texts, {len(found)} findings")
    return 1 if found else 0


sys.exit(main())
