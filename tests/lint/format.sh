#!/bin/sh
# SPDX-License-Identifier: MIT
# Every source is as clang-format 14 or newer writes it. Versions differ in details, so only the
# version the project is formatted with decides; with another one the test is skipped (77).
set -eu
tool=$(command -v clang-format-14 || command -v clang-format || true)
[ -n "$tool" ] || { echo "skipped: clang-format is not installed"; exit 77; }
case "$("$tool" --version)" in
  *"version 14."*) ;;
  *) echo "skipped: needs clang-format 14, found $("$tool" --version)"; exit 77 ;;
esac
git ls-files -z '*.cpp' '*.hpp' | xargs -0 "$tool" --dry-run -Werror
