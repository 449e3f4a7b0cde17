# A private PostgreSQL for tests: its own data, its own port, gone at the end. Needs no service manager
# and touches no cluster of the machine.
# shellcheck shell=bash

PG_DIR=''

need_postgres() {
  [ -n "$(pg_bin)" ] || need_apt "the same tests run on PostgreSQL as on SQLite" postgresql
  [ -n "$(pg_bin)" ] || die "PostgreSQL is installed but its initdb was not found"
}

# The newest installed server's programs.
pg_bin() {
  local dir
  for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
    if [ -x "$dir/initdb" ]; then
      printf '%s' "$dir"
      return 0
    fi
  done
}

# PostgreSQL refuses to run as root.
pg_as_user() {
  if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

# pg_start [durable]: exports MADOGUCHI_TEST_POSTGRES_URL, and MADOGUCHI_REQUIRE_POSTGRES so that no test is
# quietly left out. The caller traps pg_stop. Tests lose nothing of value in a power cut, so a commit does not
# wait for the disk; with `durable` it does, as PostgreSQL comes.
pg_start() {
  local mode="${1:-}" bin port try
  need_postgres
  bin="$(pg_bin)"
  PG_DIR="$(mktemp -d /tmp/madoguchi-pg.XXXXXX)"
  if [ "$(id -u)" = 0 ]; then chown postgres: "$PG_DIR"; fi
  (cd "$PG_DIR" && pg_as_user "$bin/initdb" --pgdata="$PG_DIR/data" --username=madoguchi --auth=trust \
    --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$PG_DIR/initdb.log" 2>&1) || {
    cat "$PG_DIR/initdb.log" >&2
    die "initdb failed"
  }
  # Tests ask for many databases and connections at once.
  cat >>"$PG_DIR/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$PG_DIR'
max_connections = 400
shared_buffers = 128MB
autovacuum = off
CONF
  if [ "$mode" != durable ]; then
    printf '%s = off\n' fsync synchronous_commit full_page_writes >>"$PG_DIR/data/postgresql.conf"
  fi
  for try in 1 2 3 4 5; do
    port="$(free_port)"
    if (cd "$PG_DIR" && pg_as_user "$bin/pg_ctl" --pgdata="$PG_DIR/data" --options="-p $port" \
      --log="$PG_DIR/log" --timeout=60 --wait start >"$PG_DIR/ctl.log" 2>&1); then
      MADOGUCHI_TEST_POSTGRES_URL="postgres://madoguchi@127.0.0.1:$port/postgres"
      export MADOGUCHI_TEST_POSTGRES_URL MADOGUCHI_REQUIRE_POSTGRES=1
      return 0
    fi
    note "PostgreSQL did not start on port $port (try $try)"
  done
  tail -20 "$PG_DIR/log" >&2
  die "PostgreSQL did not start"
}

pg_stop() {
  [ -n "$PG_DIR" ] || return 0
  (cd "$PG_DIR" && pg_as_user "$(pg_bin)/pg_ctl" --pgdata="$PG_DIR/data" --mode=immediate --wait stop) \
    >/dev/null 2>&1 || true
  rm -rf "$PG_DIR"
  PG_DIR=''
}

# A TCP port that nothing listens on now.
free_port() {
  node -e 'const s = require("net").createServer();
    s.listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); });'
}
