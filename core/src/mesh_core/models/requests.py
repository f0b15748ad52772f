"""What a person asks for in words, what they answer, and where that stands. Frozen; no I/O.

A request becomes one proposal for each host. It is never a health event: nothing is sick because somebody wants
something.
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, model_validator

from mesh_core.models.proposals import (
    MAX_ATTACHMENTS,
    Attachment,
    ModelRef,
    Playbook,
    ProposalId,
    Risk,
    attachable,
    none_there,
)
from mesh_core.models.records import Name, Record, Timestamp, not_said, rfc3339, sha256_of, utc_now
from mesh_core.models.run_options import KeyName, Layout, RoleName, SshLogin, UserName, Verify, is_all, is_playbook

MAX_REQUEST_BYTES = 192 * 1024  # its files go into the proposal, which may have 256 KiB
MAX_TEXT = 4000  # characters
MAX_HOSTS = 50
MAX_ANSWERS = 32
MAX_VARIABLES = 64
MAX_TAGS = 32
MODEL_TOKENS, MODEL_TEMPERATURE = 256, 0.5  # of each answer of a model that writes tasks, where nothing is said

_ID = re.compile(r"^req-[0-9a-f]{12}$")
RequestId = Annotated[str, StringConstraints(pattern=_ID.pattern)]
SlotName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,63}$")]
Actor = Annotated[str, StringConstraints(max_length=128)]
Answer = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]


ProviderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
ExtraVariable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]


def _plain_values(variables: dict[str, JsonValue]) -> dict[str, JsonValue]:
    for name, value in variables.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict | list) or one is None:
                raise ValueError(f"{name} wants a text, a number, true or false, or a flat list of these")
            if isinstance(one, str) and any(sign in one for sign in ("{{", "{%", "{#")):
                raise ValueError(f"{name} holds a template; give the value itself")
    return variables


def _readable(text: str) -> str:
    if not text.strip():
        raise ValueError("says nothing; write what should be, such as: install nginx")
    if any(ord(character) < 32 and character not in "\n\r\t" for character in text):
        raise ValueError("holds a control character; write plain text")
    return text


def request_id(said: str) -> str:
    """`req-<12 hex>`: the same words give the same id."""
    return f"req-{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()[:12]}"


def is_request_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def _now() -> str:
    return rfc3339(utc_now())


class RequestedFile(Record):
    """A text that comes with a request; it travels whole, as in the proposal that it becomes part of."""

    name: Name
    text: Annotated[str, AfterValidator(attachable)]

    @property
    def attachment(self) -> Attachment:
        return Attachment(name=self.name, sha256=sha256_of(self.text), text=self.text)


def _each_once(files: tuple[RequestedFile, ...]) -> tuple[RequestedFile, ...]:
    names = [file.name for file in files]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{twice} is there twice; give one of the two another name")
    return files


class Request(Record):
    """What should be, in a person's words, on these hosts (names or groups of config/inventory.yml).

    `limit`: of these hosts only those. `extra_vars` are variables of the play, for the templates among the files.
    `files` are texts that the words name, such as "copy index.html to /var/www/html". `name` is what its playbook and
    its proposals are called; where it is not given, they are called by the text. `tags`: only the tasks that have one
    of them, by the recipe that made each. `role_hosts`: of the hosts those that the role is for, as `limit` says it.
    `user` and `ssh_key` (its name) are for all hosts, `logins` for one, by its name; a host's own wins. Where no recipe
    knows the words: `model` is the one provider of the chain that may write tasks, `max_tokens` and `temperature` are
    for its answers.
    """

    channel: ClassVar[str] = "requests"
    stream: ClassVar[str] = "mesh:requests"

    schema_version: Literal[1] = 1
    id: RequestId
    ts: Timestamp = Field(default_factory=_now)
    by: Actor = ""
    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT), AfterValidator(_readable)]
    hosts: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MAX_HOSTS)]
    limit: Annotated[tuple[Name, ...], Field(max_length=MAX_HOSTS, exclude_if=none_there)] = ()
    name: Annotated[Name | None, Field(exclude_if=not_said)] = None
    extra_vars: Annotated[
        dict[ExtraVariable, JsonValue],
        AfterValidator(_plain_values),
        Field(max_length=MAX_VARIABLES, exclude_if=none_there),
    ] = Field(default_factory=dict)
    model: Annotated[ProviderName | None, Field(exclude_if=not_said)] = None
    max_tokens: Annotated[int, Field(ge=64, le=4096, exclude_if=lambda said: said == MODEL_TOKENS)] = MODEL_TOKENS
    temperature: Annotated[float, Field(ge=0, le=1, exclude_if=lambda said: said == MODEL_TEMPERATURE)] = (
        MODEL_TEMPERATURE
    )
    files: Annotated[
        tuple[RequestedFile, ...], AfterValidator(_each_once), Field(max_length=MAX_ATTACHMENTS, exclude_if=none_there)
    ] = ()
    layout: Annotated[Layout, Field(exclude_if=is_playbook)] = Layout.PLAYBOOK
    role_name: Annotated[RoleName | None, Field(exclude_if=not_said)] = None
    role_hosts: Annotated[tuple[Name, ...], Field(max_length=MAX_HOSTS, exclude_if=none_there)] = ()
    tags: Annotated[tuple[Name, ...], Field(max_length=MAX_TAGS, exclude_if=none_there)] = ()
    verify: Annotated[Verify, Field(exclude_if=is_all)] = Verify.ALL
    user: Annotated[UserName | None, Field(exclude_if=not_said)] = None
    ssh_key: Annotated[KeyName | None, Field(exclude_if=not_said)] = None
    logins: Annotated[dict[Name, SshLogin], Field(max_length=MAX_HOSTS, exclude_if=none_there)] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _role_belongs_to_a_role(self) -> Request:
        said = self.role_name or self.role_hosts
        if said and self.layout is not Layout.ROLE:
            raise ValueError("role_name and role_hosts belong to layout: role")
        return self


class RequestReply(Record):
    """A person's word about a request that asks: answers by slot, or that it is not wanted any more."""

    channel: ClassVar[str] = "requests"
    stream: ClassVar[str] = "mesh:requests"

    schema_version: Literal[1] = 1
    request: RequestId
    ts: Timestamp = Field(default_factory=_now)
    by: Actor = ""
    answers: Annotated[dict[SlotName, Answer], Field(max_length=MAX_ANSWERS)] = Field(default_factory=dict)
    cancel: bool = False


