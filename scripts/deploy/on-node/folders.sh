# shellcheck shell=sh
# The runtime folder of this service on this node: what is missing is made, a wrong owner or mode corrected.
main() {
  uid=$(id -u "mend-${SERVICE%-agent}" 2>/dev/null) || sorry "there is no user mend-${SERVICE%-agent}; run bootstrap-node.sh"
  one "$RUNTIME" 0 0 755
  one "$RUNTIME/state" 0 10101 2775
  one "$RUNTIME/config" 0 10101 750
  [ "$SERVICE" != node-agent ] || one "$RUNTIME/spool" "$uid" 10101 750
  say "folders=yes"
}

one() {
  [ "$(stat -c '%u %g %a' "$1" 2>/dev/null)" = "$2 $3 $4" ] && return
  install -d -o "$2" -g "$3" -m "$4" "$1" 2>/dev/null || sorry "cannot make $1"
  say "changed=$1 is owned by $2:$3, mode $4"
}
