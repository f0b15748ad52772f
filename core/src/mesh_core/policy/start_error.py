"""Does its manager say that something could not even begin, in the fields of our node agent? Pure."""

from __future__ import annotations

from mesh_core.models.events import HealthEvent, Runtime
from mesh_core.models.whole_numbers import whole_in

_SET_UP_FAILED = range(200, 244)  # systemd.exec(5): no such program, folder, user, namespace, cgroup, ...
_NEVER_STARTED = 128  # Docker's own code for an error of the start that names no program: a network, a mount, a device
_ENGINE_FAILED = 125  # docker and podman: they themselves failed, the program never ran


def could_not_start(event: HealthEvent) -> bool:
    payload = event.payload
    error = payload.get("error")
    code = whole_in(payload.get("exit_code"))
    if "container" in payload and (code == _NEVER_STARTED or (code == _ENGINE_FAILED and error)):
        return True
    if event.runtime is Runtime.DOCKER:
        return (bool(error) and payload.get("status") in ("exited", "created", "dead")) or (
            payload.get("status") == "created" and code is not None and code != 0
        )
    if event.runtime is Runtime.SYSTEMD:
        if payload.get("source_gone") is True:  # of a mount: its disk is away
            return True
        return payload.get("active_state") == "failed" and (
            payload.get("result") == "resources" or whole_in(payload.get("exit_code")) in _SET_UP_FAILED
        )
    # supervisord: of one that did run it tells how it ended, in the same field
    spawned = isinstance(error, str) and error.startswith(("Exited ", "Bad exit code"))
    return event.runtime is Runtime.SUPERVISOR and payload.get("state") == "FATAL" and bool(error) and not spawned
