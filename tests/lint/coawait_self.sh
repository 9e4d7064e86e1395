#!/bin/sh
# SPDX-License-Identifier: MIT
# The coroutine check finds every known bad statement and refuses no good one.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
n=0
while IFS= read -r line; do
  n=$((n + 1)); printf '%s\n' "$line" > "$folder/x.cpp"
  if tests/lint/coawait.py "$folder/x.cpp" > /dev/null; then echo "missed: $line"; failed=1; fi
done < tests/lint/coawait/bad.txt
while IFS= read -r line; do
  n=$((n + 1)); printf '%s\n' "$line" > "$folder/x.cpp"
  tests/lint/coawait.py "$folder/x.cpp" > "$folder/out" || { echo "refused: $line"; cat "$folder/out"; failed=1; }
done < tests/lint/coawait/good.txt
echo "$n statements tried"
exit $failed
