# shellcheck shell=bash
# Stops the old version, starts the new one. The node goes through with it, also when the connection breaks.

# start_release RELEASE: prints nothing; 1 with the node's sentence in WHY_NOT
# A connection that breaks says nothing about the new version: one more waits until the node has gone through with it.
start_release() {
  local words
  words=$(on_node_script up "$1" "$NODE" 2>&1)
  case $words in
    *up=yes* | *error=*) ;;
    *) words=$(on_node_script up "$1" "$NODE" 2>&1) ;;
  esac
  WHY_NOT=$(printf '%s\n' "$words" | sed -n 's/^error=//p' | tail -n 1)
  case $words in
    *up=yes*) return 0 ;;
  esac
  WHY_NOT=${WHY_NOT:-the connection broke: $(printf '%s\n' "$words" | tail -n 1)}
  return 1
}

up() {
  local began=$SECONDS
  stage up
  progress "starting $RELEASE"
  if start_release "$RELEASE"; then
    ok "started in $((SECONDS - began)) s"
  else
    bad "$WHY_NOT"
    go_back 50 "it could not be started: $WHY_NOT"
  fi
}
