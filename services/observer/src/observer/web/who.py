"""Who asks. Every route that changes something depends on `operator`, every other on `viewer`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from pydantic import BaseModel

from observer.web.room import Room, room_of


class Person(BaseModel):
    """`name` goes into notes and the audit log."""

    name: str
    role: str

    @property
    def note(self) -> str:
        """What is written beside a file that this person moved."""
        return f"{self.name} (web)" if self.name != "web" else self.name


def viewer(request: Request) -> Person:
    """Whoever may look."""
    return Person(name="web", role="operator")


def operator(person: Annotated[Person, Depends(viewer)]) -> Person:
    """Whoever may decide."""
    return person


TheRoom = Annotated[Room, Depends(room_of)]
Viewer = Annotated[Person, Depends(viewer)]
Operator = Annotated[Person, Depends(operator)]
