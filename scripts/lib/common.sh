# Sourced by every script: where things are, how to speak, how to stop.
# shellcheck shell=bash

MADOGUCHI_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
MADOGUCHI_CACHE="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/madoguchi"
export MADOGUCHI_ROOT MADOGUCHI_CACHE

if [ -t 1 ]; then
  BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
else
  BOLD='' DIM='' RED='' GREEN='' PLAIN=''
fi

say() { printf '%s\n' "${BOLD}==>${PLAIN} $*"; }
note() { printf '%s\n' "${DIM}    $*${PLAIN}"; }
warn() { printf '%s\n' "${RED}warning:${PLAIN} $*" >&2; }
die() {
  printf '%s\n' "${RED}error:${PLAIN} $*" >&2
  exit 1
}

# Seconds as "7 s" or "12 min 05 s".
span() {
  local s="$1"
  if [ "$s" -lt 60 ]; then printf '%d s' "$s"; else printf '%d min %02d s' $((s / 60)) $((s % 60)); fi
}

# Where cargo puts what it builds. Outside the clone, so that a fresh clone on the same machine starts warm:
# the dependencies are the same and need no second build. CARGO_TARGET_DIR wins when it is set.
target_dir() { printf '%s' "${CARGO_TARGET_DIR:-$MADOGUCHI_CACHE/target}"; }

# Old builds of this crate (each clone's path has its own) are dropped after a week; the dependencies stay.
trim_target() {
  local deps
  for deps in "$(target_dir)"/debug/deps "$(target_dir)"/release/deps; do
    [ -d "$deps" ] || continue
    find "$deps" -maxdepth 1 -type f -mtime +7 \
      \( -name 'madoguchi-*' -o -name 'libmadoguchi-*' -o -name 'it-*' \) -delete
  done
}

# One hash over the content and names of the given files and folders, without what is generated.
content_hash() {
  find "$@" \( -name node_modules -o -name dist -o -name out \) -prune -o -type f -print0 2>/dev/null |
    LC_ALL=C sort -z | xargs -0 -r sha256sum | sha256sum | cut -d' ' -f1
}

# wait_http URL SECONDS PID: until URL answers 2xx. Fails at once when the process PID has ended.
wait_http() {
  local url="$1" limit="$2" pid="$3" end
  end=$((SECONDS + limit))
  while [ "$SECONDS" -lt "$end" ]; do
    if http_ok "$url"; then return 0; fi
    kill -0 "$pid" 2>/dev/null || return 1
    sleep 0.2
  done
  return 1
}

# http_ok URL: whether URL answers 2xx. Node is always there; curl is not.
http_ok() {
  node -e 'fetch(process.argv[1], { signal: AbortSignal.timeout(2000) })
    .then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))' "$1"
}

# stop_pid PID: asks a process to end, waits up to 15 s, then ends it.
stop_pid() {
  local pid="$1" tries=0
  kill -0 "$pid" 2>/dev/null || return 0
  kill -TERM "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -gt 75 ]; then
      warn "process $pid did not end within 15 s; it is killed"
      kill -KILL "$pid" 2>/dev/null || true
      break
    fi
    sleep 0.2
  done
  wait "$pid" 2>/dev/null || true
}
