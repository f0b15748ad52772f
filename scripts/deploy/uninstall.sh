#!/usr/bin/env bash
# Takes a service off a node. Keeps its settings and the data of the mesh, unless --purge; asks before anything goes.
set -uo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)

usage() {
  cat <<'TEXT'
usage: uninstall.sh --service NAME --node HOST [--purge] [--yes] [--dry-run] [--inventory FILE]

Stops a service on a node and removes its container or unit, images and releases.

  --purge      also its settings and secrets; with the last service of the node also the data (actions, events, config)
  --yes        does not ask
  --dry-run    says what would go

Kept without --purge: /etc/mendmesh/NAME.env and the runtime folder with the secrets. Users, groups, Docker and
Python stay in any case. Exit codes: 0 gone, 1 you said no, 2 usage, 10-12 ssh as in deploy.sh, 18 could not be removed.
TEXT
}

SERVICE='' ONE='' DRY=really PURGE=keep YES=''
# shellcheck source=lib/words.sh
. "$HERE/lib/words.sh"
want() { case ${2:-} in '' | -*) usage_error "$1 needs a value; see --help" ;; esac; }
while [ $# -gt 0 ]; do
  case $1 in
    --service) want "$@"; SERVICE=$2; shift ;;
    --node) want "$@"; ONE=$2; shift ;;
    --purge) PURGE=purge ;;
    --yes) YES=yes ;;
    --dry-run) DRY=dry ;;
    --inventory) want "$@"; INVENTORY=$2; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage_error "$1 is not an option; see --help" ;;
  esac
  shift
done
[ -n "$SERVICE" ] || usage_error "which service? --service NAME; see --help"
[ -f "$ROOT/services/$SERVICE/service.yaml" ] || usage_error "there is no service '$SERVICE'"
[ -n "$ONE" ] || usage_error "which node? --node HOST"
KIND=any

WORK=$(mktemp -d "${TMPDIR:-/tmp}/mm-deploy.XXXXXX")
for room in lib/nodes lib/ssh; do
  # shellcheck source=/dev/null
  . "$HERE/$room.sh"
done
tidy() { close_connection; rm -rf "$WORK"; }
trap tidy EXIT
trap 'echo "stopped; run it again, it removes the rest" >&2; exit 130' INT TERM
read_inventory
choose_node "$ONE"
open_connection
if [ -z "$YES" ] && [ "$DRY" = really ]; then
  what="$SERVICE from $NODE; its settings and data are kept"
  [ "$PURGE" = keep ] || what="$SERVICE from $NODE with its settings, and with the last service all data in $NODE_RUNTIME"
  printf 'This removes %s.\nType the name of the node to go on: ' "$what"
  read -r answer || answer=''
  [ "$answer" = "$NODE" ] || { printf '\nnothing was removed\n' >&2; exit 1; }
fi
title "$SERVICE off $NODE"
on_node_script remove "$DRY" "$PURGE" >"$WORK/remove" 2>"$WORK/remove.err"
sed -n -e 's/^gone=/  gone   /p' -e 's/^would=/  would  /p' -e 's/^kept=/  kept   /p' "$WORK/remove"
grep -q '^done=' "$WORK/remove" || fail 18 "$(cat "$WORK/remove" "$WORK/remove.err" | sed 's/^error=//' | tail -n 1)"
if [ "$DRY" = dry ]; then note "nothing was changed (dry run)"; elif grep -q '^gone=' "$WORK/remove"; then note "gone"; else note "no change: there was nothing of it"; fi
