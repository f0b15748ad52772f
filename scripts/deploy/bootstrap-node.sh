#!/usr/bin/env bash
# Prepares a bare host for a service: Docker or Python, users, groups, folders, an empty settings file. Safe to repeat.
set -uo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)

usage() {
  cat <<'TEXT'
usage: bootstrap-node.sh (--node HOST | --here) --service NAME [--systemd] [--operator USER] [--dry-run] [--inventory FILE]

Prepares a bare Debian, Ubuntu or Raspberry Pi OS for a service, over ssh as root or with sudo. The second run changes nothing.

  --node HOST        a host by its name in the mesh's Ansible inventory
  --here             this machine itself; its name in the mesh is --name NAME, or the host's
  --service NAME     one of those in services/, such as node-agent; once for each that shall run there
  --systemd          for the way without Docker: Python instead of an engine
  --operator USER    a person who may approve there; needed only where actions/ lies
  --dry-run          says what would be made

It makes: Docker with Compose, or python3; the groups mendmesh and operators and the service's user, with the same numbers
on every host; /opt/mendmesh (releases), /etc/mendmesh/NAME.env (mode 600, values are for you to write there).
Exit codes: 0 prepared, 2 usage, 10-12 ssh as in deploy.sh, 17 could not be prepared.
TEXT
}

SERVICE='' ONE='' LOCAL='' DRY=really KIND=docker NAME='' PERSON=''
# shellcheck source=lib/words.sh
. "$HERE/lib/words.sh"
want() { case ${2:-} in '' | -*) usage_error "$1 needs a value; see --help" ;; esac; }
while [ $# -gt 0 ]; do
  case $1 in
    --service) want "$@"; SERVICE=$2; shift ;;
    --node) want "$@"; ONE=$2; shift ;;
    --name) want "$@"; NAME=$2; shift ;;
    --here) LOCAL=yes ;;
    --operator) want "$@"; PERSON=$2; shift ;;
    --systemd) KIND=systemd ;;
    --dry-run) DRY=dry ;;
    --inventory) want "$@"; INVENTORY=$2; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage_error "$1 is not an option; see --help" ;;
  esac
  shift
done
[ -n "$SERVICE" ] || usage_error "for which service? --service NAME; see --help"
[ -f "$ROOT/services/$SERVICE/service.yaml" ] || usage_error "there is no service '$SERVICE'"
[ -n "$ONE$LOCAL" ] || usage_error "which host? --node HOST or --here"

WORK=$(mktemp -d "${TMPDIR:-/tmp}/mm-deploy.XXXXXX")
for room in lib/nodes lib/ssh lib/users; do
  # shellcheck source=/dev/null
  . "$HERE/$room.sh"
done
[ -n "$(number_of "$SERVICE")" ] || usage_error "$SERVICE has no user in scripts/image/trim.sh"
tidy() { close_connection; rm -rf "$WORK"; }
trap tidy EXIT
trap 'echo "stopped; run it again, it goes on where it was" >&2; exit 130' INT TERM
if [ -n "$LOCAL" ]; then
  NODE=${NAME:-$(hostname)} CONNECTION=local NODE_RUNTIME=/opt/homelab SSH_USER=''
else
  read_inventory
  choose_node "$ONE"
  open_connection
fi
title "$NODE for $SERVICE ($KIND)"
on_node_script prepare "$NODE" "$DRY" "$(number_of "$SERVICE")" "$(group_of "$SERVICE")" "$PERSON" >"$WORK/prepare" 2>"$WORK/prepare.err"
while IFS='=' read -r key value; do
  case $key in
    there) STAGE=there ;;
    made) STAGE=made ;;
    would) STAGE=would ;;
    todo) note "${YELLOW}to do:${PLAIN} $value"; continue ;;
    *) continue ;;
  esac
  printf '  %-6s %s\n' "$STAGE" "$value"
done <"$WORK/prepare"
STAGE=''
grep -q '^done=yes' "$WORK/prepare" || fail 17 "$(cat "$WORK/prepare" "$WORK/prepare.err" | sed 's/^error=//' | tail -n 1)"
if [ "$DRY" = dry ]; then note "nothing was changed (dry run)"; elif grep -q '^made=' "$WORK/prepare"; then note "prepared"; else note "no change: it was prepared"; fi
