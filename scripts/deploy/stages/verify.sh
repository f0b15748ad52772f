# shellcheck shell=bash
# Is it healthy, by a heartbeat of this very start? Waits with a deadline and shows what it waits for.

# proven: 0 when healthy; else 1 with the reason in WHY_NOT and the service's last words in $WORK/last_words
# A connection that breaks says nothing about the new version: it is opened again until the deadline.
proven() {
  local deadline=$((SECONDS + WAIT_SECONDS))
  until look_there $((deadline - SECONDS)); do
    [ "$((SECONDS + 1))" -lt "$deadline" ] || break
    progress "$WHY_NOT; once more"
    sleep 1
  done
  [ "$WHY_NOT" = healthy ]
}

# look_there SECONDS: 1 when the node did not come to say a result
look_there() {
  local key value result=''
  : >"$WORK/last_words"
  while IFS='=' read -r key value; do
    case $key in
      look) progress "$value" ;;
      result) result=$value ;;
      log) printf '    | %s\n' "$value" >>"$WORK/last_words" ;;
    esac
  done < <(on_node_script verify "$1" 2>"$WORK/ssh.err")
  WHY_NOT=${result:-the connection broke: $(tail -n 1 "$WORK/ssh.err" | tr -d '\r')}
  [ -n "$result" ]
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
