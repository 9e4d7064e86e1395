#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing, builds, runs every test, ends with ctest's summary.
#   tests/run.sh [--preset dev|release|asan|tsan] [ctest options, e.g. -L unit or -R scheduler]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=dev
if [ "${1:-}" = --preset ]; then
  preset=${2:?--preset needs a name}
  shift 2
fi

./deploy/install-deps.sh test
# Jobs never run as root: as root, the tests that start them do it as this user, who must be able to
# read the build. Where it cannot (a checkout under /root), work on a copy it can read.
if [ "$(id -u)" -eq 0 ]; then
  id gantry-test > /dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin gantry-test
  if ! runuser -u gantry-test -- test -r "$PWD/CMakeLists.txt"; then
    copy=/var/lib/gantry-test/$(printf %s "$PWD" | sha256sum | cut -c1-12)
    mkdir -p "$copy"
    find "$copy" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
    # Whoever owns the checkout, it is this call that names it.
    GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' git ls-files -z |
      xargs -0 cp --parents -pt "$copy"
    chown -R root:root "$copy"
    git -C "$copy" init -q
    git -C "$copy" add -A
    export GANTRY_SHARED_DIR="${GANTRY_SHARED_DIR:-$PWD/../shared}"
    echo "the tests' user cannot read $PWD: working on the copy $copy"
    cd "$copy"
  fi
fi

export GANTRY_SHARED_DIR="${GANTRY_SHARED_DIR:-$PWD/../shared}"
export GANTRY_CONFORMANCE_DIR="${GANTRY_CONFORMANCE_DIR:-$GANTRY_SHARED_DIR/conformance}"
cmake --preset "$preset" > "${TMPDIR:-/tmp}/gantry-configure.$$" || { cat "${TMPDIR:-/tmp}/gantry-configure.$$"; exit 1; }
rm -f "${TMPDIR:-/tmp}/gantry-configure.$$"
cmake --build --preset "$preset"
# What was skipped, and why, comes before the summary: ctest itself keeps the reasons in its log.
reasons() {
  # The log has its own name once ctest is through with it.
  { cat "$1.tmp" 2> /dev/null || cat "$1"; } |
    awk '/^[0-9]+\/[0-9]+ Test: / { test = $0; sub(/^[^:]*: /, "", test) }
         sub(/^.*MESSAGE: (skipped|SKIPPED)[:,]? /, "") || sub(/^(skipped|SKIPPED):? /, "") ||
         sub(/^.* \.\.\. skipped /, "") { if (!said[test, $0]++) print "skipped in " test ": " $0 }'
}
ctest --preset "$preset" --no-tests=error "$@" |
  while IFS= read -r line; do
    if [[ $line =~ ^[0-9]+%\ tests\ passed ]]; then reasons "build/$preset/Testing/Temporary/LastTest.log"; fi
    printf '%s\n' "$line"
  done
