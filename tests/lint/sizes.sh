#!/bin/sh
# SPDX-License-Identifier: MIT
# No source file over 500 lines; no leftovers.
set -eu
bad=$(git ls-files '*.cpp' '*.hpp' '*.ts' | xargs wc -l | awk '$2 != "total" && $1 > 500 {print $2 ": " $1 " lines, at most 500"}')
left=$(git ls-files '*.cpp' '*.hpp' '*.py' '*.sh' | grep -v '^tests/lint/' | xargs grep -nE '\b(TODO|FIXME|XXX|HACK)\b' || true)
[ -z "$bad$left" ] || { printf '%s\n' "$bad" "$left"; exit 1; }
echo "sizes hold"
