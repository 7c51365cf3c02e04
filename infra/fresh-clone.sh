#!/usr/bin/env bash
# The proof that counts: the committed tree, in a new folder, with a new virtual environment, keeps both promises.
# Each command runs twice, because both can be run again. Usage: infra/fresh-clone.sh [FOLDER]
set -euo pipefail
folder=${1:-$(mktemp -d)}
git clone --quiet "$(git rev-parse --show-toplevel)" "$folder/muniment"
cd "$folder/muniment"
for target in demo demo test test; do
  echo "== make $target"
  make "$target"
done
echo "both promises hold in $folder/muniment"
