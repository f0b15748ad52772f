# shellcheck shell=bash
# Back to the release that was proven before: by itself after a failure, or because a person asked (--rollback).

# What to go back to: what ran before this run if it was proven; else the newest proven one before it.
remember_previous() {
  PREVIOUS=''
  if [ -n "$(found current)" ] && [ "$(found current)" != "$RELEASE" ] && [ -n "$(found current_verified)" ]; then
    PREVIOUS=$(found current)
  else
    PREVIOUS=$(found older)
  fi
}

# go_back CODE SENTENCE: never returns
go_back() {
  local code=$1 sentence=$2
  if [ -z "$PREVIOUS" ]; then
    STAGE=''
    fail 61 "$sentence; there is no earlier version to go back to, so $SERVICE is not well on this node"
  fi
  stage rollback
  progress "starting $PREVIOUS again"
  if start_release "$PREVIOUS" && proven; then
    ok "$PREVIOUS runs again and is healthy"
    STAGE=''
    fail "$code" "$sentence; the version before it ($PREVIOUS) runs again and is healthy"
  fi
  bad "$WHY_NOT"
  STAGE=''
  fail 61 "$sentence; and the version before it ($PREVIOUS) does not come up either ($WHY_NOT)"
}

# A person wants the version before.
roll_back() {
  local old
  old=$(found current)
  [ -n "$(found older)" ] || fail 62 "there is no earlier version of $SERVICE on this node that was once healthy"
  stage rollback
  if [ -n "$DRY" ]; then
    would "go back from $old to $(found older)"
    return
  fi
  RELEASE=$(found older)
  progress "stopping $old, starting $RELEASE"
  start_release "$RELEASE" || fail 61 "$RELEASE could not be started: $WHY_NOT"
  ok "started $RELEASE"
  stage verify
  proven || { bad "$WHY_NOT"; cat "$WORK/last_words"; STAGE=''; fail 61 "$RELEASE was started but is not healthy: $WHY_NOT"; }
  ok "healthy"
  DONE="went back from $old to $RELEASE"
}
