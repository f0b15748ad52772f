"""Who asks. Every route that changes something depends on `Operator`, every other on `Viewer`.

The gate has looked already and let nobody else through; these say so once more, beside the route.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from mesh_core.security.users import Role
from observer.auth.arrival import Arrival
from observer.auth.person import OPEN_NAME, Person
from observer.web.errors import ApiError
from observer.web.room import Room, room_of


def viewer(request: Request, room: Annotated[Room, Depends(room_of)]) -> Person:
    """Whoever may look."""
    person = request.scope.get("state", {}).get("person")
    if isinstance(person, Person):
        return person
    if room.auth is None:  # an app without a gate: only tests make one
        return Person(name=OPEN_NAME, role=Role.OPERATOR)
    raise ApiError(401, "unauthenticated", "sign in first")


def operator(person: Annotated[Person, Depends(viewer)]) -> Person:
    """Whoever may decide."""
    if person.role is not Role.OPERATOR:
        raise ApiError(403, "forbidden", f"{person.name} may look, but not decide: that takes the role operator")
    return person


def arrival(request: Request) -> Arrival:
    """Where the request came from, as the gate found."""
    found = request.scope.get("state", {}).get("arrival")
    return found if isinstance(found, Arrival) else Arrival("", "http", "")


TheRoom = Annotated[Room, Depends(room_of)]
Viewer = Annotated[Person, Depends(viewer)]
Operator = Annotated[Person, Depends(operator)]
From = Annotated[Arrival, Depends(arrival)]
