# shellcheck shell=sh
# Takes a service away. Keeps settings, secrets and data, unless purging. Arguments: `dry` or `really`, `keep` or `purge`.
main() {
  DRY=$1 PURGE=$2
  kind=$(cat "$BASE/kind" 2>/dev/null)
  if [ -e "/etc/systemd/system/$UNIT" ]; then
    it "unit $UNIT" sh -c 'systemctl disable --now --quiet "$1"; rm -rf "/etc/systemd/system/$1" "/etc/systemd/system/$1.d"; systemctl daemon-reload' - "$UNIT"
  fi
  if command -v docker >/dev/null; then
    for id in $(docker ps -aq --filter "label=com.docker.compose.project=$PROJECT"); do
      it "container $id" sh -c 'docker stop -t 30 "$1" && docker rm "$1"' - "$id"
    done
    # by its tag: an image that another one is built on only loses its name
    for image in $(docker images --format '{{.Repository}}:{{.Tag}}' "mendmesh/$SERVICE"); do it "image $image" docker rmi "$image"; done
    for network in $(docker network ls -q --filter "label=com.docker.compose.project=$PROJECT"); do it "network $network" docker network rm "$network"; done
  fi
  [ ! -e "$BASE" ] || it "$BASE (releases)" rm -rf "$BASE"
  if [ "$PURGE" = purge ]; then
    for path in "$ENV_FILE" "$SECRETS" "/var/lib/mendmesh-$SERVICE" "$HEARTBEAT"; do [ ! -e "$path" ] || it "$path" rm -rf "$path"; done
    # the data belongs to all services of this host; the last one takes it along
    if [ -z "$(ls /opt/mendmesh 2>/dev/null)" ] && [ -d "$RUNTIME" ]; then it "$RUNTIME (data)" rm -rf "$RUNTIME"; fi
  else
    for path in "$ENV_FILE" "$SECRETS" "$RUNTIME"; do [ ! -e "$path" ] || say "kept=$path"; done
  fi
  say "done=$kind"
}

it() {
  words=$1
  shift
  if [ "$DRY" = dry ]; then say "would=$words"; return; fi
  out=$("$@" 2>&1) || sorry "$words: $(printf '%s\n' "$out" | tail -n 1)"
  say "gone=$words"
}
