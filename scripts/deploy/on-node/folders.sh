# shellcheck shell=sh
# The folders that this service needs on this node, their owners and modes: the table in mesh_core, by the release itself.
# Arguments: release, node name.
main() {
  release=$1 node=$2
  if [ "$KIND" = systemd ]; then
    words=$("$RELEASES/$release/bin/python" -P -m mesh_core.groundwork --service "$SERVICE" --here "$node" "$RUNTIME" 2>&1)
  else
    mkdir -p "$RUNTIME"
    words=$(docker run --rm --pull never --network none --user 0:0 --cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE \
      --cap-add FOWNER --cap-add FSETID --entrypoint python -v "$RUNTIME:/opt/homelab" "mendmesh/$SERVICE:$release" \
      -m mesh_core.groundwork --service "$SERVICE" --here "$node" /opt/homelab 2>&1)
  fi || sorry "$(printf '%s\n' "$words" | tail -n 1)"
  case $words in
    *"nothing to do"*) ;;
    *) say "changed=$(printf '%s\n' "$words" | grep -c .) made or corrected" ;;
  esac
  say "folders=yes"
}
