"""`mutated.py NAME MODULE`: runs a service of ours with one deliberate break. `mutated.py --check`: do all still fit?

The one file here that names the product: it replaces methods in this process's memory and then starts the module as
`python -m` does. Nothing on disk changes and the product has no hook for it. A name that is gone ends it with STALE.
"""

from __future__ import annotations

import asyncio
import importlib
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mutation import MUTANTS, Stale, after, mutant, replace


@mutant("planner_agent")
def planner_drops_one_event() -> None:
    drop = after(5)

    def make(old: Any) -> Any:
        async def plan(self: Any, work: Any) -> None:
            if drop():
                await self._bus.redis.xack(work.entry.stream, "planner", work.entry.id)
            else:
                await old(self, work)

        return plan

    replace("planner_agent.proposal_writer.ProposalWriter.plan", make)


@mutant("planner_agent")
def planner_acknowledges_before_filing() -> None:
    def make(old: Any) -> Any:
        async def plan(self: Any, work: Any) -> None:
            await self._bus.redis.xack(work.entry.stream, "planner", work.entry.id)
            await asyncio.sleep(1.0)  # a model that thinks
            await old(self, work)

        return plan

    replace("planner_agent.proposal_writer.ProposalWriter.plan", make)


@mutant("planner_agent")
def planner_files_twice() -> None:
    def make(old: Any) -> Any:
        def file_draft(self: Any, action_id: str, receipt: Any) -> Any:
            import hashlib

            name = old(self, action_id, receipt)
            if name is not None:
                raw = (self.root / "pending" / name.file).read_bytes() + b"\n"
                digest = hashlib.sha256(raw).hexdigest()[:16]
                (self.root / "pending" / f"{action_id}.{digest}.json").write_bytes(raw)
            return name

        return file_draft

    replace("mesh_core.approvals.planner_folders.PlannerFolders.file_draft", make)


@mutant("planner_agent")
def sweep_deletes_a_waiting_draft() -> None:
    def make_sweep(old: Any) -> Any:
        async def sweep(self: Any, stop: asyncio.Event) -> None:
            while not stop.is_set():
                for action_id, token, _ in list(self._actions.drafts()):
                    self._actions.drop_draft(action_id, token)
                await asyncio.sleep(0.02)

        return sweep

    def make_filing(old: Any) -> Any:
        def file_draft(self: Any, action_id: str, receipt: Any) -> Any:
            import time

            time.sleep(0.05)  # a slow disk; this is a thread of its own
            return old(self, action_id, receipt)

        return file_draft

    replace("planner_agent.proposals.proposal_drafts.ProposalDrafts.sweep", make_sweep)
    replace("mesh_core.approvals.planner_folders.PlannerFolders.file_draft", make_filing)


@mutant("planner_agent")
def cooldown_is_not_honoured() -> None:
    def make(old: Any) -> Any:
        async def pass_each(self: Any, events: Any, **more: Any) -> Any:
            return [gate._replace(holder="") for gate in await old(self, events, **more)]

        return pass_each

    replace("planner_agent.store.gates.Gates.pass_each", make)


@mutant("planner_agent")
def occurrence_is_counted_twice() -> None:
    def make(old: Any) -> Any:
        async def pass_each(self: Any, events: Any, **more: Any) -> Any:
            gates = await old(self, events, **more)
            for gate in gates:
                if gate.holder:
                    await self._bus.call("HINCRBY", "mesh:occurrences", gate.holder, 1)
            return gates

        return pass_each

    replace("planner_agent.store.gates.Gates.pass_each", make)


@mutant("planner_agent")
def silence_is_not_honoured() -> None:
    replace("planner_agent.intake.silence_filter.SilenceFilter.current", lambda old: lambda self: ())


@mutant("planner_agent")
def recovery_does_not_withdraw() -> None:
    replace("mesh_core.approvals.planner_folders.PlannerFolders.withdraw", lambda old: lambda self, name, reason: False)


@mutant("planner_agent", "observer")
def dead_letter_is_not_kept() -> None:
    def make(old: Any) -> Any:
        async def refuse(self: Any, *rest: Any, **more: Any) -> None:
            return None

        return refuse

    replace("mesh_core.messaging.bus.Bus.refuse", make)


@mutant("planner_agent")
def attempt_of_a_model_is_not_told() -> None:
    def make(old: Any) -> Any:
        async def publish(self: Any, record: Any, **more: Any) -> Any:
            return False if record.stream == "mesh:llm_attempts" else await old(self, record, **more)

        return publish

    replace("mesh_core.messaging.bus.Bus.publish", make)


@mutant("planner_agent", "observer")
def message_is_adopted_by_everybody() -> None:
    def make(old: Any) -> Any:
        async def adopt(self: Any, event: Any, *rest: Any, **more: Any) -> Any:
            import secrets

            return await old(self, event, secrets.token_hex(32))

        return adopt

    replace("mesh_core.messaging.bus.Bus.adopt", make)


@mutant("executor_agent")
def executor_leaves_no_mark() -> None:
    replace("executor_agent.run_files.ledger.Ledger.begin", lambda old: lambda self, run, look, now: None)


@mutant("executor_agent")
def executor_ignores_the_digest() -> None:
    names = importlib.import_module("mesh_core.approvals.proposal_files")
    asked: list[str] = []

    def make_judge(old: Any) -> Any:
        def judge(seen: Any, *rest: Any, **more: Any) -> Any:
            name = names.name_of(seen.file_name)
            asked[:] = [name.digest] if name else []
            return old(seen, *rest, **more)

        return judge

    replace("executor_agent.admission.admission.admit", make_judge)
    replace("executor_agent.admission.admission.digest_of", lambda old: lambda raw: asked[0] if asked else old(raw))


