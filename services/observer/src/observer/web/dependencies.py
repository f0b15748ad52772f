"""Who asks. Every route that changes something depends on `Operator`, every other on `Viewer`.

AuthMiddleware has looked already and let nobody else through; these say so once more, beside the route.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from mesh_core.security.users import Role
from observer.auth.person import OPEN_NAME, Person
from observer.auth.request_origin import RequestOrigin
from observer.web.app_context import AppContext, get_context
from observer.web.errors import HttpProblem


def viewer(request: Request, context: Annotated[AppContext, Depends(get_context)]) -> Person:
    """Whoever may look."""
    person = request.scope.get("state", {}).get("person")
    if isinstance(person, Person):
        return person
    if context.auth is None:  # an app without AuthMiddleware: only tests make one
        return Person(name=OPEN_NAME, role=Role.OPERATOR)
    raise HttpProblem(401, "unauthenticated", "sign in first")


def operator(person: Annotated[Person, Depends(viewer)]) -> Person:
    """Whoever may decide."""
    if person.role is not Role.OPERATOR:
        raise HttpProblem(403, "forbidden", f"{person.name} may look, but not decide: that takes the role operator")
    return person


def origin(request: Request) -> RequestOrigin:
    """Where the request came from, as AuthMiddleware found."""
    found = request.scope.get("state", {}).get("origin")
    return found if isinstance(found, RequestOrigin) else RequestOrigin("", "http", "")


Context = Annotated[AppContext, Depends(get_context)]
Viewer = Annotated[Person, Depends(viewer)]
Operator = Annotated[Person, Depends(operator)]
Origin = Annotated[RequestOrigin, Depends(origin)]
