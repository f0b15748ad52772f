"""One scenario from its fault to its end, on a live mesh: does what the data says and insists on every line of it.

Knows no scenario. Nothing is waited for by the clock: that the mesh does *not* do something is known once it has dealt
with another fault, which came later.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import monotonic, time
from typing import Any

import httpx
import pytest
import redis
from parts.engine import DockerFailed
from qualify.live_mesh import FAR, TOKEN, LiveMesh
from qualify.scenario import Decision, Ready, Scenario, Sign, Step, Thing
from qualify.things import Things

from mesh_core.approvals.proposal_files import Filed
from mesh_core.models.events import HealthEvent
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import Folder
from mesh_core.testing import wait_for

FOUND_SECONDS = 60.0
PROPOSED_SECONDS = 30.0
ENDED_SECONDS = 120.0
EXPLAINED_SECONDS = 10.0
ENDED = (Folder.DONE, Folder.FAILED, Folder.INTERRUPTED)
# Dies at its first start and lives from the second on.
CANARY = Thing(image="base", run="test -e /again && exec sleep 600; touch /again; exit 9", ready=Ready.STARTED)
CANARY_UNIT = Thing(
    unit="[Service]\nExecStart=/bin/sh -c 'test -e /run/%n.again || { touch /run/%n.again; exit 9; }; exec sleep 600'\n"
)


class Walk:
    """`row` is filled as it goes, so that a table can say how far it came."""

    def __init__(self, mesh: LiveMesh, scenario: Scenario, row: dict[str, Any]):
        self.mesh = mesh
        self.scenario = scenario
        self.row = row
        self.things = Things(mesh)
        self._meanwhile: subprocess.Popen[bytes] | None = None
        self._watched: set[str] = set()  # the nodes of which a step changed what they watch

    async def go(self) -> None:
        """To the end, or to the first thing that is not as declared (AssertionError)."""
        scenario = self.scenario
        began = monotonic()
        for name, thing in scenario.things.items():
            self.things.add(name, thing)
        try:
            for name in scenario.things:
                await self.things.start(name)
            before = {name: self.things.life(name) for name in scenario.things}
            for step in scenario.fault:
                await self._do(step)
            for sign in scenario.found:
                await self._wait_for_event(sign)
            self.row["found"] = monotonic() - began
            for sign in scenario.proposed:
                await wait_for(lambda sign=sign: self._proposal(sign), PROPOSED_SECONDS, f"the proposal {sign}")
            self.row["proposed"] = monotonic() - began
            for sign in scenario.withdrawn:
                await self._wait_until_withdrawn(sign)
            for sign in scenario.held:
                await wait_for(lambda sign=sign: self._is_held(sign), FOUND_SECONDS, f"held: {sign}")
            if scenario.is_quiet:
                await self._canary()
            await self._wait_until_explained(scenario.proposed)
            self._insist_on_proposals(scenario.proposed)
            self._insist_unchanged(scenario.unchanged, before)
            decided = time()
            await self._decide()
            for step in scenario.then:
                await self._do(step)
            await self._insist_on_the_end(before, decided)
            self.row["ended"] = monotonic() - began
        finally:
            self._tidy()

    def _insist_unchanged(self, names: Sequence[str], before: Mapping[str, str]) -> None:
        for name in names:
            assert self.things.life(name) == before[name], f"{name} was started though nobody said yes"

    def _tidy(self) -> None:
        for filed in self._pending():
            self.mesh.actions.reject(filed.name, "the scenario is over", "qualify")
        self._end_what_goes_on()
        self.things.tidy()
        for node in self._watched:
            self.mesh.watch(node, {})

    def _end_what_goes_on(self) -> None:
        if self._meanwhile:
            self._meanwhile.kill()
            self._meanwhile.wait(60)

    # -- what happens ------------------------------------------------------------------------------------------

    async def _do(self, step: Step) -> None:
        if step.docker:
            words = shlex.split(self.things.filled(step.docker))
            if not step.fails:
                self.mesh.engine.docker(*words)
                return
            with pytest.raises(DockerFailed):
                self.mesh.engine.docker(*words)
        elif step.meanwhile:
            words = [self.mesh.engine.client, *shlex.split(self.things.filled(step.meanwhile))]
            self._meanwhile = subprocess.Popen(
                words,
                env=self.mesh.engine.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        elif step.ends:
            self._end_what_goes_on()
        elif step.node:
            self.mesh.engine.enter(self.mesh.node.name, "sh", "-ec", self.things.filled(step.node))
        elif step.redis:
            with redis.Redis(port=self.mesh.server.port) as client:
                client.execute_command(*shlex.split(step.redis))
        elif step.restart:
            self.mesh.restart(step.restart)
        elif step.watch:
            for node, more in step.watch.items():
                self._watched.add(node)
                self.mesh.watch(node, self.things.filled_body(more))
        elif step.event:
            await self._wait_for_event(step.event)
        else:
            charset = step.encoding.removesuffix("-sig")
            head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": f"application/json; charset={charset}"}
            text = json.dumps(self.things.filled_body(step.body), ensure_ascii=False).encode(step.encoding)
            async with httpx.AsyncClient(timeout=60) as http:
                answer = await http.post(f"{self.mesh.page}/hooks/{step.hook}", content=text, headers=head)
            assert answer.status_code == 200, answer.text
            assert answer.json()["refused"] == 0, answer.text

    # -- what the mesh made of it ------------------------------------------------------------------------------

    async def _wait_for_event(self, sign: Sign) -> None:
        await wait_for(lambda: any(self._fits(sign, event) for event in self.mesh.events()), FOUND_SECONDS, str(sign))

    def _fits(self, sign: Sign, event: HealthEvent) -> bool:
        if not self.things.is_about(sign.of, event.node, event.service, event.payload):
            return False
        return self.things.filled_body(sign.payload).items() <= event.payload.items()

    def _is_held(self, sign: Sign) -> bool:
        about = {event.id for event in self.mesh.events(again=True) if self._fits(sign, event)}
        said = [one.reason for one in self.mesh.decisions() if one.verdict == "held" and one.event_id in about]
        return any(sign.says in reason for reason in said)

    def _pending(self) -> list[Filed]:
        """About anything of this scenario."""
        proposals = [(filed, filed.proposal) for filed in self.mesh.actions.filed(Folder.PENDING)]
        about, names = self.things.is_about, self.things.names
        return [filed for filed, p in proposals if any(about(n, p.node, p.service, p.event.payload) for n in names)]

    def _proposal(self, sign: Sign) -> Filed | None:
        for filed in self._pending():
            proposal = filed.proposal
            if sign.type in ("", proposal.type) and self._fits(sign, proposal.event):
                assert sign.says in proposal.reason, proposal.reason
                assert not sign.never_says or sign.never_says not in proposal.reason, proposal.reason
                shown = "\n".join(one.text for one in proposal.evidence)
                assert sign.shows in shown, shown[-2000:]
                return filed
        return None

    async def _wait_until_withdrawn(self, sign: Sign) -> None:
        def is_there() -> bool:
            withdrawn = [filed.proposal for filed in self.mesh.actions.filed(Folder.WITHDRAWN)]
            return any(sign.type in ("", one.type) and self._fits(sign, one.event) for one in withdrawn)

        await wait_for(is_there, FOUND_SECONDS, f"withdrawn: {sign}")

    async def _wait_until_explained(self, signs: Sequence[Sign]) -> None:
        """What was proposed in the same second as its cause is withdrawn right after; what stays is insisted on."""

        def only_those() -> bool:
            found = [self._proposal(sign) for sign in signs]
            return all(filed in found for filed in self._pending())

        with suppress(AssertionError):
            await wait_for(only_those, EXPLAINED_SECONDS, "nothing else waits")

    def _insist_on_proposals(self, signs: Sequence[Sign]) -> None:
        """Those that are declared, and no other about anything of this scenario."""
        found = [self._proposal(sign) for sign in signs]
        assert None not in found, f"not proposed any more: {[str(s) for s in signs if self._proposal(s) is None]}"
        more = [filed.proposal for filed in self._pending() if filed not in found]
        assert not more, f"proposed and not declared: {[(p.type, p.service, p.reason) for p in more]}"

    async def _canary(self) -> None:
        """Another fault, later than all of ours: in the end the mesh has proposed for it, and run what was approved."""
        is_far = any(thing.unit or thing.host == FAR for thing in self.scenario.things.values())
        name = f"canary-{len(self.things.names)}"
        self.things.add(name, CANARY_UNIT if is_far else CANARY)
        sign = Sign(of=name)
        await self.things.start(name, check=False)
        await wait_for(lambda: self._proposal(sign), FOUND_SECONDS, f"a proposal for the later fault {name}")
        filed = self._proposal(sign)
        assert filed is not None
        assert self.mesh.actions.approve(filed.name, "qualify")
        await wait_for(lambda: self._outcome(filed), ENDED_SECONDS, f"the end of what was approved for {name}")

    # -- a person, and the end ---------------------------------------------------------------------------------

    async def _decide(self) -> None:
        scenario, actions = self.scenario, self.mesh.actions
        self.row["decision"] = scenario.decision.value
        filed = [(sign, found) for sign in scenario.proposed if (found := self._proposal(sign))]
        if scenario.decision is Decision.REJECT:
            for _, one in filed:
                assert actions.reject(one.name, "not now", "qualify")
        if scenario.decision is not Decision.APPROVE:
            return
        for _, one in filed:
            assert actions.approve(one.name, "qualify")
        for sign, one in filed:
            await wait_for(lambda one=one: self._outcome(one), ENDED_SECONDS, f"the end of the repair for {sign}")
            outcome = self._outcome(one)
            assert outcome is not None
            assert outcome.verdict == sign.verdict, f"{sign}: {outcome.verdict}, {outcome.reason}"

    def _outcome(self, filed: Filed) -> Outcome | None:
        for folder, path in self.mesh.actions.find(filed.name.id):
            assert folder not in (Folder.QUARANTINE, Folder.WITHDRAWN), f"not run: {path}"
            if folder in ENDED:
                return self.mesh.actions.outcome_at(path)
        return None

    async def _insist_on_the_end(self, before: Mapping[str, str], decided: float) -> None:
        scenario, after = self.scenario, self.scenario.after
        for sign in after.withdrawn:
            await self._wait_until_withdrawn(sign)
        for sign in after.proposed:
            await wait_for(lambda sign=sign: self._proposal(sign), ENDED_SECONDS, f"proposed afterwards: {sign}")
        for name in after.healthy:
            await wait_for(lambda name=name: self.things.is_healthy(name), FOUND_SECONDS, f"{name} healthy")
        for sign in after.recovered:
            await self._wait_for_event(sign.model_copy(update={"type": "service_recovered"}))
        if scenario.proposed and not after.withdrawn and scenario.decision is not Decision.APPROVE:
            await self._canary()  # the mesh went on, and did nothing of that kind
        if scenario.decision is not Decision.APPROVE:
            wait = (*(scenario.proposed if scenario.decision is Decision.IGNORE else ()), *after.proposed)
            self._insist_on_proposals([sign for sign in wait if not sign.is_among(after.withdrawn)])
        for name, times in after.started.items():
            assert self.things.starts(name, decided) == times, f"{name}: {self.things.starts(name, decided)} starts"
        self._insist_unchanged(after.unchanged, before)
