"""One scenario from its fault to its end, on a live mesh: does what the data says and insists on every line of it.

Knows no scenario. Nothing is waited for by the clock: that the mesh does *not* do something is known once it has dealt
with another fault, which came later.
"""

from __future__ import annotations

import json
import re
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any

import httpx
import pytest
from parts.engine import DockerFailed
from qualify.live_mesh import BOX, FAR, TOKEN, LiveMesh
from qualify.scenario import Decision, Ready, Scenario, Sign, Step, Thing

from mesh_core.approvals.proposal_files import Filed
from mesh_core.models.events import HealthEvent
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import Folder
from mesh_core.testing import wait_for

FOUND_SECONDS = 60.0
PROPOSED_SECONDS = 30.0
ENDED_SECONDS = 120.0
ENDED = (Folder.DONE, Folder.FAILED, Folder.INTERRUPTED)
# Dies at its first start and lives from the second on.
CANARY = Thing(image="base", run="test -e /again && exec sleep 600; touch /again; exit 9", ready=Ready.STARTED)
CANARY_UNIT = Thing(
    unit="[Service]\nExecStart=/bin/sh -c 'test -e /run/%n.again || { touch /run/%n.again; exit 9; }; exec sleep 600'\n"
)
NAMED = re.compile(r"\{([a-z][a-z0-9-]*)(?::(\d+))?\}")


