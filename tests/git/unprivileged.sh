#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a test program once more as 'nobody'. Skipped (77) where that is not possible.
set -eu
[ "$(id -u)" = 0 ] || { echo "skipped: not root, the other run was unprivileged already"; exit 77; }
command -v runuser > /dev/null || { echo "skipped: runuser is not installed"; exit 77; }
runuser -u nobody -- test -x "$1" || { echo "skipped: nobody cannot reach $1"; exit 77; }
cd /tmp
exec runuser -u nobody -- env HOME=/tmp "$@"
