# shellcheck shell=bash
# What the person reads: one line per stage, colours only on a terminal, and where it stands when it ends early.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  GREEN=$'\033[32m' RED=$'\033[31m' YELLOW=$'\033[33m' BOLD=$'\033[1m' PLAIN=$'\033[0m' LIVE=1
else
  GREEN='' RED='' YELLOW='' BOLD='' PLAIN='' LIVE=''
fi

STAGE='' # the stage that runs now; empty between nodes
NODE=''

title() { printf '%s%s%s\n' "$BOLD" "$*" "$PLAIN"; }
stage() { STAGE=$1; progress "..."; }
progress() { [ -z "$LIVE" ] || printf '\r\033[K  %-10s %s' "$STAGE" "$*"; }
ok() { line "$GREEN" ok "$*"; }
same() { line '' same "$*"; }
would() { line "$YELLOW" would "$*"; }
bad() { line "$RED" FAILED "$*"; }
note() { [ -z "$LIVE" ] || printf '\r\033[K'; printf '  %s\n' "$*"; }
warn() { note "${YELLOW}note:${PLAIN} $*"; }

line() {
  [ -z "$LIVE" ] || printf '\r\033[K'
  printf '  %-10s %s%-6s%s %s\n' "$STAGE" "$1" "$2" "$PLAIN" "$3"
}

# The one sentence of a failure, on stderr, and the exit code of its stage.
fail() {
  local code=$1
  shift
  [ -z "$STAGE" ] || bad "exit code $code"
  STAGE=''
  printf '%s%s:%s %s\n' "$RED" "${NODE:-deploy}" "$PLAIN" "$*" >&2
  exit "$code"
}

usage_error() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 2
}

# Ctrl-C is answered with what is true on the node now, and the way on.
where_it_stands() {
  local now
  case $STAGE in
    '') now='nothing was being changed' ;;
    preflight | sync | build | migrate) now="the version that runs there is untouched; the same command starts over" ;;
    up) now="the node finishes this step by itself; the same command looks at it and goes on, --rollback goes back" ;;
    verify) now="the new version was started and is not proven healthy; the same command proves it, --rollback goes back" ;;
    rollback) now="the previous version is being started; run with --rollback to finish" ;;
    *) now='the same command goes on from here' ;;
  esac
  [ -z "$LIVE" ] || printf '\r\033[K'
  printf '\n%sstopped%s%s%s: %s\n' "$YELLOW" "${STAGE:+ during $STAGE}" "${NODE:+ on $NODE}" "$PLAIN" "$now" >&2
}
