#!/bin/sh
# What the stand-in image calls python: lays the ground when asked to, otherwise beats like a service.
case $2 in
  mesh_core.security.bootstrap)
    [ -d /opt/homelab/spool ] && { echo "bootstrap: nothing to do in /opt/homelab"; exit; }
    mkdir -p /opt/homelab/state /opt/homelab/spool
    chown 10003:10101 /opt/homelab/spool /opt/homelab/state
    echo "made /opt/homelab/spool"
    exit ;;
  mesh_core.storage.migrations) exit 0 ;;
esac
echo "stand-in starts"
: here
while :; do
  touch /opt/homelab/state/node-agent.heartbeat
  sleep 0.2
done
