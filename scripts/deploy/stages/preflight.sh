# shellcheck shell=bash
# Is this node ready for this service? Looks once, judges here. Changes nothing.

CLOCK_SECONDS=30   # further apart, and events and cooldowns of this node tell lies
NEED_MB_DOCKER=400 # an image arrives as a stream and is unpacked next to the old one
NEED_MB_SYSTEMD=150
NEED_MB_RUNTIME=50 # the spool may grow to this

found() { sed -n "s/^$1=//p" "$WORK/look" | tail -n 1; }

look() {
  on_node_script look "$(release_digest)" "$(parts_digest)" >"$WORK/look" 2>"$WORK/look.err" || true
  [ -n "$(found arch)" ] || fail 10 "answers, but cannot run our look as root: $(tail -n 1 "$WORK/look.err") (needs root or sudo without a password for ${SSH_USER:-your user})"
  RELEASE=$(found release) PARTS=$(found parts_id)
}

preflight() {
  stage preflight
  open_connection
  local began ended
  began=$(date +%s)
  look
  ended=$(date +%s)
  check_prepared
  check_clock "$began" "$ended"
  if [ "$KIND" = systemd ]; then check_systemd; else check_engine; fi
  check_settings
  check_disk
  ok "$(ready_words)"
}

ready_words() {
  local engine
  if [ "$KIND" = systemd ]; then engine="systemd $(found systemd), Python $(found python)"; else engine="docker $(found engine), compose $(found compose)"; fi
  echo "$(found arch), $engine, $(found free_mb) MB free"
}

check_prepared() {
  [ -n "$(found prepared)" ] || fail 17 "this host is not prepared; run: scripts/deploy/bootstrap-node.sh --node $NODE --service $SERVICE${SYSTEMD:+ --systemd}"
}

check_clock() {
  local now
  now=$(found now)
  if [ "$now" -lt $(($1 - CLOCK_SECONDS)) ] || [ "$now" -gt $(($2 + CLOCK_SECONDS)) ]; then
    fail 15 "its clock is $((now - $1)) s away from this machine's ($CLOCK_SECONDS s are allowed); on the node: timedatectl set-ntp true"
  fi
}

check_engine() {
  local engine
  engine=$(found engine)
  case $engine in
    [0-9]*) ;;
    *) fail 14 "no Docker engine answers there (${engine:-no docker command}); start it, or use --systemd" ;;
  esac
  [ -n "$(found compose)" ] || fail 14 "its Docker has no Compose v2 plugin ('docker compose version' fails); scripts/deploy/README.md says where to get it"
}

check_systemd() {
  local minor
  [ "$(found systemd)" -ge 250 ] 2>/dev/null || fail 14 "it has no systemd 250 or newer; use Docker there (leave --systemd away)"
  minor=$(found python)
  case $minor in
    3.*) [ "${minor#3.}" -ge 11 ] || fail 14 "its python3 is $minor, 3.11 is the oldest that works; use Docker there (leave --systemd away)" ;;
    *) fail 14 "it has no python3; on the node: apt-get install python3" ;;
  esac
  case $(found arch) in
    x86_64 | aarch64) ;;
    *) fail 14 "there are no prebuilt Python packages for $(found arch); use a 64-bit system, or Docker" ;;
  esac
  [ -n "$(found user)" ] || fail 17 "it has no user $(service_user) yet; run: scripts/deploy/bootstrap-node.sh --node $NODE --service $SERVICE --systemd"
}

service_user() {
  case $SERVICE in node-agent) echo mend-node ;; *) echo "mend-${SERVICE%-agent}" ;; esac
}

password_there() {
  case $SERVICE in
    node-agent) echo "secrets/nodes/$NODE/redis_password" ;;
    *) echo "secrets/$SERVICE/redis_password" ;;
  esac
}

required_settings() {
  case $SERVICE in
    node-agent) echo REDIS_URL NODE_NAME ;;
    *) echo REDIS_URL ;;
  esac
}

check_settings() {
  local name names file
  file=$(found env_file)
  [ -n "$(found env)" ] || fail 16 "$file is not there; bootstrap-node.sh --service $SERVICE writes a first one, its values are for you"
  [ "$(found env)" = "600 root" ] || fail 16 "$file is mode and owner $(found env); on the node: chown root $file && chmod 600 $file"
  [ -z "$(found loose_secrets | tr -d ' ')" ] || fail 16 "others can read the secret $NODE_RUNTIME/secrets/$SERVICE/$(found loose_secrets); on the node: chmod 400 it"
  names=" $(found env_names) $(found secret_names) "
  for name in $(required_settings); do
    case $names in
      *" $name "* | *" ${name}_FILE "*) ;;
      *) fail 16 "$name is not set in $file on the node; write it there (it is never copied from here)" ;;
    esac
  done
  if [ "$KIND" = docker ] && grep -qs REDIS_PASSWORD_FILE "$ROOT/services/$SERVICE/compose.yml"; then
    case $names in
      *" REDIS_PASSWORD "*) ;;
      *) fail 16 "its password for Redis is missing: on the node, write what the mesh host has in $(password_there) into $NODE_RUNTIME/secrets/$SERVICE/redis_password" ;;
    esac
  fi
  if [ "$SERVICE" = node-agent ] && [ "$(found node_name)" != "$NODE" ]; then
    fail 16 "NODE_NAME in $file is '$(found node_name)', but the inventory calls this host $NODE; make them the same"
  fi
  for name in $(found env_names); do
    known_setting "$name" || warn "$name in $file is no setting of $SERVICE"
  done
}

known_setting() {
  local yaml=$ROOT/services/$SERVICE/service.yaml
  case $1 in TZ | LANG | PYTHON* | COMPOSE_* | DOCKER_GID | MENDMESH_* | NO_PROXY | HTTP_PROXY | HTTPS_PROXY) return 0 ;; esac
  grep -qsw -e "$1" -e "${1%_FILE}" "$yaml" "$ROOT/services/$SERVICE/compose.yml"
}

check_disk() {
  local need=$NEED_MB_DOCKER free
  [ "$KIND" != systemd ] || need=$NEED_MB_SYSTEMD
  free=$(found engine_free_mb)
  if [ -n "$free" ] && [ -z "$(found image)" ] && [ "$free" -lt "$need" ]; then
    fail 13 "its Docker disk has $free MB free, $need MB are needed; make room there (docker image prune)"
  fi
  [ "$KIND" = systemd ] || need=10
  free=$(found free_mb)
  [ -n "$(found synced)" ] || [ "$free" -ge "$need" ] || fail 13 "its disk has $free MB free under /opt/mendmesh, $need MB are needed; make room there"
  free=$(found runtime_free_mb)
  [ "$free" -ge "$NEED_MB_RUNTIME" ] || fail 13 "its disk has $free MB free under $NODE_RUNTIME, $NEED_MB_RUNTIME MB are needed; make room there"
}

# Nothing to do: this very release runs, was proven, is well now, with these settings.
up_to_date() {
  [ "$(found current)" = "$RELEASE" ] && [ -n "$(found verified)" ] && [ "$(found state)" = well ] \
    && [ -n "$(found settings_same)" ] && [ -n "$(found kind_same)" ]
}
