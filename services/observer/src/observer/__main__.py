"""Wires the observer: settings, bus, consumer, archive, world. The only reader of the environment here."""

from __future__ import annotations

from mesh_core.runtime.log import setup

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import structlog

from mesh_core.approvals.operator_folders import OperatorFolders
from mesh_core.messaging.bridge import Bridge
from mesh_core.messaging.bus import Bus, masked
from mesh_core.messaging.consumer import Consumer
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import Decision
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.requests import RequestUpdate
from mesh_core.models.streams import EVENT_STREAM_PREFIX, MOVES_STREAM
from mesh_core.notifications.notifier import AppriseSender, TargetSettings
from mesh_core.policy.inventory.name_book import NameBook
from mesh_core.runtime.heartbeats import heartbeat_file
from mesh_core.runtime.leader_lock import LeaderLock
from mesh_core.runtime.path_watch import PathWatch
from mesh_core.runtime.process_memory import few_arenas
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import Part, Parts, serve
from mesh_core.runtime.services import OBSERVER
from mesh_core.runtime.settings import CANNOT_START, settings_or_exit
from mesh_core.runtime.settings_file import service_environment
from mesh_core.security.private_folder import write_privately
from mesh_core.security.users import people_path
from mesh_core.silences.folder import SilenceFolder
from mesh_core.storage.audit_log import audit_path, head_path
from mesh_core.storage.schema import schema_or_exit
from observer.archive.events import EventArchive
from observer.archive.retention import Retention
from observer.audit.auditor import Auditor
from observer.audit.follower import Follower, Source
from observer.audit.log import AuditLog
from observer.audit.silences import SilenceSource
from observer.audit.updates import UpdateSource
from observer.audit.users import UserSource
from observer.folders.manual_moves import WATCHED, ManualMoves
from observer.folders.silence_expiry import SilenceExpiry
from observer.hooks.rules import BadHooks, HookRules, read_hooks
from observer.index.indexer import Indexer
from observer.liveness.node_liveness import NodeLiveness
from observer.notify.notifier import Notifier
from observer.notify.rules import BadNotificationRules, read_rules, rules_file
from observer.pipeline.observer import GROUP, Observer
from observer.settings import ObserverSettings
from observer.startup import auth_or_exit, user_store_or_exit
from observer.streams.erasures import Erasures
from observer.streams.memory_pressure import MemoryPressure
from observer.streams.trimming import Trimming
from observer.web.app import make_app, with_middleware
from observer.web.app_context import AppContext
from observer.web.server import WebServer
from observer.web.sse import SseBroadcaster

INDEX_REST_SECONDS = 10.0  # `paths` tells it what changes
FOLDING_SECONDS = 180.0  # a batch of 200 files on a slow memory card, each synced

Closing = Callable[[], Awaitable[None]]

log = structlog.get_logger()


def main() -> None:
    """Start and never return; exit status 2 for settings that cannot be used. One observer works here; others wait."""
    few_arenas()
    environ = service_environment(OBSERVER)
    settings = settings_or_exit(ObserverSettings, OBSERVER, environ)
    targets = settings_or_exit(TargetSettings, OBSERVER, environ).targets
    setup(OBSERVER, level=settings.log_level)
    write_privately(settings.runtime_path)
    schema_or_exit(settings.runtime_path, OBSERVER)
    runtime = settings.runtime_path
    with _or_exit():
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
            parts, closing = _wired(settings, targets, hooks, pulse)
            try:
                yield parts
            finally:
                for close in closing:
                    await close()
                # A thread that is cancelled writes on: the lock is ours until it has ended.
                await asyncio.get_running_loop().shutdown_default_executor()

    serve(OBSERVER, runtime, alone, pulse=pulse)