class RequestState(StrEnum):
    """Where a request stands. One that no planner has read yet has no state."""

    FILED = "filed"  # its proposals were filed; where each of them is, its folder says
    WRITING = "writing"  # no recipe knows the words, and a model that may write is asked
    ASKS = "asks"  # something is missing, and nobody guesses it
    REFUSED = "refused"  # nothing is filed, and `reason` says why
    CHECKED = "checked"  # it was asked to look at its playbook only (verify: syntax): it is in order, nothing is filed
    CANCELLED = "cancelled"  # by a person, before anything was filed


class OpenQuestion(Record):
    """What has to be known before anything can be proposed. `choices`: what may be answered; empty for anything."""

    slot: SlotName
    text: str
    choices: tuple[str, ...] = ()


class RequestedProposal(Record):
    """The proposal that a request became on one host."""

    host: Name
    action_id: ProposalId


class RequestStatus(Record):
    """Where a request stands: requests/<id>.json under RUNTIME_PATH, which only a planner writes.

    `entry` is the id of its entry in the stream; the ids of its proposals are made of it. `answered_by` is the entry of
    the newest reply. `recipes` understood it; where none did, `written` are tasks of the model `written_by`. They are
    kept before anything is filed, so that whoever comes after a crash files these. `syntax_checked`: an executor said
    that Ansible can read its playbook. `playbook`: of one that was only to be checked, as its first host would have
    got it.
    """

    schema_version: Literal[1] = 1
    request: Request
    entry: str
    state: RequestState
    reason: str = ""
    questions: tuple[OpenQuestion, ...] = ()
    answers: dict[str, str] = Field(default_factory=dict)
    answered_by: str = ""
    proposals: tuple[RequestedProposal, ...] = ()
    recipes: tuple[str, ...] = ()
    playbook: Annotated[Playbook | None, Field(exclude_if=not_said)] = None
    risk: Risk | None = None
    syntax_checked: bool = False
    written: Annotated[tuple[dict[str, JsonValue], ...], Field(exclude_if=none_there)] = ()
    written_by: Annotated[ModelRef | None, Field(exclude_if=not_said)] = None
    updated_at: Timestamp

    def wire(self) -> bytes:
        """Indented, because people read this file."""
        return self.model_dump_json(indent=2).encode() + b"\n"


class RequestUpdate(Record):
    """A request came to a state: what was asked, by whom, for which hosts, and what became of it."""

    channel: ClassVar[str] = "request_updates"
    stream: ClassVar[str] = "mesh:request_updates"

    ts: Timestamp
    request: RequestId
    by: Actor
    text: str
    hosts: tuple[Name, ...]
    state: RequestState
    reason: str = ""
    proposals: tuple[RequestedProposal, ...] = ()

    @classmethod
    def of(cls, status: RequestStatus) -> RequestUpdate:
        asked = status.request
        return cls(
            ts=status.updated_at,
            request=asked.id,
            by=asked.by,
            text=asked.text,
            hosts=asked.hosts,
            state=status.state,
            reason=status.reason,
            proposals=status.proposals,
        )
