#!/usr/bin/env bash
# Builds the release preset, runs the benchmarks and prints one table (docs/performance.md).
# Arguments go to bench.py: [--rounds N] [language|actions|latency|rate|log|idle|intake|blobs ...]
set -euo pipefail
cd "$(dirname "$0")/../.."
cmake --preset release >/dev/null
cmake --build --preset release --target bench_programs >&2
exec python3 -B tests/bench/bench.py "$@"
