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

# The service's own compose file; which image, which folder and which settings file it is given, on-node/up.sh says.
docker_tree() { cp "$ROOT/services/$SERVICE/compose.yml" "$1/"; }

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
  cp "$ROOT/services/$SERVICE/$UNIT" "$tree/unit"
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