@mutant("executor_agent")
def executor_notifies_twice() -> None:
    twice = after(3)

    def make(old: Any) -> Any:
        async def send(self: Any, *rest: Any, **more: Any) -> Any:
            if twice():
                await old(self, *rest, **more)
            return await old(self, *rest, **more)

        return send

    replace("mesh_core.notifications.notifier.AppriseSender.send", make)


@mutant("executor_agent")
def executor_says_done_and_does_nothing() -> None:
    def make(old: Any) -> Any:
        async def run(self: Any, *rest: Any, **more: Any) -> Any:
            result = importlib.import_module("executor_agent.runner.interface").RunResult
            return result("done", "inconclusive", "told nobody")

        return run

    replace("executor_agent.runner.action_runner.ActionRunner.run", make)


def _reports(change: Callable[[list[Any]], list[Any]]) -> None:
    replace(
        "executor_agent.reporting.outbox.Outbox.put",
        lambda old: lambda self, reports, *rest, **more: old(self, change(list(reports)), *rest, **more),
    )


def _is_result(report: Any) -> bool:
    return report.update is not None and report.update.to_folder in ("done", "failed", "interrupted")


@mutant("executor_agent")
def result_is_told_twice() -> None:
    def again(reports: list[Any]) -> list[Any]:
        results = [report for report in reports if _is_result(report)]
        return [*reports, *(r.model_copy(update={"idempotency_key": f"{r.idempotency_key}:again"}) for r in results)]

    _reports(again)


@mutant("executor_agent")
def result_is_never_told() -> None:
    _reports(lambda reports: [report for report in reports if not _is_result(report)])


@mutant("executor_agent")
def updates_are_told_backwards() -> None:
    _reports(lambda reports: reports[::-1])


@mutant("observer")
def archive_skips_one_event() -> None:
    skip = after(10)
    replace(
        "observer.archive.events.EventArchive.keep",
        lambda old: lambda self, events, *rest: old(self, [event for event in events if not skip()], *rest),
    )


@mutant("observer")
def archive_skips_a_decision() -> None:
    skip = after(10)
    replace(
        "observer.archive.events.EventArchive.keep",
        lambda old: (
            lambda self, events, decisions, *rest: old(
                self, events, [decision for decision in decisions if not skip()], *rest
            )
        ),
    )


@mutant("observer")
def observer_acknowledges_before_writing() -> None:
    def make(old: Any) -> Any:
        async def work(self: Any, entries: Any) -> None:
            await self._consumer.acknowledge(entries)
            await asyncio.sleep(1.5 if entries else 0)  # a slow disk
            await old(self, entries)

        return work

    replace("observer.pipeline.observer.Observer.work", make)


@mutant("observer")
def logbook_skips_one_line() -> None:
    skip = after(10)
    replace(
        "observer.archive.logbook.Logbook.keep",
        lambda old: lambda self, lines, *rest: old(self, [line for line in lines if not skip()], *rest),
    )


@mutant("observer")
def move_by_hand_is_not_audited() -> None:
    def make(old: Any) -> Any:
        async def placed(self: Any, action_id: str, digest: str, said: Any) -> None:
            if said.get("what") == "approve" and said.get("how") == "mv":
                self._places[action_id] = (digest, said["to"])
            else:
                await old(self, action_id, digest, said)

        return placed

    replace("observer.audit.auditor.Auditor._placed", make)


@mutant("observer")
def decision_on_the_page_is_not_audited() -> None:
    def make(old: Any) -> Any:
        async def decided(self: Any, person: Any, what: str, name: Any, source: str, target: str, *rest: Any) -> None:
            self._is_own(name.id, source, target)
            self._places[name.id] = (name.digest, target)

        return decided

    replace("observer.audit.auditor.Auditor._decided", make)


@mutant("observer")
def audit_line_is_changed_later() -> None:
    change = after(8)

    def make(old: Any) -> Any:
        def append(self: Any, said: Any, **more: Any) -> Any:
            line = old(self, said, **more)
            if change():
                raw = self.path.read_bytes()
                self.path.write_bytes(raw.replace(b'"who":"somebody"', b'"who":"nobody  "', 1))
            return line

        return append

    replace("observer.audit.log.AuditLog.append", make)


@mutant("node_agent")
def agent_forgets_what_waits() -> None:
    first = after(1)

    def make(old: Any) -> Any:
        def requeue_above(self: Any, last_id: str) -> int:
            if first():  # the first connection of its life; this is about the next ones
                return int(old(self, last_id))
            while (waiting := self.oldest()) is not None:
                self.mark_sent(waiting[0])
            return 0

        return requeue_above

    replace("node_agent.delivery.spool.Spool.requeue_above", make)


def main() -> int:
    sys.path = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]
    if sys.argv[1:] == ["--check"]:
        wrong = 0
        for name, (_, function) in MUTANTS.items():
            try:
                function()
                print(f"fits {name}")
            except Stale as error:
                wrong += 1
                print(f"{name}: {error}")
        return 1 if wrong else 0
    name, module = sys.argv[1:]
    modules, function = MUTANTS[name]
    if module in modules:
        try:
            function()
        except Stale as error:
            print(f"STALE mutant {name}: {error}", file=sys.stderr)
            return 4
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
