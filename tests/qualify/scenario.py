"""One fault and what the mesh must make of it, as declared in scenarios.yml. Read strictly; runs nothing.

In commands, names and bodies `{thing}` stands for the name that a thing of the scenario has in this run, `{thing:8080}`
for the loopback port that its port 8080 was published on, `{thing:path}` for the path that systemd reads in its name.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from mesh_core.models.outcomes import OutcomeVerdict

FILE = Path(__file__).with_name("scenarios.yml")
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Restarted = Literal["observer", "planner-agent", "executor-agent", "node-agent", "far", "engine", ""]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ready(StrEnum):
    """What is waited for before anything is broken: `started` waits for nothing but the start itself."""

    HEALTHY = "healthy"
    RUNNING = "running"
    STARTED = "started"


class Thing(_Part):
    """A container of an image of the tests (`sick`: a web service with a health check, or `base`), a unit, or a host.

    `unit` is the text of a service or a mount of systemd on the far node; it is started. `host` is a whole node by its
    name, for what is wrong with none of its services; with `service`, what a stranger calls one there. `tagged`: from a
    tag of its own of that image, `{thing}:latest`, or the one that `called` says.
    """

    image: Literal["sick", "base"] = "sick"
    run: str = ""  # instead of the image's own command: `sh -c` of it
    options: tuple[str, ...] = ()  # of docker run
    tagged: bool = False
    called: str = ""
    service: str = ""  # what the mesh calls a container that is one of several of a service
    unit: str = ""
    host: str = ""
    ready: Ready = Ready.HEALTHY

    @property
    def suffix(self) -> str:
        """Of its name, by the kind of unit that it is."""
        if not self.unit:
            return ""
        return ".mount" if "[Mount]" in self.unit else ".service"


class Sign(_Part):
    """An event or a proposal about a thing: `payload`, fields of the event; `says`, `never_says`, words of a reason;
    `shows`, words of the evidence.

    No `type`: of any type. `verdict`: what comes of a proposal that is approved.
    """

    type: str = ""
    of: Word
    payload: dict[str, Any] = Field(default_factory=dict)
    says: str = ""
    never_says: str = ""
    shows: str = ""
    verdict: OutcomeVerdict | None = None

    def is_among(self, others: tuple[Sign, ...]) -> bool:
        """Does one of these speak of the same?"""
        return any(one.of == self.of and one.payload.items() <= self.payload.items() for one in others)


def _as_sign(value: object) -> object:
    return {"of": value} if isinstance(value, str) else value


Signs = tuple[Annotated[Sign, BeforeValidator(_as_sign)], ...]  # a bare word: whatever is about that thing


class Step(_Part):
    """Something that happens: a docker command (with `fails`, one that must fail; `meanwhile`, one that goes on until
    `ends`), a shell command on the far node, a
    post to a hook of the observer (in an `encoding`, as Python calls it), a command of Redis, a service of the mesh or
    a machine restarted, other sections of a node's node.yml (its agent starts anew), or an `event` that is waited for
    before the next step.
    """

    docker: str = ""
    fails: bool = False
    meanwhile: str = ""
    ends: bool = False
    node: str = ""
    hook: str = ""
    body: dict[str, Any] = Field(default_factory=dict)
    encoding: str = "utf-8"
    redis: str = ""
    restart: Restarted = ""
    watch: dict[Literal["box", "far"], dict[str, Any]] = Field(default_factory=dict)
    event: Sign | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        kinds = (
            self.docker,
            self.meanwhile,
            self.ends,
            self.node,
            self.hook,
            self.redis,
            self.restart,
            self.watch,
            self.event,
        )
        if sum(map(bool, kinds)) != 1:
            raise ValueError("a step is one of docker, meanwhile, ends, node, hook, redis, restart, watch, event")
        return self


class Decision(StrEnum):
    """What a person does with the proposals. `ignore`: nothing, while another action is approved and run."""

    APPROVE = "approve"
    REJECT = "reject"
    IGNORE = "ignore"


class After(_Part):
    """What must hold in the end. `started`: how often each container was started since the decision; `proposed`: what
    is proposed only then."""

    started: dict[Word, int] = Field(default_factory=dict)
    healthy: tuple[Word, ...] = ()
    recovered: Signs = ()
    withdrawn: Signs = ()
    proposed: Signs = ()
    unchanged: tuple[Word, ...] = ()


class Scenario(_Part):
    """`about` says what a person would see; `short` ones run in `make test`, too.

    `withdrawn`: proposals that were made, and taken out before anybody decided. `held`: trouble for which nothing is
    proposed, because something is at work there; `says` are words of the decision.
    """

    name: Word
    about: str
    short: bool = False
    things: dict[Word, Thing]
    fault: tuple[Step, ...] = ()
    found: tuple[Sign, ...] = ()
    withdrawn: Signs = ()
    held: Signs = ()
    proposed: tuple[Sign, ...] = ()
    not_proposed: tuple[Word, ...] = ()
    unchanged: tuple[Word, ...] = ()
    decision: Decision = Decision.IGNORE
    then: tuple[Step, ...] = ()
    after: After = After()

    @model_validator(mode="after")
    def _speaks_of_its_own_things(self) -> Self:
        after = self.after
        signs = (
            *self.found,
            *self.withdrawn,
            *self.held,
            *self.proposed,
            *after.recovered,
            *after.withdrawn,
            *after.proposed,
        )
        named = {sign.of for sign in signs} | {*self.not_proposed, *self.unchanged}
        named |= {*after.started, *after.healthy, *after.unchanged}
        if strange := sorted(named - self.things.keys()):
            raise ValueError(f"no such thing here: {', '.join(strange)}")
        if both := sorted({sign.of for sign in self.proposed} & {*self.not_proposed}):
            raise ValueError(f"proposed and not: {', '.join(both)}")
        if any((sign.verdict is None) is (self.decision is Decision.APPROVE) for sign in self.proposed):
            raise ValueError("what is approved has a verdict, and nothing else has one")
        return self

    @property
    def is_quiet(self) -> bool:
        """Must nothing be proposed? Then another fault shows that the mesh was looking, where no decision does."""
        return not self.proposed and not self.held


def read_scenarios(path: Path = FILE) -> list[Scenario]:
    """Every scenario of the file, in its order. ValueError names the one that cannot be used."""
    found = []
    for number, one in enumerate(yaml.safe_load(path.read_text()), 1):
        try:
            found.append(Scenario.model_validate(one))
        except ValidationError as error:
            name = one.get("name", "") if isinstance(one, dict) else one
            raise ValueError(f"{path.name}, scenario {number} ({name}): {error}") from error
    return found
