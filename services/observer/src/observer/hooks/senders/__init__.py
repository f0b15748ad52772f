"""The systems whose alerts are understood as they come: a file each, a line each in this table. Reads only."""

from __future__ import annotations

from observer.hooks.sender import HookSender
from observer.hooks.senders import alertmanager, any_json, grafana, uptime_kuma

SENDERS: dict[str, HookSender] = {
    sender.name: sender
    for sender in (
        alertmanager.SENDER,
        grafana.SENDER,
        uptime_kuma.SENDER,
        any_json.SENDER,
    )
}
