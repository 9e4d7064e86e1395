#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# From nothing to a finished run: installs what is missing, builds, starts gantryd on loopback,
# mirrors a repository, delivers a signed push of its head, shows the run.
#   deploy/quickstart.sh [REPOSITORY [WORKFLOW.yml]]   path or URL; default: this checkout
#   deploy/quickstart.sh --stop                        ends the gantryd it left running
# Environment: GANTRY_PORT (8480, or the next free one), GANTRY_QUICKSTART_STATE (where
# everything is kept).
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
die() { printf 'quickstart: %s\n' "$*" >&2; exit 1; }

# Jobs never run as root: as root, everything but the installation is done by this user.
if [ "$(id -u)" -eq 0 ]; then
  user=gantry
  id "$user" > /dev/null 2>&1 ||
    useradd --system --home-dir /var/lib/gantry-quickstart --no-create-home --shell /usr/sbin/nologin "$user"
  state=${GANTRY_QUICKSTART_STATE:-/var/lib/gantry-quickstart}
  install -d -m 0700 -o "$user" -g "$user" "$state"
  as() { runuser -u "$user" -- env HOME="$state" "$@"; }
  # systemd gives gantryd control groups of its own, so that jobs have limits.
  service() {
    systemd-run --quiet --collect --property=User="$user" --property=Delegate=yes \
      --property=KillMode=process --setenv=HOME="$state" "$@"
  }
else
  state=${GANTRY_QUICKSTART_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/gantry-quickstart}
  mkdir -p -m 0700 "$state"
  as() { "$@"; }
fi
pid_file=$state/gantryd.pid
socket=$state/run/gantry.sock

stop_daemon() {
  [ -f "$pid_file" ] || return 0
  local pid
  pid=$(cat "$pid_file")
  # Only what we started: the number may be another program's by now.
  if [ "$(readlink "/proc/$pid/exe" 2>/dev/null | sed 's/ (deleted)$//')" = "$state/bin/gantryd" ]; then
    kill "$pid"
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  fi
  rm -f "$pid_file"
}

if [ "${1:-}" = --stop ]; then
  stop_daemon
  exit 0
