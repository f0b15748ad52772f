# shellcheck shell=bash
# One connection to a node, kept open over all stages. Never asks for a password, never accepts an unknown host key.

SSH_SECONDS=${DEPLOY_SSH_SECONDS:-10} # until a node counts as unreachable

ssh_options() {
  # shellcheck disable=SC2088  # a tilde out of the inventory
  case $SSH_KEY in "~/"*) SSH_KEY=$HOME/${SSH_KEY#"~/"} ;; esac # as Ansible does
  OPTIONS=(-o BatchMode=yes -o "ConnectTimeout=$SSH_SECONDS" -o StrictHostKeyChecking=yes -o LogLevel=ERROR
    -o ServerAliveInterval=5 -o ServerAliveCountMax=6
    -o ControlMaster=auto -o "ControlPath=$WORK/ssh-%C" -o ControlPersist=120 -p "$SSH_PORT")
  [ -z "$SSH_KEY" ] || OPTIONS+=(-i "$SSH_KEY" -o IdentitiesOnly=yes)
  # split at blanks, as Ansible does
  # shellcheck disable=SC2206
  [ -z "$SSH_MORE" ] || OPTIONS=($SSH_MORE "${OPTIONS[@]}")
  TARGET=${SSH_USER:+$SSH_USER@}$SSH_HOST
}

# quote WORD...: one line that a POSIX shell reads as exactly these words
quote() {
  local word out=''
  for word in "$@"; do out="$out '${word//\'/\'\\\'\'}'"; done
  printf '%s' "$out"
}

# A command there as root, with our stdin. Our words reach its shell quoted.
on_node() {
  local command
  command=$(quote "$@")
  if [ "$CONNECTION" = local ]; then
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
  elif [ "$SSH_USER" = root ]; then
    ssh "${OPTIONS[@]}" "$TARGET" "exec$command"
  else
    ssh "${OPTIONS[@]}" "$TARGET" "if [ \$(id -u) = 0 ]; then exec$command; else exec sudo -n$command; fi"
  fi
}

# on_node_script NAME ARGUMENT...: runs on-node/common.sh and on-node/NAME.sh there, sent along, nothing installed
on_node_script() {
  local name=$1
  shift
  # one function, so that nothing in the script can eat the rest of the script from stdin
  { cat "$HERE/on-node/common.sh" "$HERE/on-node/$name.sh"; printf '\nmain "$@" </dev/null\n'; } \
    | on_node sh -s -- "$SERVICE" "$KIND" "$NODE_RUNTIME" "$@"
}

close_connection() {
  [ "${CONNECTION:-local}" = local ] || ssh "${OPTIONS[@]}" -O exit "$TARGET" 2>/dev/null || true
}

# Opens it. Each way of failing has its own sentence and exit code.
open_connection() {
  local words
  ssh_options
  [ "$CONNECTION" != local ] || return 0
  [ -z "$SSH_KEY" ] || [ -r "$SSH_KEY" ] || fail 11 "the key file $SSH_KEY of the inventory cannot be read here"
  # the first connection stays as master in the background: its stdout must not be ours, or a pipe would never end
  if ssh "${OPTIONS[@]}" "$TARGET" true </dev/null >/dev/null 2>"$WORK/ssh.err"; then return 0; fi
  words=$(tr -d '\r' <"$WORK/ssh.err" | grep -v '^ *$' | tail -n 1)
  case $(cat "$WORK/ssh.err") in
    *"Permission denied"*)
      fail 11 "ssh refused the key for $TARGET; put its public half into ~/.ssh/authorized_keys there, or correct ansible_user and ansible_ssh_private_key_file" ;;
    *"Host key verification failed"* | *"REMOTE HOST IDENTIFICATION HAS CHANGED"* | *"host key is known"*)
      fail 12 "the host key of $SSH_HOST is unknown or has changed; connect once with 'ssh -p $SSH_PORT $TARGET' and compare it with the node's own" ;;
    *)
      fail 10 "cannot be reached at $SSH_HOST port $SSH_PORT within $SSH_SECONDS s (${words:-no answer}); is it on, and is the address in the inventory right?" ;;
  esac
}
