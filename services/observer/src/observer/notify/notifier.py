"""The notifier: streams -> news -> outbox -> targets. A part of the observer that nothing else waits for.

| dies after | what is left | next start |
|---|---|---|
| read | the old position | read again; the same keys, so nothing waits twice |
| saved | position and news in one file | told |
| sent | the message, its targets | sent again to those that were not noted as done: at least once |

A target that fails is tried again for some hours, then given up, loudly; the others have heard by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.models.records import parse_time, rfc3339, utc_now
from mesh_core.models.streams import entry_order
from mesh_core.notifications.notifier import SendResult, kind_of
from mesh_core.runtime.metrics import NOTIFICATIONS, NOTIFICATIONS_WAITING
from mesh_core.runtime.service import pause, until_stopped, woken
from mesh_core.silences.folder import SilenceFolder
from mesh_core.storage.file_stamp import stamp_of
from observer.notify.notification_source import NotificationSource
from observer.notify.notifications import Notification
from observer.notify.outbox import MAX_MESSAGES, Message, NotificationOutbox, mark_of, read_outbox, save_outbox
from observer.notify.rendering import render
from observer.notify.rules import BadNotificationRules, read_rules, rules_file
from observer.notify.schedule import HOUR, TOO_OLD, again_after, due
from observer.notify.triggers import kinds

LOOK_SECONDS, AGAIN_SECONDS = 10.0, 1.0  # with nothing that waits, and with something
GATHER_SECONDS = 0.2  # what comes together is told together
PAGE = 200
MOST_PAGES = 20
START = "0-0"
FIRST_LOOK_BACK = timedelta(minutes=10)

log = structlog.get_logger()
Send = Callable[[Sequence[str], str, str], Awaitable[SendResult]]


class Notifier:
    """`urls` are secret. `send` and `clock` are given in tests."""

    def __init__(
        self,
        bus: Bus,
        actions: ActionFolders,
        silences: SilenceFolder,
        runtime: Path,
        urls: Sequence[str],
        *,
        public_url: str = "",
        send: Send,
        clock: Callable[[], datetime] = utc_now,
    ):
        self._bus = bus
        self._actions = actions
        self._source = NotificationSource(actions, silences, clock)
        self._path = runtime / "state" / "notify.json"
        self._rules_path = rules_file(runtime)
        self._targets = {mark_of(url): url for url in urls}
        self._public_url = public_url
        self._send = send
        self._clock = clock
        self._rules = read_rules(self._rules_path)  # a bad file at the start is for a person to see: it is raised
        self._rules_seen = stamp_of(self._rules_path)
        self._saved: NotificationOutbox | None = read_outbox(self._path)
        self.outbox = self._saved or NotificationOutbox()
        self._away = False
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There may be something new: in one of the streams, or in the rules."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop; what is on its way then is told again at the next start.

        Looks when it is woken, and every second while something waits to be told.
        """
        log.info("notify.ready", targets=[kind_of(url) for url in self._targets.values()])
        self.wake()
        while not await woken(stop, self._wake, AGAIN_SECONDS if self._is_busy else LOOK_SECONDS):
            if await pause(stop, GATHER_SECONDS):
                return
            self._wake.clear()
            try:
                await until_stopped(stop, self.look())  # a target may take its time
            except Exception as error:
                log.error("notify.look_failed", exc_info=error)

    @property
    def _is_busy(self) -> bool:
        return self._away or bool(self.outbox.waiting or self.outbox.messages)

    async def look(self) -> None:
        """Once: read, word, tell. Never raises what passes by itself."""
        self._look_at_rules()
        try:
            await self._read()
            self._away = False
        except BusDown as error:
            if not self._away:
                log.warning("notify.redis_away", error=str(error))
            self._away = True
        await self._save()
        await self._word()
        await self._tell()

    async def _read(self) -> None:
        """Everything new in the two streams. Raises BusDown; then what was read so far is kept."""
        for record in self._source.records():
            last = await self._bus.last_id(record.stream)
            position = self._position(record.stream, last)
            for _ in range(MOST_PAGES if position != last else 0):
                page, ended = await self._bus.page(record.stream, f"({position}", count=PAGE)
                for position, raw in page:
                    self._hear(record.stream, position, await self._source.notification_for(record, raw, position))
                if ended:
                    break

    def _position(self, stream: str, last: str) -> str:
        """Where to go on. The first time: some minutes back, for what happened while all of it started; the rest is
        history. After a wiped Redis: the beginning."""
        position = self.outbox.positions.get(stream)
        if position is None:
            recent = f"{int((self._clock() - FIRST_LOOK_BACK).timestamp() * 1000)}-0"
            position = min(last, recent, key=entry_order)
        elif entry_order(last) < entry_order(position):
            log.warning("notify.redis_was_wiped", stream=stream)
            position = START
        if position != self.outbox.positions.get(stream):
            self.outbox, _ = self.outbox.heard(stream, position, None)
        return position

    def _hear(self, stream: str, entry: str, notification: Notification | None) -> None:
        if notification is not None and (notification.kind not in self._rules.kinds or self._is_old(notification)):
            notification = None
        self.outbox, full = self.outbox.heard(stream, entry, notification)
        if full:
            NOTIFICATIONS.add("given_up")
            log.error("notify.too_many_waiting", dropped="the oldest")

    async def _word(self) -> None:
        """What is due becomes messages; a proposal that nobody has to decide any more is dropped."""
        now = self._clock()
        sent = [parse_time(timestamp) for timestamp in self.outbox.sent]
        batches = due(self.outbox.waiting, sent, self._rules, now)
        if not batches:
            return
        taken = {notification.key for batch in batches for notification in batch}
        open_ids = {filed.name.id for filed in await asyncio.to_thread(self._actions.pending)}
        messages = []
        for batch in batches:
            fresh = [
                notification
                for notification in batch
                if not kinds()[notification.kind].awaits_decision or notification.action_id in open_ids
            ]
            if fresh:
                message = render(fresh, self._rules, self._public_url)
                timestamp = rfc3339(now)
                marks = tuple(self._targets)
                messages.append(
                    Message(title=message.title, body=message.body, made_at=timestamp, targets=marks, next_at=timestamp)
                )
        room = MAX_MESSAGES - len(messages)
        dropped = max(0, len(self.outbox.messages) - room)
        if dropped:
            NOTIFICATIONS.add("given_up", amount=dropped)
            log.error("notify.given_up", messages=dropped, reason="too many messages that no target takes")
        recent = tuple(rfc3339(timestamp) for timestamp in sent if now - timestamp < HOUR)
        self.outbox = self.outbox.model_copy(
            update={
                "waiting": tuple(notification for notification in self.outbox.waiting if notification.key not in taken),
                "messages": (*self.outbox.messages[dropped:], *messages),
                "sent": (*recent, *(message.made_at for message in messages)),
                "given_up": self.outbox.given_up + dropped,
            }
        )
        await self._save()

    async def _tell(self) -> None:
        NOTIFICATIONS_WAITING.set(len(self.outbox.messages))
        for message in self.outbox.messages:
            if parse_time(message.next_at) <= self._clock():
                left = await self._tell_one(message)
                gave_up = left is not None and not left.targets
                others = (left if m is message else m for m in self.outbox.messages)
                self.outbox = self.outbox.model_copy(
                    update={
                        "messages": tuple(m for m in others if m is not None and m.targets),
                        "given_up": self.outbox.given_up + gave_up,
                    }
                )
                await self._save()
        NOTIFICATIONS_WAITING.set(len(self.outbox.messages))

    async def _tell_one(self, message: Message) -> Message | None:
        """What is left of it: None when all have heard; without targets when we give up on the rest."""
        marks = [mark for mark in message.targets if mark in self._targets]  # a target may be gone since
        if not marks:
            return None
        sent = await self._send([self._targets[mark] for mark in marks], message.title, message.body)
        troubles = sent.troubles or ("",) * len(marks)
        NOTIFICATIONS.add("sent", amount=troubles.count(""))
        NOTIFICATIONS.add("failed", amount=len(marks) - troubles.count(""))
        open_marks = tuple(mark for mark, trouble in zip(marks, troubles, strict=True) if trouble)
        if not open_marks:
            return None
        tries = message.tries + 1
        wait = again_after(tries)
        if wait is None or self._clock() - parse_time(message.made_at) > TOO_OLD:
            NOTIFICATIONS.add("given_up")
            log.error("notify.given_up", title=message.title, tries=tries, reason=sent.reason)
            return message.model_copy(update={"targets": ()})
        log.warning("notify.try_again", tries=tries, again_in_seconds=wait.total_seconds(), reason=sent.reason)
        again = rfc3339(self._clock() + wait)
        return message.model_copy(update={"targets": open_marks, "tries": tries, "next_at": again})

    async def _save(self) -> None:
        if self.outbox is self._saved or self.outbox == self._saved:
            return
        outbox = self.outbox
        try:
            await asyncio.to_thread(save_outbox, self._path, outbox)
            self._saved = outbox
        except OSError as error:  # it is in memory; at worst something is told twice
            log.error("notify.not_saved", error=str(error))

    def _is_old(self, notification: Notification) -> bool:
        return self._clock() - parse_time(notification.at) > TOO_OLD

    def _look_at_rules(self) -> None:
        stamp = stamp_of(self._rules_path)
        if stamp == self._rules_seen:
            return
        self._rules_seen = stamp
        try:
            self._rules = read_rules(self._rules_path)
            log.info("notify.rules_read", file=str(self._rules_path))
        except BadNotificationRules as error:
            log.error("notify.rules_unusable", error=str(error), kept="the rules from before")
