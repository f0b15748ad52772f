"""What a person is asked to approve, the folders it passes through, and the news of each move. Frozen; no I/O."""

from __future__ import annotations

import json
from collections.abc import Sized
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
)

from mesh_core.models.events import HealthEvent
from mesh_core.models.records import (
    Name,
    Number,
    Record,
    ServiceName,
    Sha256,
    Timestamp,
    not_said,
    parse_time,
    sha256_of,
)
from mesh_core.models.run_options import AnsibleRole, SshLogin, Verify, is_all

MAX_PROPOSAL_BYTES = 256 * 1024

HEX = 12  # at the end of each proposal's id

RUNBOOK_SOURCE = "runbook"  # of the piece of evidence that cites one
MAX_CONSIDERED = 16
MAX_PARAMS = 50
MAX_ATTACHMENTS, MAX_ATTACHMENT_BYTES = 16, 64 * 1024


# The proposal's `type` (what would run) and `action` (what was answered). Which words there are, the register of
# mesh_core.actions says; a file is held against it where it is read.
ActionWord = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


ProposalId = Annotated[str, StringConstraints(pattern=r"^plan-[A-Za-z0-9][A-Za-z0-9._@-]{0,240}-[0-9a-f]{12}$")]


class Risk(StrEnum):
    LOW = "low"
    GUARDED = "guarded"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return tuple(Risk).index(self)


class ActionUpdate(Record):
    """A proposal changed state. `from`/`to` are folder names of `actions/`; a new proposal comes from ''."""

    channel: ClassVar[str] = "action_updates"
    stream: ClassVar[str] = "mesh:actions"

    ts: Timestamp
    action_id: str
    from_folder: str = Field(alias="from")
    to_folder: str = Field(alias="to")
    type: str
    node: Name
    service: ServiceName | None = None
    by: str
    reason: str = ""
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    @classmethod
    def of(
        cls, proposal: Proposal, source: str, target: str, *, actor: str, timestamp: str, reason: str = ""
    ) -> ActionUpdate:
        """One move of that proposal; `source` and `target` are folders."""
        return cls(
            ts=timestamp,
            action_id=proposal.id,
            from_folder=str(source),
            to_folder=str(target),
            type=proposal.type,
            node=proposal.node,
            service=proposal.service,
            by=actor,
            reason=reason,
        )


class Evidence(Record):
    """One thing that was seen: where, and its text (redacted, capped)."""

    source: str
    text: str


def _as_evidence(item: object) -> object:
    """Evidence that somebody else wrote may be any JSON: text as it is, other shapes as their JSON."""
    if isinstance(item, str):
        return Evidence(source="note", text=item)
    if isinstance(item, dict) and set(item) != {"source", "text"}:
        source = item.get("source", item.get("kind", "note"))
        return Evidence(source=str(source), text=json.dumps(item, sort_keys=True, ensure_ascii=False))
    return item


def _really_true(value: object) -> object:
    if value is not True:  # 1 and 1.0 equal True
        raise ValueError("must be true: nothing runs without a person")
    return value


class ModelRef(Record):
    """Which provider wrote a proposal. `position` counts from 1 in the chain."""

    name: str
    provider: str
    position: StrictInt
    latency_ms: Number


A_PERSON = ModelRef(name="a person", provider="person", position=1, latency_ms=0)  # asked for it, and no model did
RULES_FALLBACK = "floor"  # the provider where the rules answered, because no model did
NO_MODEL = frozenset({RULES_FALLBACK, A_PERSON.provider})  # whose words need no quotation marks


def none_there(some: Sized) -> bool:
    return not some


def attachable(text: str) -> str:
    """The text, if it is short enough to travel inside a proposal."""
    if (size := len(text.encode())) > MAX_ATTACHMENT_BYTES:
        raise ValueError(f"it has {size} bytes, an attachment may have {MAX_ATTACHMENT_BYTES}")
    return text


class Attachment(Record):
    """A text file that a playbook copies or fills in; its tasks say `src: files/<sha256>`."""

    name: Name
    sha256: Sha256
    text: Annotated[str, AfterValidator(attachable)]


class Playbook(Record):
    """A playbook that travels inside a proposal: exactly these bytes were reviewed, all that belongs to it included.

    With a `role` the text is its site.yml. `login`: not as the inventory says. `verify` none: it runs once.
    """

    name: Name
    sha256: Sha256
    text: str
    # Absent where they say nothing: a file from before them stays the same bytes when it is written again.
    attachments: Annotated[tuple[Attachment, ...], Field(max_length=MAX_ATTACHMENTS, exclude_if=none_there)] = ()
    role: Annotated[AnsibleRole | None, Field(exclude_if=not_said)] = None
    login: Annotated[SshLogin | None, Field(exclude_if=not_said)] = None
    verify: Annotated[Literal[Verify.ALL, Verify.NONE], Field(exclude_if=is_all)] = Verify.ALL


