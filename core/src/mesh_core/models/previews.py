"""What a run in check mode said that a proposal would change, task by task. Frozen; no I/O."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from mesh_core.models.proposals import ProposalId
from mesh_core.models.records import Name, Record, ServiceName, Sha256, Timestamp


class Effect(StrEnum):
    """What a task would do."""

    CHANGES = "changes"
    NOTHING = "nothing"  # all is as it wants it already, or it only reads
    SKIPPED = "skipped"  # its own condition says no
    UNKNOWN = "unknown"  # check mode does not run it, so nobody can say
    FAILED = "failed"

    @property
    def words(self) -> str:
        """As people read it, before the task's name."""
        return _WORDS[self]


_WORDS = {
    Effect.CHANGES: "would change",
    Effect.NOTHING: "nothing to do",
    Effect.SKIPPED: "would be skipped",
    Effect.UNKNOWN: "cannot be said",
    Effect.FAILED: "would fail",
}


class TaskPreview(Record):
    """One task. `things`: what it would change, by path or name; `why`: of what it would not do, or cannot be said.

    `diff` as Ansible gives it, redacted and bounded; '' where there is none.
    """

    name: str
    module: str
    effect: Effect
    things: tuple[str, ...] = ()
    why: str = ""
    diff: str = ""


class Preview(Record):
    """preview.json of a run of type `preview`.

    It holds for the proposal `of` as long as its file has the digest `digest` and its playbook the sha256
    `playbook_sha256`. `sees`: what a look at the target said. `surprises`: sentences about what would be changed beyond
    what the card says. `problem`: why it could not be asked to the end; '' where it could.
    """

    schema_version: Literal[1] = 1
    action_id: ProposalId
    of: ProposalId
    digest: str
    playbook_sha256: Sha256
    node: Name
    service: ServiceName | None = None
    at: Timestamp
    sentence: str
    sees: str = ""
    tasks: tuple[TaskPreview, ...] = ()
    surprises: tuple[str, ...] = ()
    problem: str = ""
    cut: bool = Field(False, description="there was more than is kept here; the log of the run has it")
