#!/bin/sh
# Healthy while the agent's loop has touched its heartbeat within 300 s. Starts no Python.
file="${RUNTIME_PATH:-/opt/homelab}/state/node-agent.heartbeat"
[ -f "$file" ] || { echo "no heartbeat at $file"; exit 1; }
age=$(( $(date +%s) - $(date -r "$file" +%s) ))
[ "$age" -lt 300 ] || { echo "the last heartbeat is $age s old"; exit 1; }