fi
[ $# -le 2 ] || die "usage: deploy/quickstart.sh [REPOSITORY [WORKFLOW.yml]] | --stop"
source=${1:-$here}
workflow=${2:-}
needed=build
# Our own checkout has a light workflow made for this; its others build and test, with what is
# installed here.
if [ "$(cd "$source" 2>/dev/null && pwd || true)" = "$here" ]; then
  if [ -z "$workflow" ]; then workflow=quickstart.yml; else needed=test; fi
fi

"$here/deploy/install-deps.sh" "$needed"
build=$here/build/release
[ -w "$here" ] || build=$state/build  # somebody else's checkout
say "building (the first time takes some minutes)"
(cd "$here" && cmake --preset release -B "$build" -DGANTRY_TESTS=OFF) > "$state/configure.log" 2>&1 ||
  { cat "$state/configure.log"; die "configuring failed"; }
cmake --build "$build" --target gantryd gantry gantry-runner gantry-agent gantry-git

# Copied to where the daemon's user can read them, whatever the checkout's folder allows. A program
# that runs is replaced, not written over.
as mkdir -p "$state/bin" "$state/config"
changed=
for program in gantryd gantry gantry-runner gantry-agent gantry-git; do
  if ! cmp -s "$build/bin/$program" "$state/bin/$program"; then
    changed=yes
    install -m 0755 "$build/bin/$program" "$state/bin/.$program.new"
    mv -f "$state/bin/.$program.new" "$state/bin/$program"
  fi
done
gantry() { as "$state/bin/gantry" --socket "$socket" "$@"; }

say "what this machine can do"
managed=
[ "$(id -u)" -ne 0 ] || [ ! -d /run/systemd/system ] || managed=yes
if [ -n "$managed" ]; then
  doctor() { service --pipe --wait "$state/bin/gantry" doctor "$@"; }
else
  doctor() { gantry doctor "$@"; }
fi
doctor --state "$state" || die "this machine cannot run jobs yet; mend what is marked X above"

if [ -d "$source" ]; then
  source=$(cd "$source" && pwd)
  name=$(basename "$source")
else
  name=$(basename "${source%.git}")
fi
name=quickstart/$(printf %s "$name" | tr -c 'A-Za-z0-9._-' '-')
mirror=$state/repositories/$name.git
say "mirroring $source"
# Whoever owns the checkout, it is this call that names it. git's children see files, not `-c`.
{
  printf '[safe]\n\tdirectory = *\n'
  for file in "${XDG_CONFIG_HOME:-$HOME/.config}/git/config" "$HOME/.gitconfig"; do
    printf '[include]\n\tpath = "%s"\n' "$file"
  done
} > "$state/gitconfig"
export GIT_CONFIG_GLOBAL=$state/gitconfig
mkdir -p "$(dirname "$mirror")"
if [ -d "$source" ]; then
  # The commit that is checked out, also where it is on no branch.
  head=$(git -C "$source" rev-parse -q --verify 'HEAD^{commit}') ||
    die "'$source' is not a git repository with a commit"
  [ "$(git -C "$source" rev-parse --is-shallow-repository)" = false ] ||
    die "'$source' is a shallow clone, which cannot be mirrored; git -C '$source' fetch --unshallow"
  branch=$(git -C "$source" symbolic-ref -q --short HEAD || echo main)
  [ -z "$(git -C "$source" status --porcelain)" ] || echo "what is not committed there is left out"
fi
[ -d "$mirror" ] || git init -q --bare "$mirror"
git --git-dir "$mirror" fetch -q --prune --force "$source" '+refs/heads/*:refs/heads/*' '+refs/tags/*:refs/tags/*'
if [ -d "$source" ]; then
  git --git-dir "$mirror" fetch -q --force "$source" "+HEAD:refs/heads/$branch"
else
  branch=$(git ls-remote --symref "$source" HEAD | sed -n 's#^ref: refs/heads/\(.*\)\tHEAD$#\1#p')
  head=$(git --git-dir "$mirror" rev-parse -q --verify "refs/heads/$branch^{commit}") ||
    die "'$source' has no default branch with a commit"
fi
git --git-dir "$mirror" symbolic-ref HEAD "refs/heads/$branch"
message=$(git --git-dir "$mirror" log -1 --format=%B "$head")
git --git-dir "$mirror" ls-tree --name-only "$head" .github/workflows/ | grep -q . ||
  die "'$source' has no .github/workflows at $head"
[ "$(id -u)" -ne 0 ] || chown -R "$user:$user" "$state/repositories"

secret=$state/config/webhook-secret
[ -s "$secret" ] || (umask 077; head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$secret")
config=$state/config/gantry.yaml
# The port of last time, or the first free one.
port=${GANTRY_PORT:-$(sed -n 's/^listen: .*127\.0\.0\.1:\([0-9]*\).*/\1/p' "$config" 2>/dev/null || true)}
if [ -z "$port" ]; then
  port=8480
  while (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do port=$((port + 1)); done
fi
cat > "$config.new" <<EOF
# Made by deploy/quickstart.sh; every key is explained in config/gantry.yaml of the sources.
state: $state
listen: {http: ["127.0.0.1:$port"]}
github: {webhook_secret_files: [$secret]}
read_only_mounts: [/var/lib/dpkg]  # jobs see which packages there are
repositories:
  - name: $name
    clone_url: $mirror
    workflows: [${workflow}]
EOF
if ! cmp -s "$config.new" "$config"; then changed=yes; fi
mv "$config.new" "$config"
[ "$(id -u)" -ne 0 ] || chown -R "$user:$user" "$state/config"

running() { [ -S "$socket" ] && curl -sf --unix-socket "$socket" http://gantry/healthz > /dev/null; }
if [ -n "$changed" ] || ! running; then
  stop_daemon
  say "starting gantryd on 127.0.0.1:$port, state in $state"
  if [ -n "$managed" ]; then
    service --property=StandardOutput=null \
      --property=StandardError="truncate:$state/gantryd.log" "$state/bin/gantryd" --config "$config"
  else
    as setsid --fork "$state/bin/gantryd" --config "$config" < /dev/null > "$state/gantryd.log" 2>&1
  fi
  for _ in $(seq 100); do running && break; sleep 0.1; done
  running || { cat "$state/gantryd.log"; die "gantryd did not start"; }
  pgrep -f "^$state/bin/gantryd --config" | head -n 1 > "$pid_file"
fi

say "delivering a signed push of $branch at ${head:0:12}"
# Another 'before' each time: a second call is another push, not the same one delivered twice.
before=$(head -c 20 /dev/urandom | od -An -tx1 | tr -d ' \n')
delivery=$(gantry hook push --repo "$name" --ref "refs/heads/$branch" --before "$before" \
  --after "$head" --default-branch "$branch" --message "$message" --secret-file "$secret")
runs=$(gantry delivery "$delivery" --wait --run-ids) || exit 1
status=0
for run in $runs; do
  gantry watch "$run"
  echo
  gantry view "$run" --exit-status || status=$?
done
cat <<EOF

Where to look next:
  $state/bin/gantry --socket $socket logs $run
  $state/bin/gantry --socket $socket runs
  curl --unix-socket $socket http://gantry/api/gantry/v1/runs/$run
  $config (config), $state/gantryd.log (log); gantryd goes on: deploy/quickstart.sh --stop ends it
EOF
exit "$status"
