"""Starts the observer: settings, files that a person writes, one at work at a time. The only reader of the environment
here."""

from __future__ import annotations

from mesh_core.runtime.log import setup

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from mesh_core.messaging.bus import masked
from mesh_core.notifications.notifier import TargetSettings
from mesh_core.runtime.heartbeats import heartbeat_file
from mesh_core.runtime.leader_lock import LeaderLock
from mesh_core.runtime.process_memory import limit_malloc_arenas
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import Parts, serve
from mesh_core.runtime.services import OBSERVER
from mesh_core.runtime.startup import schema_or_exit, service_environment, settings_or_exit, start_or_exit
from mesh_core.security.private_folder import write_privately
from observer.hooks.rules import BadHooks, HookRules, read_hooks
from observer.notify.rules import BadNotificationRules, read_rules, rules_file
from observer.settings import ObserverSettings
from observer.startup import user_store_or_exit
from observer.wiring import ObserverWiring

log = structlog.get_logger()


def main() -> None:
    """Start and never return; exit status 2 for settings that cannot be used. One observer works here; others wait."""
    limit_malloc_arenas()
    environ = service_environment(OBSERVER)
    settings = settings_or_exit(ObserverSettings, OBSERVER, environ)
    targets = settings_or_exit(TargetSettings, OBSERVER, environ).targets
    setup(OBSERVER, level=settings.log_level)
    write_privately(settings.runtime_path)
    schema_or_exit(settings.runtime_path, OBSERVER)
    runtime = settings.runtime_path
    with start_or_exit(OBSERVER, BadHooks, BadNotificationRules):
        hooks = _hooks(settings)
        if targets:
            read_rules(rules_file(runtime))
    if settings.address is not None:
        user_store_or_exit(settings, OBSERVER)
    pulse = Pulse()
    leader_lock = LeaderLock(OBSERVER, runtime / "state" / "observer.lock", heartbeat_file(runtime, OBSERVER), pulse)

    @asynccontextmanager
    async def alone(stop: asyncio.Event) -> AsyncIterator[Parts]:
        async with leader_lock.hold(stop) as leading:
            if not leading:
                yield {}
                return
            # Only now: most parts begin with what lies on disk, which was another's to write until here.
            wiring = _wired(settings, targets, hooks, pulse)
            try:
                yield wiring.parts
            finally:
                for close in wiring.closing:
                    await close()
                # A thread that is cancelled writes on: the lock is ours until it has ended.
                await asyncio.get_running_loop().shutdown_default_executor()

    serve(OBSERVER, runtime, alone, pulse=pulse)


def _wired(settings: ObserverSettings, targets: Sequence[str], hooks: HookRules, pulse: Pulse) -> ObserverWiring:
    wiring = ObserverWiring(settings, pulse)
    places = len(wiring.world.places)
    log.info("observer.ready", redis=masked(settings.redis_url), runtime=str(settings.runtime_path), places=places)
    if settings.address is not None:
        wiring.serve(hooks, settings.address.host, settings.address.port)
    if targets:
        with start_or_exit(OBSERVER, BadNotificationRules):
            wiring.notify(targets)
    return wiring


def _hooks(settings: ObserverSettings) -> HookRules:
    return read_hooks(
        settings.runtime_path / "config" / "hooks.yml",
        token=settings.hooks_token,
        secret=settings.hooks_secret,
        loopback=settings.address is not None and settings.address.loopback,
        per_minute=settings.hooks_per_minute,
    )


if __name__ == "__main__":
    main()
