"""One runbook: which trouble it is for, what that means, what to look at, and what mends it or does not. Pure."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from mesh_core.models.config_file import FilePart

RunbookId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Prose = Annotated[str, StringConstraints(max_length=1000)]


class Runbook(FilePart):
    """For an event where all that is given of services, nodes and labels holds, and one of `alerts` is its name.

    `alerts`: names of alerts, and types of events; `*` is any part of a name. `parts`: of an alert that nobody listed,
    one word of each group in its name. `words`: what else people call it. `helps` and `useless` are choices as a policy
    names them; where neither is there, it is for a person.
    """

    id: RunbookId
    title: Line
    alerts: tuple[Line, ...] = ()
    services: tuple[Line, ...] = ()
    nodes: tuple[Line, ...] = ()
    labels: dict[Line, Line] = Field(default_factory=dict)
    parts: tuple[Annotated[tuple[Line, ...], Field(min_length=1)], ...] = ()
    words: Prose = ""
    means: Prose = ""
    look: Prose = ""
    helps: tuple[Line, ...] = ()
    useless: tuple[Line, ...] = ()
    not_when: Prose = ""
    sources: tuple[Line, ...] = ()
    own: bool = False

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if both := sorted({*self.helps} & {*self.useless}):
            raise ValueError(f"helps: {both[0]} stands under useless, too; take it out of one of them")
        if not (self.alerts or self.services or self.nodes or self.labels or self.parts):
            raise ValueError("alerts: nothing says which trouble it is for; name alerts, services, nodes or labels")
        return self