class RuleCited(Record):
    """Which rule of the policy (or fence, or own remedy) spoke last for an event, and why it says so."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    says: Annotated[str, StringConstraints(min_length=1, max_length=600)]


class Considered(Record):
    """What else could be done about it, or could not, and why it is not what is proposed."""

    choice: ActionWord
    why_not: Annotated[str, StringConstraints(min_length=1, max_length=400)]


ParamName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Undoes(Record):
    """What an undo takes back: the run of that action, whose first look (`before`) saw these numbers.

    `attempt` is that action's own: with the event of the proposal it gives its id.
    """

    action_id: str
    attempt: StrictInt = 1
    before: dict[str, StrictInt] = Field(default_factory=dict)


class PreviewOf(Record):
    """Of which proposal a preview is: its id, the digest of its file's bytes, and what it would run."""

    id: ProposalId
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    type: ActionWord
    action: ActionWord
    risk_level: Risk


class RulesChoice(Record):
    """What the rules would have chosen, and why, where a model that may choose chose something else."""

    action: ActionWord
    reason: Annotated[str, StringConstraints(max_length=1000)]


class Proposal(Record):
    """What a person is asked to approve. Its file's bytes are what is digested, reviewed and run."""

    schema_version: Literal[1] = 1
    id: ProposalId
    type: ActionWord
    action: ActionWord
    risk_level: Risk
    node: Name
    service: ServiceName | None = None
    reason: Annotated[str, StringConstraints(min_length=10, max_length=4000)]
    confidence: Annotated[Number, Field(ge=0, le=1)]
    requires_human: Annotated[Literal[True], BeforeValidator(_really_true)] = True
    created_at: Timestamp
    expires_at: Timestamp
    event: HealthEvent
    evidence: tuple[Annotated[Evidence, BeforeValidator(_as_evidence)], ...] = ()
    model: ModelRef
    playbook: Playbook | None = None
    attempt: StrictInt = 1
    edited_by: str | None = None
    # Of the playbooks that a remedy gave when this was written. Absent for other types: their bytes stay as before.
    remedy_sha256: Annotated[Sha256 | None, Field(exclude_if=not_said)] = None
    # What a person set of its remedy, by name; absent where nobody did. No model and no planner ever writes it.
    params: Annotated[dict[ParamName, StrictInt | Name], Field(max_length=MAX_PARAMS, exclude_if=none_there)] = Field(
        default_factory=dict
    )
    undoes: Annotated[Undoes | None, Field(exclude_if=not_said)] = None
    preview_of: Annotated[PreviewOf | None, Field(exclude_if=not_said)] = None
    rules_choice: Annotated[RulesChoice | None, Field(exclude_if=not_said)] = None
    # How it was chosen, written when it was.
    rule: Annotated[RuleCited | None, Field(exclude_if=not_said)] = None
    considered: Annotated[tuple[Considered, ...], Field(max_length=MAX_CONSIDERED, exclude_if=none_there)] = ()

    def wire(self) -> bytes:
        """Indented, because people read this file before they move it."""
        return self.model_dump_json(indent=2).encode() + b"\n"

    @property
    def target_key(self) -> str:
        return f"{self.node}/{self.service or ''}"

    @property
    def id_by_its_parts(self) -> str:
        """The id that belongs to its event, what it takes back or asks about, and its attempt."""
        if of := self.preview_of:  # each asking is another one
            return proposal_id(f"preview of {of.id}.{of.digest} at {self.created_at}", self.node, self.service)
        source = f"undo {self.undoes.action_id}" if self.undoes else self.event.id or ""
        again = "" if self.attempt == 1 else f"#{self.attempt}"
        return proposal_id(f"{source}{again}", self.node, self.service)

    @property
    def meant(self) -> Proposal:
        """What would run if it were approved: of a preview the proposal that it is of, else itself."""
        of = self.preview_of
        if of is None:
            return self
        meant = {"id": of.id, "type": of.type, "action": of.action, "risk_level": of.risk_level, "preview_of": None}
        return self.model_copy(update=meant)

    def expired(self, now: datetime) -> bool:
        return parse_time(self.expires_at) <= now


def proposal_id(event_id: str, node: str, service: str | None) -> str:
    """`plan-<node>-<service>-<12 hex of sha256(event id)>`; the same event always gives the same id.

    A whole-node event says `node` for its service. Very long names are cut so that the file name fits 255 bytes.
    """
    name = service or "node"
    if len(node) + len(name) > 200:
        node, name = node[:100], name[:100]
    return f"plan-{node}-{name}-{sha256_of(event_id)[:HEX]}"


class Folder(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    QUARANTINE = "quarantine"


EXECUTED = (Folder.DONE, Folder.FAILED, Folder.INTERRUPTED)
AT_REST = (*EXECUTED, Folder.WITHDRAWN, Folder.REJECTED, Folder.EXPIRED, Folder.QUARANTINE)
