#!/usr/bin/env bash
# Brings one service to one node or to all that should run it: looks, sends what changed, starts, proves, or goes back.
set -uo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)

usage() {
  cat <<'TEXT'
usage: deploy.sh --service NAME [--node HOST | --all] [--dry-run] [--rollback] [--systemd]

Brings a service of this checkout to a node, over ssh. Doing it twice does nothing the second time; what is not healthy
afterwards is rolled back to the version that was. Hosts are those of the mesh's own Ansible inventory.

  --service NAME     one of those in services/, such as node-agent
  --node HOST        one host, by its name in the inventory; unset: the only one that should run the service, else the
                     only one there is, else the only one with ansible_connection: local
  --all              every host that should run it: mendmesh_services in the inventory (unset: node-agent alone)
  --systemd          as a systemd unit with the node's own Python, without Docker
  --rollback         back to the version that was proven healthy before the current one
  --dry-run          look and say what would be done; changes nothing
  --wait SECONDS     how long it may take to become healthy (90)
  --build-on WHERE   here, node or auto: where the image is built (auto: here when the processors are alike)
  --inventory FILE   the inventory (RUNTIME_PATH/config/inventory.yml, ./var in a checkout)

First time on a host:   scripts/deploy/bootstrap-node.sh --node web01 --service node-agent
                        then write its settings on the node, into /etc/mendmesh/node-agent.env (they never leave it)
Then, and every time:   scripts/deploy/deploy.sh --service node-agent --node web01

Exit codes, by the stage that failed. Until `up` begins, what runs on the node is untouched:
   0 done, or nothing to do      2 usage, inventory, or this machine
  preflight  10 unreachable  11 key refused  12 host key unknown or changed  13 disk  14 engine or Python  15 clock
             16 settings  17 not prepared
  20 sync    30 build or load    40 migrate
  50 up      failed; the version before runs again        60 verify failed; the version before runs again, healthy
  61 failed, and no healthy version runs now              62 --rollback: nothing to go back to
 130 stopped by you; the last line says where it stands
With --all the other nodes are still served after 10-17; a version that fails on one node goes to no other.
Settings are never read from here: no .env file is copied. More: scripts/deploy/README.md
TEXT
}

SERVICE='' ONE='' ALL='' DRY='' BACK='' SYSTEMD='' WAIT_SECONDS=90 BUILD_ON=auto
want() { case ${2:-} in '' | -*) usage_error "$1 needs a value; see --help" ;; esac; }
# shellcheck source=lib/words.sh
. "$HERE/lib/words.sh"
while [ $# -gt 0 ]; do
  case $1 in
    --service) want "$@"; SERVICE=$2; shift ;;
    --node) want "$@"; ONE=$2; shift ;;
    --all) ALL=yes ;;
    --systemd) SYSTEMD=yes ;;
    --rollback) BACK=yes ;;
    --dry-run) DRY=yes ;;
    --wait) want "$@"; WAIT_SECONDS=$2; shift ;;
    --build-on) want "$@"; BUILD_ON=$2; shift ;;
    --inventory) want "$@"; INVENTORY=$2; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage_error "$1 is not an option; see --help" ;;
  esac
  shift
done
services() { (cd "$ROOT/services" && for f in */service.yaml; do printf '%s ' "${f%/*}"; done); }
[ -n "$SERVICE" ] || usage_error "which service? --service NAME, one of: $(services)"
[ -f "$ROOT/services/$SERVICE/service.yaml" ] || usage_error "there is no service '$SERVICE'; there are: $(services)"
[ -z "$ONE" ] || [ -z "$ALL" ] || usage_error "--node and --all exclude each other"
case $WAIT_SECONDS in '' | *[!0-9]* | 0) usage_error "--wait wants seconds, such as 90" ;; esac
case $BUILD_ON in here | node | auto) ;; *) usage_error "--build-on is here, node or auto" ;; esac
KIND=docker UNIT=mendmesh-$SERVICE.service
[ -z "$SYSTEMD" ] || KIND=systemd
if [ "$KIND" = systemd ]; then need=$UNIT; else need=compose.yml; fi
[ -f "$ROOT/services/$SERVICE/$need" ] || usage_error "$SERVICE cannot be deployed this way: $need is not in this checkout"
page=$ROOT/services/$SERVICE
[ "$KIND" = docker ] || [ ! -d "$page/page" ] || [ -f "$page/src/$SERVICE/web/dist/index.html" ] \
  || usage_error "the dashboard is not built in this checkout; run 'make page' once"
