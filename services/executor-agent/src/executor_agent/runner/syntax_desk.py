"""Answers planners whether Ansible can read a playbook that is not filed yet. Approves nothing, touches no host.

Checking the syntax runs what a template says, so the executor's own lint comes first, whoever asks; then Ansible reads
the text as at the beginning of a run: behind the wall, with no key, no inventory but the host's bare name, no network.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

import structlog

from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.runner.ansible import StageContext, StageLimits, run_stage, write_project
from executor_agent.runner.stages import SYNTAX
from mesh_core.actions.playbook import playbooks_of
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.messaging.syntax_questions import put_answer, read_questions
from mesh_core.models.parsing import read_record
from mesh_core.models.proposals import MAX_PROPOSAL_BYTES
from mesh_core.models.strict_json import Refusal
from mesh_core.models.syntax_check import MAX_PROBLEM, SyntaxAnswer, SyntaxQuestion
from mesh_core.policy.current_config import ConfigReader
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.playbook_lint import lint_playbook
from mesh_core.runtime.service import pause

RETRY_SECONDS = 2.0
LIMITS = StageLimits(stage_seconds=30)
ANSIBLE_SAYS_NO = range(1, 10)  # exit codes of its own; what is above them is ours or a signal's

log = structlog.get_logger()


class SyntaxDesk:
    """`run` is a part of the service; it has a connection of its own, for it blocks there."""

    def __init__(self, bus: Bus, pool: AnsiblePool, config: ConfigReader):
        self._bus = bus
        self._pool = pool
        self._config = config

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop. Questions of before are nobody's any more."""
        last = ""
        while not stop.is_set():
            try:
                last = last or await self._bus.last_id(SyntaxQuestion.stream)
                for entry, raw in await read_questions(self._bus, last):
                    await self._take(raw)
                    last = entry
            except (BusDown, OSError) as error:
                log.warning("syntax_desk.delayed", error=str(error), retry_in_seconds=RETRY_SECONDS)
                await pause(stop, RETRY_SECONDS)

    async def _take(self, raw: bytes) -> None:
        question = read_record(raw, SyntaxQuestion, 2 * MAX_PROPOSAL_BYTES)
        if isinstance(question, Refusal):
            log.warning("syntax_desk.refused", reason=question.reason)
            return
        try:
            answer = await asyncio.to_thread(self.check, question)
        except Exception:  # whatever is asked must not end the executor; who asked hears nothing, and files unchecked
            log.exception("syntax_desk.failed", node=question.node, playbook=question.playbook.name)
            return
        if answer is not None:
            await put_answer(self._bus, question, answer)

    def check(self, question: SyntaxQuestion) -> SyntaxAnswer | None:
        """None where it could not be found out; then nobody says that it was. Blocks."""
        if problem := self._lint(question):
            return SyntaxAnswer(problem=problem[:MAX_PROBLEM])
        said: list[str] = []
        with tempfile.TemporaryDirectory(prefix="syntax-", dir=self._pool.home) as folder:
            bare = Inventory.parse(json.dumps({"all": {"hosts": {question.node: {}}}}).encode())
            write_project(Path(folder), playbooks_of(question.playbook), bare)
            context = StageContext(self._pool, "syntax-check", question.node, Path(folder), LIMITS)
            stage = run_stage(SYNTAX, context, said.append)
            told = " ".join(" ".join(said).replace(f"{folder}/project/", "").split())
        if stage.ok:
            return SyntaxAnswer()
        return SyntaxAnswer(problem=(told or stage.detail)[:MAX_PROBLEM]) if stage.rc in ANSIBLE_SAYS_NO else None

    def _lint(self, question: SyntaxQuestion) -> str:
        config = self._config.read()
        if isinstance(config.policy, str):
            return f"the policy cannot be read: {config.policy}"
        known = frozenset() if isinstance(config.inventory, str) else config.inventory.variables
        return lint_playbook(question.playbook, question.node, config.policy.widened, known, requested=True).sentence