def _wired(
    settings: ObserverSettings, targets: Sequence[str], hooks: HookRules, pulse: Pulse
) -> tuple[Parts, Sequence[Closing]]:
    """The parts, and what gives connections and files back after them, in order."""
    runtime = settings.runtime_path
    bus = Bus.connect(settings.redis_url, OBSERVER)
    # A fixed name: a restart finds its own unacknowledged entries at once.
    consumer = Consumer(
        bus,
        GROUP,
        f"observer-{settings.node_name}",
        pattern=f"{EVENT_STREAM_PREFIX}*",
        streams=(Decision.stream, ModelAttempt.stream, ActionUpdate.stream, MOVES_STREAM, RequestUpdate.stream),
    )
    erasures = Erasures(bus, settings.node_name)
    trimming = Trimming(consumer, erasures)
    actions, silences, paths = OperatorFolders(runtime), SilenceFolder(runtime), PathWatch()
    sse, names = SseBroadcaster(settings.redis_url, OBSERVER), NameBook(runtime / "config" / "inventory.yml")
    indexer = Indexer(runtime, actions, on_new=lambda: sse.notify_changed("index"), rest_seconds=INDEX_REST_SECONDS)
    paths.subscribe(indexer.wake, *indexer.watched)
    archive = EventArchive(runtime / "events")
    auditor = Auditor(AuditLog(audit_path(runtime), head_path(runtime)), actions, on_line=lambda: audited())
    sources: dict[str, Source] = {
        "updates": UpdateSource(bus, auditor, runtime / "state" / "audit.position"),
        "moves": ManualMoves(bus, actions, listener=auditor),
        "silences": SilenceSource(runtime, auditor),
    }
    follower = Follower(sources)
    paths.subscribe(follower.wake, *map(actions.folder, WATCHED), silences.root, silences.ended_root)
    wakes = [follower.wake]

    def audited() -> None:
        sse.notify_changed("audit")
        follower.wake()  # the log's end is noted in Redis

    def something_new() -> None:
        for wake in wakes:
            wake()

    observer = Observer(
        bus,
        consumer,
        archive,
        runtime / "state" / "world.json",
        on_sign=lambda node: liveness.sign(node),
        on_retired=lambda node: liveness.retired(node),
        on_new=something_new,
        on_kept=indexer.files_written,
        remove=erasures.remove,
        turned=pulse.watch("folding events", FOLDING_SECONDS),
    )
    liveness = NodeLiveness(
        bus, lambda: observer.world, observer.heard, limit_seconds=settings.node_silent_seconds, names=names
    )
    log.info(
        "observer.ready", redis=masked(settings.redis_url), runtime=str(runtime), places=len(observer.world.places)
    )
    parts: dict[str, Part] = {
        "observe": observer.run,
        "world": observer.keep_world,
        "liveness": liveness.run,
        "bridge": Bridge(
            bus,
            OBSERVER,
            on_stream=consumer.hint,
            on_listening=consumer.look_around,
            named=names.named,
            turned=pulse.watch("listening"),
        ).run,
        "index": indexer.run,
        "retention": Retention(
            archive.root, settings.event_retention, growing=archive.lock, on_swept=indexer.days_removed
        ).run,
        "paths": paths.run,
        "audit": follower.run,
        "silence_expiry": SilenceExpiry(silences, lambda: observer.world).run,
        "trimming": trimming.run,
        "memory_pressure": MemoryPressure(bus, consumer, trimming, erasures, settings.node_name).run,
        "erasures": erasures.run,
    }
    closing: list[Closing] = []
    if settings.address is not None:
        auth = auth_or_exit(settings, OBSERVER)
        context = AppContext(
            runtime, actions, bus, lambda: observer.world, sse, auth=auth, audit=auditor, hooks=hooks, index=indexer
        )
        web = WebServer(with_middleware(make_app(context)), sse, settings.address.host, settings.address.port)
        parts |= {"sse": sse.run, "web": web.run, "sessions": auth.sessions.run}
        closing.append(auth.close)
        users_file = people_path(runtime)
        sources["users"] = UserSource(auth.users, auditor, users_file, runtime / "state" / "users.seen.json")
        paths.subscribe(follower.wake, users_file)
    if targets:
        sender = AppriseSender()
        with _or_exit():
            notifier = Notifier(
                bus, actions, silences, runtime, targets, public_url=settings.public_url, send=sender.send
            )
        parts["notify"] = notifier.run
        wakes.append(notifier.wake)
        paths.subscribe(notifier.wake, rules_file(runtime))
        closing.append(sender.close)
    return parts, (*closing, auditor.close, consumer.close, bus.close)


def _hooks(settings: ObserverSettings) -> HookRules:
    return read_hooks(
        settings.runtime_path / "config" / "hooks.yml",
        token=settings.hooks_token,
        secret=settings.hooks_secret,
        loopback=settings.address is not None and settings.address.loopback,
        per_minute=settings.hooks_per_minute,
    )


@contextmanager
def _or_exit() -> Iterator[None]:
    try:
        yield
    except (BadHooks, BadNotificationRules) as error:
        print(f"{OBSERVER}: {CANNOT_START}: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
