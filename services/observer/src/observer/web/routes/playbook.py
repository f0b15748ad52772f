"""POST /playbook: what the kiki clients of before asked in one go and waited for. A request like any other behind it:
it proposes, and nothing runs before a person's yes."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from mesh_core.models.requests import (
    MAX_TEXT,
    OpenQuestion,
    RequestState,
    RequestStatus,
)
from mesh_core.models.run_options import Layout, Verify
from observer.web.app_context import AppContext
from observer.web.dependencies import Context, Operator
from observer.web.errors import HttpProblem
from observer.web.request_entry import DeadLetterRoute, enter_new, with_inventory

router = APIRouter(tags=["requests"], route_class=DeadLetterRoute)

WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.2
# What kiki sends where nobody said anything: as whom, with which key and on which hosts, the inventory says here, and
# which model may write, config/chain.yml.
_HOME = "/home/agent"
_BY_ITSELF = {"user": "rocky", "ssh_key": f"{_HOME}/.ssh/id_rsa", "role_hosts": "all", "role_name": "webapp"}
_BY_ITSELF |= {"model": "local-llama"}


class KikiRequest(BaseModel):
    """The fields of kiki's `generate` and `run` that mean something here; any other is refused by its name.

    kiki sends some of them whether or not somebody said them: what it says by itself counts as not said.
    """

    model_config = ConfigDict(extra="forbid")
    message: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
    inventory: Annotated[str | list[str], Field(description="hosts or groups of config/inventory.yml; or as below")] = (
        ""
    )
    inventory_file_content: Annotated[
        str | None, Field(description="an inventory, which only names hosts and logins")
    ] = None
    name: str | None = None
    layout: Layout | None = None
    role_name: str | None = None
    role_hosts: str | None = None
    limit: str | None = None
    tags: str | None = None
    extra_vars: dict[str, Any] | None = None
    verify: Verify | None = None
    user: str | None = None
    ssh_key: str | None = None
    model: str | None = None
    max_tokens: Annotated[int | None, Field(validation_alias=AliasChoices("max_tokens", "max_token"))] = None
    temperature: float | None = None

    def as_request(self) -> dict[str, Any]:
        """The same as fields of a request. HttpProblem 422 where the inventory names no hosts."""
        said = self.model_dump(exclude_none=True, exclude={"message", "inventory", "inventory_file_content"})
        meant = {name: value for name, value in said.items() if value != _BY_ITSELF.get(name)}
        lists: dict[str, Any] = {name: _names(meant[name]) for name in ("limit", "tags", "role_hosts") if name in meant}
        listed = self.inventory if isinstance(self.inventory, str) else ",".join(self.inventory)
        fields = {"text": self.message, "hosts": [], **meant, **lists}
        return with_inventory(fields, self.inventory_file_content or listed)


class KikiAnswer(BaseModel):
    """`playbook_preview` is the whole playbook as it was filed (or only checked) for the first host."""

    task_id: str = Field(description="of the request: GET /api/v1/requests/{id}")
    state: RequestState | None = Field(description="null: no planner has read it within 60 s; it waits")
    playbook_name: str = ""
    playbook_preview: str = ""
    reason: str = ""
    questions: list[OpenQuestion] = []
    href: str


@router.post("/playbook", responses={202: {"model": KikiAnswer}})
async def playbook(context: Context, user: Operator, body: KikiRequest, response: Response) -> KikiAnswer:
    """Ask for something and wait for its playbook, at most 60 s. 202: no planner has read it; 422: it is refused."""
    own_id = await enter_new(context, user, body.as_request())
    status = await _read(context, own_id)
    if status is None:
        response.status_code = 202
        return KikiAnswer(task_id=own_id, state=None, href=_href(own_id))
    if status.state in (RequestState.REFUSED, RequestState.CANCELLED):
        raise HttpProblem(422, str(status.state), status.reason)
    return await asyncio.to_thread(_answer, context, status)


def _names(said: str) -> list[str]:
    return [name.strip() for name in said.split(",") if name.strip()]


async def _read(context: AppContext, own_id: str) -> RequestStatus | None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        status = await asyncio.to_thread(context.requests.get, own_id)
        if (status and status.state is not RequestState.WRITING) or time.monotonic() >= deadline:
            return status
        await asyncio.sleep(LOOK_SECONDS)


def _answer(context: AppContext, status: RequestStatus) -> KikiAnswer:
    paths = [path for one in status.proposals[:1] for _, path in context.actions.find(one.action_id)]
    proposals = (context.actions.proposal_at(path) for path in paths)
    book = status.playbook or next((one.playbook for one in proposals if one and one.playbook), None)
    return KikiAnswer(
        task_id=status.request.id,
        state=status.state,
        playbook_name=f"{book.name}.yml" if book else "",
        playbook_preview=book.text if book else "",
        questions=list(status.questions),
        href=_href(status.request.id),
    )


def _href(own_id: str) -> str:
    return f"/api/v1/requests/{own_id}"
