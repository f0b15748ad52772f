#!/bin/sh
# Healthy while the executor's heartbeat file is younger than 300 s. Starts no Python.
runtime=${RUNTIME_PATH:-}
if [ -z "$runtime" ]; then
    if [ -d services ]; then runtime=./var; else runtime=/opt/homelab; fi
fi
[ -n "$(find "$runtime/state/executor-agent.heartbeat" -mmin -5 2>/dev/null)" ]
