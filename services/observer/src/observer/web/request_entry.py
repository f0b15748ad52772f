"""A request or a reply out of HTTP into the stream that planners read, judged at the same door as every other.

What is refused here is told to who asked, and kept among the dead letters like what is refused on the channel.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from fastapi import Request as HttpRequest
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from mesh_core.messaging.bus import BusDown
from mesh_core.models.parsing import read_asked
from mesh_core.models.requests import Request, request_id
from mesh_core.models.strict_json import Refusal
from mesh_core.policy.inventory.host_list import read_host_list, with_host_list
from mesh_core.policy.inventory.values import Unreadable
from mesh_core.security.redaction import clean
from mesh_core.security.secrets_in_text import without_secrets
from observer.auth.person import Person
from observer.web.app_context import AppContext
from observer.web.errors import NO_JSON, HttpProblem, sentence_of

KEPT_CHARS = 4096


def with_inventory(value: dict[str, Any], inventory: str) -> dict[str, Any]:
    """The request's fields with the hosts that an inventory lists which came along. HttpProblem 422 as below."""
    if not inventory:
        return value
    try:
        return with_host_list(value, read_host_list(inventory, "inventory"))
    except Unreadable as error:
        raise HttpProblem(422, "invalid", str(error)) from None


async def enter_new(context: AppContext, person: Person, fields: dict[str, Any]) -> str:
    """What they ask for, under a new id, which is returned. As `enter`."""
    own_id = request_id(secrets.token_hex(16))
    await enter(context, person, {**fields, "id": own_id})
    return own_id


async def enter(context: AppContext, person: Person, fields: dict[str, Any]) -> None:
    """Safe in its stream when this returns. Raises HttpProblem 422 for what cannot be asked, and BusDown."""
    value = {**fields, "by": person.note}
    asked = read_asked(json.dumps(value).encode(), int(time.time() * 1000))
    if isinstance(asked, Refusal):
        raise HttpProblem(422, "invalid", asked.reason)
    await context.bus.enter_request(asked)


class DeadLetterRoute(APIRoute):
    """A route by which people ask for something."""

    def get_route_handler(self) -> Callable[[HttpRequest], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def kept(request: HttpRequest) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                await _keep(request, sentence_of(error))
                raise
            except HTTPException as error:
                if error.status_code == 400:
                    await _keep(request, NO_JSON)
                raise
            except HttpProblem as error:
                if error.problem.error == "invalid":  # what a planner refused it has told itself
                    await _keep(request, error.problem.detail)
                raise

        return kept


async def _keep(request: HttpRequest, reason: str) -> None:
    context: AppContext = request.app.state.context
    raw = without_secrets(clean((await request.body())[:KEPT_CHARS].decode("utf-8", "backslashreplace")))
    with suppress(BusDown):  # who asked is told all the same
        await context.bus.refuse(raw.encode(), source=Request.channel, reason=reason, actor="observer")
