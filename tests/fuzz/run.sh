#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the fuzz targets with clang and runs each for GANTRY_FUZZ_SECONDS (20), two at a time.
#   run.sh [BUILD_FOLDER] [TARGET…]     77: clang or its fuzzer runtime is not installed
# What a target found lies in BUILD_FOLDER/found; give the file to bin/fuzz_TARGET to see it again.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-$source/build/fuzz}
shift || true
seconds=${GANTRY_FUZZ_SECONDS:-20}

compiler=""
for name in clang++ clang++-14 clang++-15 clang++-16 clang++-17 clang++-18 clang++-19; do
  command -v "$name" > /dev/null || continue
  runtime=$("$name" -print-file-name=libclang_rt.fuzzer-x86_64.a)
  [ -e "$runtime" ] || runtime=$(ls "$("$name" -print-resource-dir)"/lib/*/libclang_rt.fuzzer*.a 2> /dev/null | head -n 1)
  if [ -n "$runtime" ] && [ -e "$runtime" ]; then
    compiler=$name
    break
  fi
done
if [ -z "$compiler" ]; then
  echo "skipped: no clang++ with libFuzzer (package clang-14 or newer, libclang-rt)"
  exit 77
fi

cmake -S "$source" -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" \
  -DCMAKE_C_COMPILER="${compiler/++/}" -DCMAKE_CXX_COMPILER="$compiler" -DGANTRY_TESTS=OFF -DGANTRY_FUZZ=ON \
  -DGANTRY_SANITIZE=address,undefined,fuzzer-no-link > "$folder.log" 2>&1 || { cat "$folder.log"; exit 1; }
cmake --build "$folder" --target fuzzers -- -j2 > "$folder.log" 2>&1 || { cat "$folder.log"; exit 1; }

run() {
  local target=$1 corpus=$folder/corpus/$1
  mkdir -p "$corpus" "$folder/found"
  case $target in
    yaml | workflow) cp "$source"/tests/golden/workflow_err/*.yml "$source"/.github/workflows/*.yml "$corpus"/ ;;
    expressions) printf '%s' "github.event.list.*.a == 'x' && format('{0}', toJSON(matrix))" > "$corpus/seed" ;;
    globs) printf 'a*[b-d]+/**\nabc/d' > "$corpus/seed" ;;
    commands) printf '::error file=a,line=1::x%%0Ay\nA=b\nC<<X\nd\nX\n' > "$corpus/seed" ;;
  esac
  "$folder/bin/fuzz_$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$folder/found/$target-" "$corpus" > "$folder/$target.log" 2>&1 || {
    echo "$target: found something"
    tail -n 40 "$folder/$target.log"
    return 1
  }
  echo "$target: $(grep -m1 number_of_executed_units "$folder/$target.log" | grep -o '[0-9]*') inputs, nothing found"
}

if [ $# -gt 0 ]; then targets=("$@"); else targets=(yaml workflow expressions globs commands); fi
code=0
for ((i = 0; i < ${#targets[@]}; i += 2)); do
  pids=()
  for target in "${targets[@]:i:2}"; do
    run "$target" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || code=1; done
done
exit $code
