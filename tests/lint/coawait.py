#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""GCC 12 miscompiles statements that hold co_await together with a braced aggregate, a lambda
capturing by copy, or a '?:' that makes an object (double free, or a compiler crash). No such
statement may exist."""
import pathlib
import re
import subprocess
import sys

CAPTURE = re.compile(r"\[([^\[\]]*)\]\s*(?:\(|mutable|\{|->)")


def blank(text: str) -> str:
    """Comments and literals blanked out, offsets kept."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'',
                         re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


BLOCK_BEFORE = re.compile(r"(?:^|[;{})]|\b(?:else|do|try|const|noexcept|mutable|override))\s*$")
LAMBDA = re.compile(r"\[[^\[\]]*\]\s*(?:\([^()]*\))?\s*(?:mutable\b)?\s*(?:->\s*[\w:<>,&\s]+?)?\s*\{")


def opens_block(text: str, at: int) -> bool:
    """Whether the brace at `at` opens a block (function, if, lambda), not an initializer."""
    before = text[max(0, at - 200):at]
    return bool(BLOCK_BEFORE.search(before)) or bool(
        re.search(r"(?:\)|\])\s*(?:mutable\s*)?->\s*[\w:<>,&\s]+$", before)) or bool(
        re.search(r"\]\s*$", before))


def statement_around(text: str, at: int):
    """Start and end of the statement that holds offset `at`."""
    depth, start = 0, at
    while start > 0:
        c = text[start - 1]
        if c == "}" and depth == 0 and start > 1 and re.match(r"\s*[^\s,;.)\]}]", text[start:]):
            break  # the end of the block before
        if c in ")]}":
            depth += 1
        elif c in "([{":
            if c == "{" and depth == 0 and opens_block(text, start - 1):
                break
            depth = max(0, depth - 1)
        elif c == ";" and depth == 0:
            break
        start -= 1
    depth, end = 0, at
    while end < len(text):
        c = text[end]
        if c in "([{":
            if c == "{" and depth <= 0 and re.search(r"\)\s*$", text[start:end]):
                break  # the body of if/for/while (…co_await…)
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == ";" and depth <= 0:
            break
        end += 1
    return start, end


def without_lambdas(statement: str) -> str:
    """Bodies of lambdas hold statements of their own: blanked."""
    while True:
        match = LAMBDA.search(statement)
        if not match:
            return statement
        depth, end = 1, match.end()
        while end < len(statement) and depth:
            depth += {"{": 1, "}": -1}.get(statement[end], 0)
            end += 1
        statement = statement[:match.start()] + " LAMBDA " + statement[end:]


# What an arm of '?:' may be: something that is already there (a name, a number, an enumerator).
PLAIN = re.compile(r"[\w\s.:>\[\]*&!?-]+")


def makes_objects(statement: str) -> bool:
    """Whether an arm of a '?:' may make an object, which GCC 12 destroys twice, or untaken."""
    for question in re.finditer(r"\?", statement):
        arms, depth, nested, start = [], 0, 0, question.end()
        for at in range(start, len(statement)):
            c = statement[at]
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(c, 0)
            if depth < 0 or (depth == 0 and c in ",;"):
                break
            if depth == 0 and c == "?":
                nested += 1
            if depth == 0 and c == ":" and "::" not in statement[at - 1:at + 2]:
                nested -= 1
                if nested < 0 and not arms:
                    arms.append(statement[start:at])
                    start = at + 1
        else:
            at = len(statement)
        arms = [re.sub(r"\bstd::move\(([^()]*)\)", r"\1", arm) for arm in [*arms, statement[start:at]]]
        if all(not arm.strip() for arm in arms):
            continue  # two literals
        if not all(PLAIN.fullmatch(arm) and arm.strip() and
                   not re.search(r"\b(?:co_await|nullopt)\b", arm) for arm in arms):
            return True
    return False


def problems(path: str):
    text = blank(pathlib.Path(path).read_text())
    for match in re.finditer(r"\bco_await\b", text):
        start, end = statement_around(text, match.start())
        statement = text[start:end]
        line = text.count("\n", 0, match.start()) + 1
        for capture in CAPTURE.finditer(statement):
            names = capture.group(1).strip()
            if names and not all(n.strip().startswith("&") or n.strip() == "this"
                                 for n in names.split(",")):
                yield line, f"lambda captures by copy '[{names}]' in a statement with co_await"
        if makes_objects(without_lambdas(statement)):
            yield line, "'?:' makes an object in a statement with co_await: choose it before, by if"
        if "{" in without_lambdas(statement):
            yield line, "braces in a statement with co_await: use a named object and std::move"


def main() -> int:
    files = sys.argv[1:] or subprocess.run(
        ["git", "ls-files", "daemon/*.cpp", "daemon/*.hpp", "tests/*.cpp", "tests/*.hpp"], check=True,
        capture_output=True, text=True).stdout.split()
    found = [f"{name}:{line}: {what}" for name in files for line, what in problems(name)]
    print("\n".join(found) if found else f"{len(files)} files, no dangerous co_await")
    return 1 if found else 0


sys.exit(main())
