# Sourced by .ci/run: a PostgreSQL of the run's own on loopback, for the catalog's contract suite.
# Sets MUNIMENT_TEST_POSTGRES_URL, and stops the server and removes its data when the shell ends.
if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
fi
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
pg_data=$(mktemp -d /tmp/muniment-pg-XXXXXX)
pg_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
chown postgres "$pg_data"
trap 'runuser -u postgres -- "$pg_bin/pg_ctl" -D "$pg_data/db" -m immediate stop >/dev/null 2>&1; rm -rf "$pg_data"' EXIT
runuser -u postgres -- "$pg_bin/initdb" -D "$pg_data/db" -A trust -U muniment >/dev/null
runuser -u postgres -- "$pg_bin/pg_ctl" -D "$pg_data/db" -w -l "$pg_data/log" \
  -o "-p $pg_port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$pg_data -c fsync=off" start >/dev/null
runuser -u postgres -- "$pg_bin/createdb" -h 127.0.0.1 -p "$pg_port" -U muniment muniment_test
export MUNIMENT_TEST_POSTGRES_URL="postgresql+psycopg://muniment@127.0.0.1:$pg_port/muniment_test"
