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
  libspdlog-dev nlohmann-json3-dev libsqlite3-dev libssl-dev libseccomp-dev libzstd-dev zlib1g-dev libpcre2-dev
  libcli11-dev doctest-dev"
test="python3 python3-jsonschema python3-yaml python3-pip sqlite3 curl openssl util-linux procps iproute2 openssh-server
  git-lfs"

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

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo > /dev/null; then
    sudo "$@"
  else
    echo "install-deps: this needs root, and there is no sudo: $*" >&2
    exit 1
  fi
}

missing=
for package in $wanted; do
  case "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" in
    installed) ;;
    *) missing="$missing $package" ;;
  esac
done
if [ -n "$missing" ]; then
  echo "installing:$missing"
  # The tests run sshd themselves, on loopback; installing it must not open this machine to others.
  case "$missing" in *openssh-server*)
    echo "as a service, sshd stays off until /etc/ssh/sshd_not_to_be_run is removed"
    as_root mkdir -p /etc/ssh
    as_root touch /etc/ssh/sshd_not_to_be_run
  esac
  as_root apt-get update -q > /dev/null
  # shellcheck disable=SC2086  # words on purpose
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing > /dev/null
fi

# Where AppArmor lets only programs with a profile make user namespaces (Ubuntu 24.04), bubblewrap
# gets one that allows them and confines nothing else.
restricted=$(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null || echo 0)
if [ "$restricted" = 1 ] && ! grep -qs /usr/bin/bwrap /etc/apparmor.d/*; then
  echo "installing: /etc/apparmor.d/gantry-bwrap, so that bubblewrap may make user namespaces"
  as_root tee /etc/apparmor.d/gantry-bwrap > /dev/null << 'EOF'
# Made by Gantry's deploy/install-deps.sh.
abi <abi/4.0>,
include <tunables/global>
profile gantry-bwrap /usr/bin/bwrap flags=(unconfined) {
  userns,
}
EOF
  as_root apparmor_parser --replace /etc/apparmor.d/gantry-bwrap
fi
