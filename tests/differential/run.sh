#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Generated expressions and workflows: Gantry against @actions/expressions and @actions/workflow-parser.
#   run.sh PROGRAM BUILD_FOLDER [SEED]     77: node, npm or the registry cannot be had
set -euo pipefail
program=$1
folder=$2/packages
seed=${3:-20260824}
here=$(cd "$(dirname "$0")" && pwd)

skip() {
  echo "skipped: $1"
  exit 77
}
major=$(node -p 'process.versions.node.split(".")[0]' 2> /dev/null) || skip "no node"
[ "$major" -ge 20 ] || skip "node is older than 20"
command -v npm > /dev/null || skip "no npm"

mkdir -p "$folder"
cp "$here"/*.mjs "$here"/package.json "$folder"/
cd "$folder"
if ! cmp -s package.json node_modules/.installed; then
  timeout 120 npm install --no-audit --no-fund --no-save --ignore-scripts --no-package-lock > npm.log 2>&1 ||
    skip "npm cannot install the packages: $(tail -n 1 npm.log)"
  cp package.json node_modules/.installed
fi
code=0
for check in check_expressions check_workflows; do
  node --import ./json_modules.mjs "$check.mjs" "$program" "$seed" || code=1
done
exit $code
