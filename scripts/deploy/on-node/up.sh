# shellcheck shell=sh
# Makes a release the running one. Idempotent, one at a time, and goes through once begun. Arguments: release,
# node name.
main() {
  release=$1 node=$2
  folder=$RELEASES/$release
  [ -e "$folder/whole" ] || sorry "release $release is not on this node"
  exec 9>"$BASE/lock"
  flock -w 120 9 || sorry "another deployment of $SERVICE is at work on this node; try again when it is done"
  other_kind=$(cat "$BASE/kind" 2>/dev/null)
  [ -z "$other_kind" ] || [ "$other_kind" = "$KIND" ] || stop_other_kind "$other_kind"
  if [ "$KIND" = systemd ]; then up_unit; else up_container; fi
  say "$KIND" >"$BASE/kind"
  settings_sum >"$BASE/settings.sum"
  say "up=yes"
}

up_unit() {
  systemctl stop "$UNIT" 2>/dev/null || true
  ln -sfn "releases/$release" "$BASE/current"
  install -m 644 "$folder/unit" "/etc/systemd/system/$UNIT" || sorry "cannot write the unit file"
  drop_in="/etc/systemd/system/$UNIT.d"
  mkdir -p "$drop_in"
  node_drop_in >"$drop_in/10-node.conf"
  systemctl daemon-reload || sorry "systemd does not answer"
  systemctl reset-failed "$UNIT" 2>/dev/null
  systemctl enable --quiet "$UNIT" 2>/dev/null
  touch "$STARTED"
  # --no-block: whether it lives is what the next stage looks at
  words=$(systemctl start --no-block "$UNIT" 2>&1) || sorry "systemd refuses to start $UNIT: $words"
}

# What differs from node to node: the runtime folder, secrets as credentials, groups that exist here.
node_drop_in() {
  echo "[Service]"
  echo "Environment=RUNTIME_PATH=$RUNTIME"
  echo "ReadWritePaths=$RUNTIME"
  # the unit names the file in /etc/mendmesh; an empty line takes it off the list
  case $ENV_FILE in /etc/mendmesh/*) ;; *) printf 'EnvironmentFile=\nEnvironmentFile=%s\n' "$ENV_FILE" ;; esac
  # its user in Redis, unless the settings file names another
  [ ! -f "$SECRETS/redis_password" ] || echo "Environment=REDIS_USERNAME=$(redis_user)"
  for file in "$SECRETS"/*; do
    [ -f "$file" ] || continue
    # as a credential it is found by the setting's own name; a NAME_FILE beside it would be a second way
    echo "LoadCredential=$(basename "$file" | tr 'a-z' 'A-Z'):$file"
  done
  case $SERVICE in
    node-agent | executor-agent)
      for group in docker systemd-journal; do
        getent group "$group" >/dev/null && echo "SupplementaryGroups=$group"
      done ;;
  esac
}

redis_user() {
  case $SERVICE in
    node-agent) echo "node-$node" ;;
    *) echo "${SERVICE%-agent}" ;;
  esac
}

up_container() {
  ln -sfn "releases/$release" "$BASE/current"
  touch "$STARTED"
  cd "$folder" || sorry "cannot enter $folder"
  grep -qs '^DOCKER_GID=' "$ENV_FILE" || DOCKER_GID=$(stat -c %g /var/run/docker.sock 2>/dev/null || echo 0) && export DOCKER_GID
  name_is_taken && export PLANNER_CONTAINER="$PROJECT-$SERVICE-1"
  RUNTIME_PATH=$RUNTIME MENDMESH_REGISTRY=mendmesh MENDMESH_VERSION=$release \
    docker compose -p "$PROJECT" --env-file "$ENV_FILE" -f compose.yml up -d --no-build --pull never --remove-orphans \
    >"$BASE/up.log" 2>&1 \
    || sorry "compose could not start it: $(grep -iE 'error|denied|invalid|no such' "$BASE/up.log" | tail -n 1 | cut -c1-300)"
}

# A container's name is had once on an engine. Where another project has it, this one goes by compose's.
name_is_taken() {
  holder=$(docker container inspect -f '{{index .Config.Labels "com.docker.compose.project"}}' "$SERVICE" 2>/dev/null) \
    && [ "$holder" != "$PROJECT" ]
}

# From Docker to systemd or back: the other one must not run beside it.
stop_other_kind() {
  if [ "$1" = systemd ]; then
    systemctl disable --now --quiet "$UNIT" 2>/dev/null
  else
    docker ps -aq --filter "label=com.docker.compose.project=$PROJECT" | xargs -r docker rm -f >/dev/null 2>&1
  fi
}
