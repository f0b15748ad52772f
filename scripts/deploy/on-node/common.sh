# shellcheck shell=sh
# Head of every script that runs on a node, sent over ssh each time. Names where things lie; changes nothing.
# A connection that breaks must not end a step half way.
trap '' HUP INT PIPE
umask 022
# SERVICE KIND RUNTIME are always the first three arguments
SERVICE=$1 KIND=$2 RUNTIME=$3
shift 3
BASE=/opt/mendmesh/$SERVICE
RELEASES=$BASE/releases
ENV_FILE=/etc/mendmesh/$SERVICE.env
# Where the settings may lie as well; what is in /etc/mendmesh wins.
[ -e "$ENV_FILE" ] || [ ! -e "$RUNTIME/config/$SERVICE/.env" ] || ENV_FILE=$RUNTIME/config/$SERVICE/.env
SECRETS=$RUNTIME/secrets/$SERVICE # one file each, named as the setting, in small letters
UNIT=mendmesh-$SERVICE.service
PROJECT=mendmesh-$SERVICE
HEARTBEAT=$RUNTIME/state/$SERVICE.heartbeat
STARTED=$BASE/started # touched when the running version was started

say() { printf '%s\n' "$*"; }
sorry() { say "error=$*"; exit 1; }
current() { basename "$(readlink "$BASE/current" 2>/dev/null)" 2>/dev/null; }

# What the operator keeps on the node; when it changes, the service has to start anew.
settings_sum() {
  { cat "$ENV_FILE" 2>/dev/null; find "$SECRETS" -type f -exec ls -l --time-style=full-iso {} + 2>/dev/null; } | sha256sum | cut -c1-16
}

container() {
  docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$PROJECT" \
    --filter "label=com.docker.compose.service=$SERVICE" 2>/dev/null | head -n 1
}

# Sets STATE (well, starting or broken) and WHY. Well means: it runs, it was not restarted, its own health check agrees,
# and its heartbeat is younger than its start: the last beat of the version before proves nothing. What died once is broken.
look_at_it() {
  STATE=starting WHY=''
  if [ "$KIND" = systemd ]; then look_at_unit; else look_at_container; fi
}

look_at_unit() {
  ActiveState='' SubState='' NRestarts=0 Result='' ExecMainStatus=''
  eval "$(systemctl show "$UNIT" -p ActiveState,SubState,NRestarts,Result,ExecMainStatus 2>/dev/null | grep -E '^[A-Za-z]+=[a-z0-9-]*$')"
  WHY="unit $ActiveState ($SubState)"
  if [ "$ActiveState" = failed ] || [ "${NRestarts:-0}" -ge 1 ] || [ "$SubState" = auto-restart ]; then
    STATE=broken WHY="the process ended: $Result, exit status $ExecMainStatus"
    [ "$ExecMainStatus" != 2 ] || WHY="it refuses its settings on this node: $(last_words | grep 'cannot start' | tail -n 1)"
  elif [ "$ActiveState" = inactive ]; then
    STATE=broken WHY="the unit is not running"
  elif [ "$ActiveState" = active ] && [ "$SubState" = running ]; then
    if [ -n "$(find "$HEARTBEAT" -newer "$STARTED" 2>/dev/null)" ]; then
      STATE=well
    else
      WHY="it runs; no heartbeat of this start yet"
    fi
  fi
}

look_at_container() {
  id=$(container)
  [ -n "$id" ] || { STATE=broken WHY="there is no container"; return; }
  # shellcheck disable=SC2046  # five words without blanks
  set -- $(docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}} {{.State.StartedAt}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}' "$id" 2>/dev/null)
  [ $# = 5 ] || { WHY="the engine says nothing about its container"; return; }
  WHY="container $1, health $5"
  if [ "$3" -ge 1 ] || [ "$1" = restarting ] || [ "$1" = exited ] || [ "$1" = dead ]; then
    STATE=broken WHY="the container ended with exit status $2 and was restarted $3 times"
  elif [ "$5" = unhealthy ]; then
    STATE=broken WHY="its own health check fails"
  elif [ "$1" = running ] && { [ "$5" = healthy ] || [ "$5" = none ]; }; then
    if [ -n "$(find "$HEARTBEAT" -newermt "$4" 2>/dev/null)" ] \
      || [ -n "$(docker exec "$id" find "/opt/homelab/state/$SERVICE.heartbeat" -newermt "$4" 2>/dev/null)" ]; then
      STATE=well
    else
      WHY="it runs; no heartbeat of this start yet"
    fi
  fi
}

last_words() {
  if [ "$KIND" = systemd ]; then
    journalctl -u "$UNIT" -n 8 -o cat --no-pager 2>/dev/null
  else
    docker logs --tail 8 "$(container)" 2>&1
  fi | cut -c1-300 | tail -n 8
}
