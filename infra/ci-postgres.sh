# Sourced by .ci/run: a PostgreSQL of the run's own on loopback, for the catalog's contract suite.
# Sets MUNIMENT_TEST_POSTGRES_URL; stops the server when the run ends.
if ! command -v pg_ctlcluster >/dev/null; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
fi
