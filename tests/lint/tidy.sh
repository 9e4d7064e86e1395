#!/bin/sh
# SPDX-License-Identifier: MIT
# clang-tidy over every source. A file's result is kept beside the build, keyed by the text of what
# it includes of ours, so that only what changed is looked at again.
#   tests/lint/tidy.sh BUILD [FILES…]
set -eu
build=$1
shift
tidy=$(command -v clang-tidy-14 || true)
[ -n "$tidy" ] || { echo "skipped: clang-tidy 14 is not installed"; exit 77; }
[ -f "$build/compile_commands.json" ] || { echo "skipped: $build has no compile_commands.json"; exit 77; }
cache=$build/tidy
mkdir -p "$cache"
# clang cannot read GCC's precompiled headers.
sed -E 's/-Winvalid-pch -include [^ ]+cmake_pch\.hxx//g' "$build/compile_commands.json" > "$cache/compile_commands.json"
if [ $# -gt 0 ]; then printf '%s\n' "$@"; else git ls-files 'core/*.cpp' 'proto/*.cpp' 'storage/*.cpp' 'daemon/*.cpp'; fi > "$cache/files"
export tidy cache
xargs -P "$(nproc)" -I{} sh -c '
  key=$( (cat .clang-tidy "$1"; "$tidy" --version; g++ -std=c++20 -I. -MM -MG "$1" 2>/dev/null |
          tr " \\\\" "\n\n" | grep -E "^(core|proto|storage|daemon)/" | sort -u | xargs cat 2>/dev/null) |
         sha256sum | cut -c1-40)
  [ -e "$cache/$key" ] && exit 0
  if "$tidy" --quiet -p "$cache" "$1" > "$cache/$key.out" 2>&1; then mv "$cache/$key.out" "$cache/$key"
  else grep -E "(warning|error):" "$cache/$key.out" || cat "$cache/$key.out"; exit 1; fi
' sh {} < "$cache/files"
