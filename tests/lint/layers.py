#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Includes point downwards only (docs/architecture.md, Rooms), and heavy headers stay caged."""
import pathlib
import re
import subprocess
import sys

# room -> rooms it may include besides itself
ALLOWED = {
    "core/base": [],
    "core/yaml": ["core/base"],
    "core/expr": ["core/base"],
    "core/workflow": ["core/base", "core/yaml", "core/expr"],
    "core/run": ["core/base", "core/yaml", "core/expr", "core/workflow"],
    "core/config": ["core/base", "core/yaml"],
    "proto": ["core"],
    "storage": ["core"],
    "daemon/os": ["core", "proto"],
    "daemon/async": ["core", "daemon/os"],
    "daemon/http": ["core", "proto", "daemon/os", "daemon/async"],
    "daemon/git": ["core", "proto", "daemon/os"],
    "daemon/github": ["core", "proto", "daemon/os", "daemon/async", "daemon/http"],
    "daemon/agent": ["core", "proto"],
    "daemon/runner": ["core", "proto", "daemon/os", "daemon/async", "daemon/http", "daemon/git"],
    "daemon/cli": ["core", "proto", "daemon/os", "daemon/async", "daemon/http"],
    "daemon/control": ["core", "proto", "storage", "daemon/os", "daemon/async", "daemon/http",
                       "daemon/git", "daemon/github"],
}
# header pattern -> how many .cpp files may include it, in which folders
CAGED = [
    (r"boost/beast", 2, ["daemon/http"]),
    (r"git2(\.h|/)", 6, ["daemon/git"]),
    (r"sqlite3\.h", 2, ["storage"]),
    (r"yaml\.h", 1, ["core/yaml"]),
    (r"spdlog/", 1, ["daemon"]),
    (r"seccomp\.h", 1, ["daemon"]),
]
ASIO = re.compile(r"boost/asio")


def room_of(path: str) -> str:
    return max((r for r in ALLOWED if path.startswith(r + "/")), key=len, default="")


def main() -> int:
    listed = subprocess.run(["git", "ls-files", "core", "proto", "storage", "daemon"], check=True,
                            capture_output=True, text=True).stdout.split()
    sources = [f for f in listed if f.endswith((".cpp", ".hpp"))]
    errors, users = [], {pattern: set() for pattern, _, _ in CAGED}
    for name in sources:
        room = room_of(name)
        if not room:
            errors.append(f"{name}:1: belongs to no room of docs/architecture.md")
            continue
        for number, line in enumerate(pathlib.Path(name).read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*[<"]([^">]+)[">]', line)
            if not match:
                continue
            header = match.group(1)
            target = room_of(header)
            if target and target != room and not any(
                    target == a or target.startswith(a + "/") for a in ALLOWED[room]):
                errors.append(f"{name}:{number}: {room} must not include {target} ('{header}')")
            if ASIO.search(header) and not name.startswith("daemon/"):
                errors.append(f"{name}:{number}: Asio is for daemon/ only")
            for pattern, _, folders in CAGED:
                if re.match(pattern, header):
                    users[pattern].add(name)
                    if not any(name.startswith(f + "/") for f in folders):
                        errors.append(f"{name}:{number}: '{header}' is caged in {folders}")
                    if name.endswith(".hpp") and not name.endswith("_internal.hpp"):
                        errors.append(f"{name}:{number}: '{header}' belongs into a .cpp")
    for pattern, limit, _ in CAGED:
        if len(users[pattern]) > limit:
            errors.append(f"{pattern}: in {len(users[pattern])} files, at most {limit}: "
                          + ", ".join(sorted(users[pattern])))
    print("\n".join(errors) if errors else f"{len(sources)} files, layers hold")
    return 1 if errors else 0


sys.exit(main())
