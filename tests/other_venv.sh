#!/usr/bin/env bash
# Makes the virtual environment of an oracle that cannot share ours, once, in the user's cache folder, and prints the path of
# its Python. Needs a package index the first time.
#   tests/other_venv.sh tests/sparkplug_other_requirements.txt
set -euo pipefail
wanted=$1
name=$(basename "$wanted" _requirements.txt)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/qilu/$name-$(sha256sum "$wanted" | cut -c1-12)
if [ ! -e "$folder/ready" ]; then
  rm -rf "$folder.$$"
  "${PYTHON:-python3}" -m venv "$folder.$$" >&2
  "$folder.$$/bin/python" -m pip install --quiet --require-hashes --requirement "$wanted" >&2
  touch "$folder.$$/ready"
  rm -rf "$folder"
  mv "$folder.$$" "$folder"  # nobody ever sees half an environment; only its Python is used, so that it may move
fi
echo "$folder/bin/python"
