"""The parts of the one observer that works here: each is made when another one asks for it, and here stands what it
tells the others. Starts none of them, and reads no environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from mesh_core.approvals.operator_folders import OperatorFolders
from mesh_core.messaging.bridge import Bridge
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.consumer import Consumer
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import Decision
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.requests import RequestUpdate
from mesh_core.models.streams import EVENT_STREAM_PREFIX, MOVES_STREAM
from mesh_core.notifications.notifier import AppriseSender
from mesh_core.policy.inventory.name_book import NameBook
from mesh_core.runtime.path_watch import PathWatch
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import Closing, Part
from mesh_core.runtime.services import OBSERVER
from mesh_core.security.users import people_path
from mesh_core.silences.folder import SilenceFolder
from mesh_core.storage.audit_log import audit_path, head_path
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
from observer.hooks.rules import HookRules
from observer.index.indexer import Indexer
from observer.liveness.node_liveness import NodeLiveness
from observer.liveness.told_again import ToldAgain
from observer.notify.notifier import Notifier
from observer.notify.rules import rules_file
from observer.pipeline.observer import GROUP, Observer
from observer.settings import ObserverSettings
from observer.startup import auth_or_exit
from observer.streams.erasures import Erasures
from observer.streams.memory_pressure import MemoryPressure
from observer.streams.trimming import Trimming
from observer.web.app import make_app, with_middleware
from observer.web.app_context import AppContext
from observer.web.server import WebServer
from observer.web.sse import SseBroadcaster
from observer.world import World

INDEX_REST_SECONDS = 10.0  # `paths` tells it what changes
FOLDING_SECONDS = 180.0  # a batch of 200 files on a slow memory card, each synced


class ObserverWiring:
    """`parts` run side by side until all end; `closing` gives connections and files back after them, in order."""

    def __init__(self, settings: ObserverSettings, pulse: Pulse):
        self._settings = settings
        self._runtime: Path = settings.runtime_path
        self._pulse = pulse
        self._bus = Bus.connect(settings.redis_url, OBSERVER)
        self._actions = OperatorFolders(self._runtime)
        self._silences = SilenceFolder(self._runtime)
        self._paths = PathWatch()
        self._names = NameBook(self._runtime / "config" / "inventory.yml")
        self._sse = SseBroadcaster(settings.redis_url, OBSERVER)
        self._woken_by_news: list[Callable[[], None]] = []
        self._opened: list[Closing] = []
        self.parts: dict[str, Part] = {
            **self._folding(),
            **self._keeping(),
            **self._trimming(),
            "liveness": self._liveness.run,
            "told_again": ToldAgain(self._bus, lambda: self.world, self._archive.root).run,
            "paths": self._paths.run,
        }

    @property
    def closing(self) -> Sequence[Closing]:
        return (*self._opened, self._auditor.close, self._consumer.close, self._bus.close)

    @property
    def world(self) -> World:
        return self._observer.world

    def serve(self, hooks: HookRules, host: str, port: int) -> None:
        """The page and its API, too."""
        auth = auth_or_exit(self._settings, OBSERVER)
        self._opened.append(auth.close)
        context = AppContext(
            self._runtime,
            self._actions,
            self._bus,
            lambda: self.world,
            self._sse,
            auth=auth,
            audit=self._auditor,
            hooks=hooks,
            index=self._indexer,
        )
        web = WebServer(with_middleware(make_app(context)), self._sse, host, port)
        self.parts |= {"sse": self._sse.run, "web": web.run, "sessions": auth.sessions.run}
        users_file = people_path(self._runtime)
        seen = self._runtime / "state" / "users.seen.json"
        self._sources["users"] = UserSource(auth.users, self._auditor, users_file, seen)
        self._paths.subscribe(self._follower.wake, users_file)

    def notify(self, targets: Sequence[str]) -> None:
        """People, too. Raises BadNotificationRules."""
        sender = AppriseSender()
        self._opened.append(sender.close)
        notifier = Notifier(
            self._bus,
            self._actions,
            self._silences,
            self._runtime,
            targets,
            public_url=self._settings.public_url,
            send=sender.send,
        )
        self.parts["notify"] = notifier.run
        self._woken_by_news.append(notifier.wake)
        self._paths.subscribe(notifier.wake, rules_file(self._runtime))

    def _folding(self) -> dict[str, Part]:
        """From streams and channels to the world."""
        bridge = Bridge(
            self._bus,
            OBSERVER,
            on_stream=self._consumer.hint,
            on_listening=self._consumer.look_around,
            named=self._names.named,
            turned=self._pulse.watch("listening"),
        )
        return {"observe": self._observer.run, "world": self._observer.keep_world, "bridge": bridge.run}

    def _keeping(self) -> dict[str, Part]:
        """What lies on disk: found again, told of, and ended."""
        retention = Retention(
            self._archive.root,
            self._settings.event_retention,
            growing=self._archive.lock,
            on_swept=self._indexer.days_removed,
        )
        return {
            "index": self._indexer.run,
            "retention": retention.run,
            "audit": self._follower.run,
            "silence_expiry": SilenceExpiry(self._silences, lambda: self.world).run,
        }

    def _trimming(self) -> dict[str, Part]:
        """What Redis may forget."""
        trimming = Trimming(self._consumer, self._erasures)
        pressure = MemoryPressure(self._bus, self._consumer, trimming, self._erasures, self._settings.node_name)
        return {"trimming": trimming.run, "memory_pressure": pressure.run, "erasures": self._erasures.run}

    @cached_property
    def _consumer(self) -> Consumer:
        return Consumer(
            self._bus,
            GROUP,
            f"observer-{self._settings.node_name}",  # a restart finds its own unacknowledged entries at once
            pattern=f"{EVENT_STREAM_PREFIX}*",
            streams=(Decision.stream, ModelAttempt.stream, ActionUpdate.stream, MOVES_STREAM, RequestUpdate.stream),
        )

    @cached_property
    def _observer(self) -> Observer:
        return Observer(
            self._bus,
            self._consumer,
            self._archive,
            self._runtime / "state" / "world.json",
            on_sign=lambda node: self._liveness.sign(node),
            on_retired=lambda node: self._liveness.retired(node),
            on_new=self._something_new,
            on_kept=self._indexer.files_written,
            remove=self._erasures.remove,
            turned=self._pulse.watch("folding events", FOLDING_SECONDS),
        )

    @cached_property
    def _liveness(self) -> NodeLiveness:
        limit_seconds = self._settings.node_silent_seconds
        return NodeLiveness(
            self._bus, lambda: self.world, self._observer.heard, limit_seconds=limit_seconds, names=self._names
        )

    @cached_property
    def _archive(self) -> EventArchive:
        return EventArchive(self._runtime / "events")

    @cached_property
    def _erasures(self) -> Erasures:
        return Erasures(self._bus, self._settings.node_name)

    @cached_property
    def _indexer(self) -> Indexer:
        indexer = Indexer(
            self._runtime,
            self._actions,
            on_new=lambda: self._sse.notify_changed("index"),
            rest_seconds=INDEX_REST_SECONDS,
        )
        self._paths.subscribe(indexer.wake, *indexer.watched)
        return indexer

    @cached_property
    def _auditor(self) -> Auditor:
        log = AuditLog(audit_path(self._runtime), head_path(self._runtime))
        return Auditor(log, self._actions, on_line=self._audited)

    @cached_property
    def _sources(self) -> dict[str, Source]:
        return {
            "updates": UpdateSource(self._bus, self._auditor, self._runtime / "state" / "audit.position"),
            "moves": ManualMoves(self._bus, self._actions, listener=self._auditor),
            "silences": SilenceSource(self._runtime, self._auditor),
        }

    @cached_property
    def _follower(self) -> Follower:
        follower = Follower(self._sources)
        folders = (*map(self._actions.folder, WATCHED), self._silences.root, self._silences.ended_root)
        self._paths.subscribe(follower.wake, *folders)
        self._woken_by_news.append(follower.wake)
        return follower

    def _audited(self) -> None:
        self._sse.notify_changed("audit")
        self._follower.wake()  # the log's end is noted in Redis

    def _something_new(self) -> None:
        for wake in self._woken_by_news:
            wake()
