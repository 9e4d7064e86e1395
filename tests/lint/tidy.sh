#!/bin/sh
# SPDX-License-Identifier: MIT
# clang-tidy over the pure rooms and the daemon's own files. A file's result is kept beside the
# build, keyed by its preprocessed text, so that only what changed is looked at again.
set -eu
build=$1
tidy=$(command -v clang-tidy-14 || true)
[ -n "$tidy" ] || { echo "skipped: clang-tidy 14 is not installed"; exit 77; }
[ -f "$build/compile_commands.json" ] || { echo "skipped: $build has no compile_commands.json"; exit 77; }
cache=$build/tidy
mkdir -p "$cache"
git ls-files 'core/*.cpp' 'proto/*.cpp' 'storage/*.cpp' 'daemon/*.cpp' > "$cache/files"
export tidy build cache
xargs -P "$(nproc)" -I{} sh -c '
  key=$( (cat .clang-tidy "$1"; "$tidy" --version; g++ -std=c++20 -I. -MM -MG "$1" 2>/dev/null |
          tr " \\\\" "\n\n" | grep -E "^(core|proto|storage|daemon)/" | sort -u | xargs cat 2>/dev/null) |
         sha256sum | cut -c1-40)
  [ -e "$cache/$key" ] && exit 0
  if "$tidy" --quiet -p "$build" "$1" > "$cache/$key.out" 2>&1; then mv "$cache/$key.out" "$cache/$key"
  else grep -E "(warning|error):" "$cache/$key.out" || cat "$cache/$key.out"; exit 1; fi
' sh {} < "$cache/files"
