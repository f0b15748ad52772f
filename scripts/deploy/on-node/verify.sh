# shellcheck shell=sh
# Waits until the service is well in three looks in a row; says each change. Arguments: seconds it may take. Changes nothing.
main() {
  deadline=$(($(date +%s) + $1))
  good=0
  before=''
  while :; do
    look_at_it
    if [ "$STATE" = well ]; then good=$((good + 1)); else good=0; fi
    [ "$good" -lt 3 ] || { say "result=healthy"; return; }
    [ "$STATE" != broken ] || { say "result=$WHY"; break; }
    [ "$WHY" = "$before" ] || { say "look=$WHY"; before=$WHY; }
    [ "$(date +%s)" -lt "$deadline" ] || { say "result=not healthy within $1 s ($WHY)"; break; }
    sleep 0.3
  done
  last_words | sed 's/^/log=/'
}
