#!/bin/sh
# What compose must know of this machine and cannot find out: added to .env where it is missing, never changed there.
set -eu
file=${1:-.env}
socket=${DOCKER_SOCKET:-/var/run/docker.sock}
add() {
    if [ -n "$2" ] && ! grep -qs "^$1=" "$file"; then
        printf '%s=%s\n' "$1" "$2" >>"$file"
        echo "$file: $1=$2"
    fi
}
umask 077
add NODE_NAME "$(hostname | tr -c 'A-Za-z0-9._\n-' '-' | sed 's/^[._-]*//')"
if [ -S "$socket" ]; then add DOCKER_GID "$(stat -c %g "$socket")"; fi
