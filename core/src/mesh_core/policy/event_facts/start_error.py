"""Do its manager or its exit code say that something could not begin, or cannot work as it is? Pure."""

from __future__ import annotations

from mesh_core.models.events import HealthEvent, Runtime
from mesh_core.models.whole_numbers import whole_in

_SET_UP_FAILED = range(200, 244)  # systemd.exec(5): no such program, folder, user, namespace, cgroup, ...
_NEVER_STARTED = 128  # Docker's own code for an error of the start that names no program: a network, a mount, a device
_ENGINE_FAILED = 125  # docker and podman: they themselves failed, the program never ran
# The shell's "cannot be executed" and "not found", sysexits(3) for usage, rights and settings.
_UNFIT = frozenset({126, 127, 64, 77, 78})
_ILLEGAL, _BUS = 4, 7  # signals: another processor; what it mapped is not there (shared memory, a cut file, a device)
_BY_SIGNAL = 128  # a container's exit code of one that a signal ended: this much more


def cannot_work(event: HealthEvent) -> bool:
    """Does its exit code speak of what it was started with? Started again it ends the same way."""
    code, result = whole_in(event.payload.get("exit_code")), event.payload.get("result")
    if event.runtime is Runtime.SYSTEMD and result in ("signal", "core-dump"):
        return code in (_ILLEGAL, _BUS)
    return event.runtime is not None and (code in _UNFIT or code in (_BY_SIGNAL + _ILLEGAL, _BY_SIGNAL + _BUS))


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
            payload.get("result") == "resources" or code in _SET_UP_FAILED
        )
    # supervisord: of one that did run it tells how it ended, in the same field
    spawned = isinstance(error, str) and error.startswith(("Exited ", "Bad exit code"))
    return event.runtime is Runtime.SUPERVISOR and payload.get("state") == "FATAL" and bool(error) and not spawned
