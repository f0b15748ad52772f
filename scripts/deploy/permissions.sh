#!/bin/sh
# Folders, owners, modes, passwords and Redis users of a deployment without compose; the same code as its service
# `permissions`. As root:  scripts/deploy/permissions.sh [--here NAME] [--node NAME]... [--check] /opt/homelab
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
for python in "${MENDMESH_PYTHON:-}" "$here/.venv/bin/python" /opt/mendmesh/bin/python; do
    if [ -x "$python" ] && "$python" -c 'import mesh_core' 2>/dev/null; then
        exec "$python" -m mesh_core.security.bootstrap "$@"
    fi
done
echo "permissions.sh: no Python with mesh_core here; run \`make env\`, or set MENDMESH_PYTHON" >&2
exit 2
