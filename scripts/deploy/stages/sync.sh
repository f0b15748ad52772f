# shellcheck shell=bash
# What the release is made of, to the node: whole or not at all, and only when it is not there. No settings, no secrets.

# send FOLDER-HERE FOLDER-THERE
send() {
  local words
  # COPYFILE_DISABLE: no ._ files from a Mac
  if ! words=$(COPYFILE_DISABLE=1 tar -C "$1" --exclude .env --exclude '*.env' -cf - . \
    | on_node sh -c "$(cat "$HERE/on-node/receive.sh")" receive "$2" 2>&1); then
    fail "${3:-20}" "could not put the release into $2: $(printf '%s\n' "$words" | tail -n 1); what runs there is untouched"
  fi
}

sync_release() {
  stage sync
  if [ -n "$(found synced)" ]; then
    same "release $RELEASE is there"
    return
  fi
  local tree=$WORK/tree
  rm -rf "$tree"
  mkdir -p "$tree"
  if [ "$KIND" = systemd ]; then systemd_tree "$tree"; else docker_tree "$tree"; fi
  send "$tree" "/opt/mendmesh/$SERVICE/releases/$RELEASE"
  ok "$(find "$tree" -type f | wc -l | tr -d ' ') files, $(du -sk "$tree" | cut -f1) kB"
}

# A compose file of the service's own, and over it what pins the image and names the settings file of the node.
docker_tree() {
  local tree=$1
  cp "$ROOT/services/$SERVICE/compose.yml" "$tree/"
  {
    echo "# Written by deploy.sh: pins the image of this release; settings stay in the node's own file."
    echo "services:"
    echo "  $SERVICE:"
    echo "    image: mendmesh/$SERVICE:$RELEASE"
    echo "    pull_policy: never"
    echo "    env_file: [/etc/mendmesh/$SERVICE.env]"
    echo "    labels: {mendmesh.release: \"$RELEASE\"}"
  } >"$tree/deploy.yml"
}

# A virtual environment whose packages lie beside it, shared by all releases that need the same ones.
systemd_tree() {
  local tree=$1 minor library package
  minor=$(found python)
  library=$tree/lib/python$minor/site-packages
  mkdir -p "$tree/bin" "$library"
  printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n' "$minor" >"$tree/pyvenv.cfg"
  ln -s /usr/bin/python3 "$tree/bin/python"
  echo "/opt/mendmesh/$SERVICE/parts/$PARTS/lib" >"$library/parts.pth"
  echo "$PARTS" >"$tree/parts.id"
  cp "$HERE/systemd/$UNIT" "$tree/unit"
  cp "$ROOT/services/$SERVICE/healthcheck.sh" "$ROOT/services/$SERVICE/service.yaml" "$tree/"
  for package in "$ROOT"/core/src/mesh_core "$ROOT/services/$SERVICE"/src/*; do
    [ -d "$package" ] || continue
    (cd "$(dirname "$package")" && tar --exclude __pycache__ -cf - "$(basename "$package")") | tar -C "$library" -xf -
  done
  if [ "$SERVICE" = executor-agent ]; then
    ln -s "/opt/mendmesh/$SERVICE/parts/$PARTS/share" "$tree/share"
    printf '#!/opt/mendmesh/%s/current/bin/python\nfrom ansible.cli.playbook import main\nmain()\n' "$SERVICE" >"$tree/bin/ansible-playbook"
    chmod 755 "$tree/bin/ansible-playbook"
  fi
}