for tool in ssh tar; do command -v "$tool" >/dev/null || usage_error "needs $tool on this machine"; done

WORK=$(mktemp -d "${TMPDIR:-/tmp}/mm-deploy.XXXXXX")
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/mendmesh/parts
tidy() { close_connection; rm -rf "$WORK"; }
stopped() { trap '' INT TERM; where_it_stands; exit 130; }
for room in lib/nodes lib/ssh lib/release stages/preflight stages/sync stages/build stages/migrate stages/up stages/verify \
  stages/rollback; do
  # shellcheck source=/dev/null
  . "$HERE/$room.sh"
done
trap tidy EXIT
trap 'INTERRUPTED=yes' INT TERM # the node's own subshell says where it stands

# One node, from the look to the proof. Runs in a subshell: `fail` ends the node, not the others.
deploy_to() {
  trap close_connection EXIT
  trap stopped INT TERM
  choose_node "$1"
  local began=$SECONDS
  DONE=''
  title "$SERVICE -> $NODE ($KIND)"
  preflight
  if [ -n "$BACK" ]; then
    roll_back
  elif up_to_date; then
    DONE="no change: runs $RELEASE, healthy"
  else
    remember_previous
    if [ -n "$DRY" ]; then what_would_be_done; else
      sync_release
      build
      migrate
      up
      verify
      DONE="runs $RELEASE$(was)"
    fi
  fi
  STAGE=''
  [ -z "$DONE" ] || note "${GREEN}$NODE: $DONE${PLAIN} ($((SECONDS - began)) s)"
}

was() {
  local before
  before=$(found current)
  if [ -z "$before" ]; then echo ", the first here"; elif [ "$before" = "$RELEASE" ]; then echo ", started anew"; else echo ", was $before"; fi
}

what_would_be_done() {
  stage sync
  if [ -n "$(found synced)" ]; then same "release $RELEASE is there"; else would "send release $RELEASE"; fi
  stage build
  if [ -n "$(found image)$(found parts)" ]; then same "is there"; else would "make and send what is missing: $([ "$KIND" = systemd ] && echo packages || echo the image)"; fi
  stage up
  would "start $RELEASE in the place of ${PREVIOUS:-nothing, it is the first}, prove it within $WAIT_SECONDS s, or go back"
  DONE="nothing was changed (dry run)"
}

read_inventory
result=0
if [ -n "$ALL" ]; then
  [ -z "$REFUSED" ] || { refused_hosts >&2; result=2; }
  chosen=$(node_names "$SERVICE")
else
  chosen=${ONE:-$(default_node)}
  [ -n "$chosen" ] || usage_error "which node? --node HOST, or --all; hosts in $INVENTORY: $(node_names | tr '\n' ' ')"
fi
[ -n "$chosen" ] || usage_error "no host in $INVENTORY runs $SERVICE; give one mendmesh_services: [$SERVICE]"
untouched=''
IFS=$'\n'
for node in $chosen; do
  IFS=$' \t\n'
  if [ "$result" -ge 20 ]; then untouched="$untouched $node"; continue; fi
  (deploy_to "$node")
  code=$?
  [ "$code" != 130 ] && [ -z "${INTERRUPTED:-}" ] || exit 130
  [ "$code" = 0 ] || [ "$result" -ge 20 ] || result=$code
done
[ -z "$untouched" ] || printf 'not touched after that failure:%s\n' "$untouched" >&2
exit "$result"
