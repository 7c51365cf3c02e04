#!/bin/sh
# Makes what compose mounts as secrets: random keys, and certificates of an authority of our own for Qdrant and the
# search page. Nothing that is there is made anew; put the firm's own web.pem and web.key there before, if it has them.
#   sh infra/compose/secrets.sh FOLDER NAME-OF-THE-SEARCH-PAGE
set -eu
folder=$1 name=$2
umask 077
mkdir -p "$folder"
cd "$folder"

key() { openssl rand -hex 32; }
keep() { [ -s "$1" ] || cat >"$1"; }

certificate() { # file, name
  [ -s "$1.pem" ] && return
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$2" 2>/dev/null
  printf 'subjectAltName=DNS:%s,DNS:localhost\nextendedKeyUsage=serverAuth\n' "$2" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -extfile "$1.ext" -out "$1.pem" 2>/dev/null
  rm "$1.csr" "$1.ext"
}

if [ ! -s ca.pem ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -keyout ca.key -out ca.pem \
    -subj "/CN=Muniment's own authority" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>/dev/null
fi
certificate qdrant qdrant
certificate web "$name"

key | keep postgres_password
key | keep muniment_qdrant_api_key
echo "muniment:$(key)" | keep prefect_auth
password=$(cat postgres_password)
echo "postgresql+psycopg://muniment:$password@postgres:5432/muniment" | keep muniment_database_url
echo "postgresql+asyncpg://muniment:$password@postgres:5432/prefect" | keep prefect_database_url
keep qdrant.yaml <<END
service: {enable_tls: true, api_key: $(cat muniment_qdrant_api_key)}
tls: {cert: /run/secrets/qdrant_cert, key: /run/secrets/qdrant_key}
END
# Containers read them as users of their own: compose mounts a file with the mode that it has here.
chmod 644 ./*
chmod 600 ca.key
chmod 700 .
