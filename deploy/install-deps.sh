#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs from the distribution what building, running or testing Gantry needs.
#   deploy/install-deps.sh run|build|test
# Debian 12, Debian 13, Ubuntu 24.04. Does nothing, and needs no root, when all is there.
set -eu

usage="usage: deploy/install-deps.sh run|build|test"
[ $# -eq 1 ] || { echo "$usage" >&2; exit 2; }

run="bubblewrap slirp4netns git ca-certificates openssh-client curl procps util-linux"
build="g++ cmake ninja-build pkg-config ccache mold git libexpected-dev libyaml-dev libgit2-dev
  libspdlog-dev nlohmann-json3-dev libsqlite3-dev libssl-dev libseccomp-dev libzstd-dev libpcre2-dev
  libcli11-dev doctest-dev"
test="python3 python3-jsonschema python3-yaml sqlite3 curl openssl util-linux procps"

. /etc/os-release
# Boost.Process v2 came with 1.80; Debian 12's default is older, but it has 1.81 beside it.
case "${ID:-}:${VERSION_ID:-}" in
  debian:12) build="$build libboost1.81-dev"; test="$test clang-format-14 clang-tidy-14" ;;
  debian:* | ubuntu:*) build="$build libboost-dev" ;;
  *) echo "install-deps: '${PRETTY_NAME:-unknown}' is not a system this script knows; it needs: $run $build" >&2
     exit 1 ;;
esac

case "$1" in
  run) wanted=$run ;;
  build) wanted="$run $build" ;;
  test) wanted="$run $build $test" ;;
  *) echo "$usage" >&2; exit 2 ;;
esac

missing=
for package in $wanted; do
  case "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" in
    installed) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
  as_root=
elif command -v sudo > /dev/null; then
  as_root=sudo
else
  echo "install-deps: these packages are missing and there is no sudo; as root: apt-get install$missing" >&2
  exit 1
fi
echo "installing:$missing"
$as_root apt-get update -q > /dev/null
# shellcheck disable=SC2086  # words on purpose
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing > /dev/null
