#!/usr/bin/env bash
# The proof that counts: the committed tree, in a new folder, with a new virtual environment, keeps both promises.
# The demo runs twice: the second time it finds everything done. Usage: infra/fresh-clone.sh [FOLDER]
set -euo pipefail
folder=${1:-$(mktemp -d)}
git clone --quiet "$(git rev-parse --show-toplevel)" "$folder/muniment"
cd "$folder/muniment"
for target in demo test demo; do
  echo "== make $target"
  make "$target"
done
echo "both promises hold in $folder/muniment"
