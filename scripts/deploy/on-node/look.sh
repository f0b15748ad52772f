# shellcheck shell=sh
# What is true of this node, as key=value lines. Changes nothing.
main() {
  # a unit's release is for one version of Python; its packages for one processor, too
  release=$1 parts=$2
  if [ "$KIND" = systemd ]; then
    python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
    release=$release-py$python parts=$parts-$(uname -m)-py$python
  fi
  say "release=$release"
  say "parts_id=$parts"
  say "now=$(date +%s)"
  say "arch=$(uname -m)"
  [ -d /opt/mendmesh ] && [ -d /etc/mendmesh ] && say "prepared=yes"
  say "free_mb=$(free_mb /opt/mendmesh)"
  say "runtime_free_mb=$(free_mb "$RUNTIME")"
  if [ "$KIND" = systemd ]; then
    say "systemd=$(systemctl --version 2>/dev/null | awk 'NR == 1 { print $2 }')"
    say "python=$python"
    user=mend-${SERVICE%-agent}
    id -u "$user" >/dev/null 2>&1 && say "user=yes"
  else
    say "engine=$(docker version -f '{{.Server.Version}}' 2>&1 | tail -n 1)"
    say "compose=$(docker compose version --short 2>/dev/null)"
    root=$(docker info -f '{{.DockerRootDir}}' 2>/dev/null)
    [ -d "$root" ] && say "engine_free_mb=$(free_mb "$root")"
    say "image=$(docker image inspect -f '{{.Id}}' "mendmesh/$SERVICE:$release" 2>/dev/null)"
  fi
  settings
  say "current=$(current)"
  [ -e "$BASE/current/verified" ] && say "current_verified=yes"
  [ -e "$RELEASES/$release/whole" ] && say "synced=yes"
  [ -e "$RELEASES/$release/verified" ] && say "verified=yes"
  [ -d "$BASE/parts/$parts" ] && say "parts=yes"
  [ "$(cat "$BASE/settings.sum" 2>/dev/null)" = "$(settings_sum)" ] && say "settings_same=yes"
  [ "$(cat "$BASE/kind" 2>/dev/null)" = "$KIND" ] && say "kind_same=yes"
  say "kind_there=$(cat "$BASE/kind" 2>/dev/null)"
  say "older=$(older_release)"
  if [ -n "$(current)" ]; then
    look_at_it
    say "state=$STATE"
    say "why=$WHY"
  fi
}

# The megabytes free where this folder is or will be.
free_mb() {
  folder=$1
  while [ ! -d "$folder" ] && [ "$folder" != / ]; do folder=$(dirname "$folder"); done
  df -Pk "$folder" | awk 'NR == 2 { printf "%d", $4 / 1024 }'
}

# Only names leave the node, and the value of NODE_NAME, which is no secret.
settings() {
  say "env_file=$ENV_FILE"
  [ -f "$ENV_FILE" ] || return 0
  say "env=$(stat -c '%a %U' "$ENV_FILE")"
  say "env_names=$(sed -n 's/^[[:space:]]*\([A-Z][A-Z0-9_]*\)=[^[:space:]].*/\1/p' "$ENV_FILE" | sort -u | tr '\n' ' ')"
  say "secret_names=$(find "$SECRETS" -type f -exec basename {} \; 2>/dev/null | tr 'a-z' 'A-Z' | sort | tr '\n' ' ')"
  say "loose_secrets=$(find "$SECRETS" -type f -perm /007 -exec basename {} \; 2>/dev/null | sort | tr '\n' ' ')"
  say "node_name=$(sed -n 's/^[[:space:]]*NODE_NAME=//p' "$ENV_FILE" | tail -n 1 | tr -d '"'"'")"
}

# The newest release before the current one that was once proven healthy.
older_release() {
  mark=$RELEASES/$(current)/verified
  # shellcheck disable=SC2045  # names of our own, newest first
  for proof in $(ls -t "$RELEASES"/*/verified 2>/dev/null); do
    id=$(basename "$(dirname "$proof")")
    [ "$id" = "$(current)" ] && continue
    if [ ! -e "$mark" ] || [ "$proof" -ot "$mark" ]; then say "$id"; return; fi
  done
}