@dataclass
class Walk:
    """`row` is filled as it goes, so that a table can say how far it came."""

    mesh: LiveMesh
    scenario: Scenario
    row: dict[str, Any]
    names: dict[str, str] = field(default_factory=dict)
    things: dict[str, Thing] = field(default_factory=dict)

    async def go(self) -> None:
        """To the end, or to the first thing that is not as declared (AssertionError)."""
        scenario = self.scenario
        began = monotonic()
        for name, thing in scenario.things.items():
            self._name(name, thing)
        try:
            for name in scenario.things:
                await self._start(name)
            since, before = time(), {name: self._life(name) for name in scenario.things}
            for step in scenario.fault:
                await self._do(step)
            for sign in scenario.found:
                await self._wait_for_event(sign)
            self.row["found"] = monotonic() - began
            for sign in scenario.proposed:
                await wait_for(lambda sign=sign: self._proposal(sign), PROPOSED_SECONDS, f"the proposal {sign}")
            self.row["proposed"] = monotonic() - began
            if scenario.is_quiet:
                await self._canary()
            self._insist_on_proposals()
            self._insist_unchanged(scenario.unchanged, before, since)
            decided = time()
            outcomes = await self._decide()
            for step in scenario.then:
                await self._do(step)
            if scenario.decision is not Decision.APPROVE and not scenario.is_quiet and not scenario.after.withdrawn:
                await self._canary()  # the mesh went on, and did nothing of that kind
                if scenario.decision is Decision.IGNORE:
                    self._insist_on_proposals()
            await self._insist_on_the_end(outcomes, before, since, decided)
            self.row["ended"] = monotonic() - began
        finally:
            self._tidy()

    # -- things ------------------------------------------------------------------------------------------------

    def _name(self, name: str, thing: Thing) -> None:
        self.things[name] = thing
        self.names[name] = f"q-{name}-{secrets.token_hex(3)}" + ".service" * bool(thing.unit)

    async def _start(self, name: str) -> None:
        thing, own = self.things[name], self.names[name]
        if thing.unit:
            self.mesh.node.install_unit(own, thing.unit)
            self.mesh.node.systemctl("start", own, check=thing is not CANARY_UNIT)
            return
        command = ["sh", "-c", self._filled(thing.run)] if thing.run else []
        options = [self._filled(option) for option in thing.options]
        self.mesh.engine.run(self.mesh.images[thing.image], *command, name=own, options=options)
        if thing.ready is not Ready.STARTED:
            await wait_for(lambda: self._is_healthy(name), FOUND_SECONDS, f"{name} {thing.ready} at first")

    def _is_healthy(self, name: str) -> bool:
        own = self.names[name]
        if self.things[name].unit:
            return self.mesh.node.show(own, "ActiveState")["ActiveState"] == "active"
        state = self.mesh.engine.inspect(own)["State"]
        return bool(state["Running"]) and state.get("Health", {}).get("Status", "healthy") == "healthy"

    def _life(self, name: str) -> str:
        """What is another one after each start; '' for a container, whose starts the engine itself has written down."""
        if not self.things[name].unit:
            return ""
        (started,) = self.mesh.node.show(self.names[name], "ExecMainStartTimestampMonotonic").values()
        return started

    def _starts(self, name: str, since: float) -> int:
        return len(self.mesh.engine.events(self.names[name], "start", since=since))

    def _insist_unchanged(self, names: tuple[str, ...], before: Mapping[str, str], since: float) -> None:
        for name in names:
            if self.things[name].unit:
                assert self._life(name) == before[name], f"{name} was started though nobody said yes"
            else:
                assert self._starts(name, since) == 0, f"{name} was started though nobody said yes"

    def _tidy(self) -> None:
        for filed in self._pending():
            self.mesh.actions.reject(filed.name, "the scenario is over", "qualify")
        self.mesh.engine.rm(*(own for name, own in self.names.items() if not self.things[name].unit))
        for name, own in self.names.items():
            if self.things[name].unit:
                self.mesh.node.systemctl("stop", own, check=False)
                self.mesh.node.systemctl("reset-failed", own, check=False)

    # -- what happens ------------------------------------------------------------------------------------------

    def _filled(self, text: str) -> str:
        def named(match: re.Match[str]) -> str:
            if match[1] not in self.names:
                return match[0]
            own = self.names[match[1]]
            return str(self.mesh.engine.port(own, int(match[2]))) if match[2] else own

        return NAMED.sub(named, text)

    def _filled_body(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._filled_body(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._filled_body(one) for one in value]
        return self._filled(value) if isinstance(value, str) else value

    async def _do(self, step: Step) -> None:
        if step.docker:
            words = shlex.split(self._filled(step.docker))
            if not step.fails:
                self.mesh.engine.docker(*words)
                return
            with pytest.raises(DockerFailed):
                self.mesh.engine.docker(*words)
        elif step.node:
            self.mesh.engine.exec(self.mesh.node.name, "sh", "-c", self._filled(step.node))
        elif step.restart:
            self.mesh.restart(step.restart)
        elif step.watch is not None:
            self.mesh.watch(self._filled_body(step.watch))
        elif step.event:
            await self._wait_for_event(step.event)
        else:
            head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            text = json.dumps(self._filled_body(step.body))
            async with httpx.AsyncClient(timeout=60) as http:
                answer = await http.post(f"{self.mesh.page}/hooks/{step.hook}", content=text, headers=head)
            assert answer.status_code == 200, answer.text
            assert answer.json()["refused"] == 0, answer.text

    # -- what the mesh made of it ------------------------------------------------------------------------------

    def _is_about(self, name: str, node: str, service: str | None) -> bool:
        own = self.names[name]
        if self.things[name].unit:
            return (node, (service or "").removesuffix(".service")) == (FAR, own.removesuffix(".service"))
        return (node, service) == (BOX, own)

    def _events(self, sign: Sign) -> list[HealthEvent]:
        events = [event for event in self.mesh.events() if sign.type in ("", event.type)]
        return [event for event in events if self._is_about(sign.of, event.node, event.service)]

    async def _wait_for_event(self, sign: Sign) -> None:
        def heard() -> bool:
            return any(sign.payload.items() <= event.payload.items() for event in self._events(sign))

        await wait_for(heard, FOUND_SECONDS, f"the event {sign}")

    def _pending(self) -> list[Filed]:
        proposals = [(filed, filed.proposal) for filed in self.mesh.actions.filed(Folder.PENDING)]
        return [f for f, p in proposals if any(self._is_about(name, p.node, p.service) for name in self.names)]

    def _proposal(self, sign: Sign) -> Filed | None:
        for filed in self._pending():
            proposal = filed.proposal
            if sign.type in ("", proposal.type) and self._is_about(sign.of, proposal.node, proposal.service):
                assert sign.says in proposal.reason, proposal.reason
                assert not sign.never_says or sign.never_says not in proposal.reason, proposal.reason
                return filed
        return None

    def _insist_on_proposals(self) -> None:
        """Those that are declared, and no other about anything of this scenario."""
        declared = [filed.name for sign in self.scenario.proposed if (filed := self._proposal(sign))]
        more = [f.proposal for f in self._pending() if f.name not in declared and not self._is_canary(f)]
        assert not more, f"proposed and not declared: {[(p.type, p.service, p.reason) for p in more]}"

    def _is_canary(self, filed: Filed) -> bool:
        proposal = filed.proposal
        return any(self._is_about(name, proposal.node, proposal.service) for name in self.names if "canary" in name)

    async def _canary(self) -> None:
        """Another fault, later than all of ours: in the end the mesh has proposed for it, and run what was approved."""
        units = any(thing.unit for thing in self.scenario.things.values())
        name = f"canary-{len(self.names)}"
        self._name(name, CANARY_UNIT if units else CANARY)
        sign = Sign(type="", of=name)
        await self._start(name)
        await wait_for(lambda: self._proposal(sign), FOUND_SECONDS, f"a proposal for the later fault {name}")
        filed = self._proposal(sign)
        assert filed is not None
        assert self.mesh.actions.approve(filed.name, "qualify")
        await wait_for(lambda: self._outcome(filed), ENDED_SECONDS, f"the end of what was approved for {name}")

    # -- a person, and the end ---------------------------------------------------------------------------------

    async def _decide(self) -> dict[str, Outcome]:
        scenario, actions = self.scenario, self.mesh.actions
        self.row["decision"] = scenario.decision.value
        filed = {sign.of: found for sign in scenario.proposed if (found := self._proposal(sign))}
        if scenario.decision is Decision.APPROVE:
            for one in filed.values():
                assert actions.approve(one.name, "qualify")
            for name, one in filed.items():
                await wait_for(lambda one=one: self._outcome(one), ENDED_SECONDS, f"the end of the repair of {name}")
            return {name: outcome for name, one in filed.items() if (outcome := self._outcome(one))}
        if scenario.decision is Decision.REJECT:
            for one in filed.values():
                assert actions.reject(one.name, "not now", "qualify")
        return {}

    def _outcome(self, filed: Filed) -> Outcome | None:
        for folder, path in self.mesh.actions.find(filed.name.id):
            assert folder is not Folder.QUARANTINE, f"quarantined: {path}"
            if folder in ENDED:
                return self.mesh.actions.outcome_at(path)
        return None

    async def _insist_on_the_end(
        self, outcomes: Mapping[str, Outcome], before: Mapping[str, str], since: float, decided: float
    ) -> None:
        after = self.scenario.after
        for name, outcome in outcomes.items():
            if after.verdict:
                assert outcome.verdict == after.verdict, f"{name}: {outcome.verdict}, {outcome.reason}"
        for name in after.withdrawn:
            own = (self.names[name], self.names[name].removesuffix(".service"))
            await wait_for(
                lambda own=own: [f for f in self.mesh.actions.filed(Folder.WITHDRAWN) if f.proposal.service in own],
                FOUND_SECONDS,
                f"the proposal for {name} withdrawn",
            )
        for name in after.healthy:
            await wait_for(lambda name=name: self._is_healthy(name), FOUND_SECONDS, f"{name} healthy")
        for name in after.recovered:
            await self._wait_for_event(Sign(type="service_recovered", of=name))
        for name, times in after.started.items():
            assert self._starts(name, decided) == times, f"{name} was started {self._starts(name, decided)} times"
        self._insist_unchanged(after.unchanged, before, since)
