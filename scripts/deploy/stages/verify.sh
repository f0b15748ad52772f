# shellcheck shell=bash
# Is it healthy, by a heartbeat of this very start? Waits with a deadline and shows what it waits for.

# proven: 0 when healthy; else 1 with the reason in WHY_NOT and the service's last words in $WORK/last_words
proven() {
  local key value
  WHY_NOT='the connection broke'
  : >"$WORK/last_words"
  while IFS='=' read -r key value; do
    case $key in
      look) progress "$value" ;;
      result) WHY_NOT=$value ;;
      log) printf '    | %s\n' "$value" >>"$WORK/last_words" ;;
    esac
  done < <(on_node_script verify "$WAIT_SECONDS" 2>/dev/null)
  [ "$WHY_NOT" = healthy ]
}

verify() {
  local began=$SECONDS
  stage verify
  progress "waiting for its first heartbeat"
  if proven; then
    on_node_script settle "$RELEASE" >/dev/null 2>&1 || warn "old releases could not be tidied away; the next run tries again"
    ok "healthy after $((SECONDS - began)) s"
    return
  fi
  bad "$WHY_NOT"
  cat "$WORK/last_words"
  go_back 60 "release $RELEASE did not become healthy: $WHY_NOT"
}
