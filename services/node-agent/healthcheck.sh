#!/bin/sh
# Healthy while the agent's loop has touched its heartbeat within 300 s. Starts no Python.
runtime=${RUNTIME_PATH:-}
if [ -z "$runtime" ]; then
    if [ -d services ]; then runtime=./var; else runtime=/opt/homelab; fi
fi
[ -n "$(find "$runtime/state/node-agent.heartbeat" -mmin -5 2>/dev/null)" ]
