"""Requests of a mesh on this machine: its Redis and files."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from mend.context import CliContext
from mend.errors import no_request
from mend.requests.client import LOGS, Ran, Row, ran_of
from mesh_core.approvals import decisions
from mesh_core.approvals.errors import CannotDecide
from mesh_core.approvals.previews import FoundPreview, ask_preview, latest_preview
from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.models.proposals import EXECUTED, Folder
from mesh_core.models.records import utc_now
from mesh_core.models.requests import (
    MODEL_TEMPERATURE,
    MODEL_TOKENS,
    Request,
    RequestedProposal,
    RequestReply,
    RequestStatus,
)
from mesh_core.models.run_options import Layout, Verify
from mesh_core.storage.files import read_regular

MAX_LOG_BYTES = 4 * 1024 * 1024
# As the observer says of what a request does not say.
_NOT_SAID: Row = {
    **dict.fromkeys(("name", "role_name", "user", "ssh_key", "model", "playbook", "written_by")),
    **{"limit": [], "extra_vars": {}, "role_hosts": [], "tags": [], "logins": {}},
    **{"layout": Layout.PLAYBOOK, "verify": Verify.ALL},
    **{"max_tokens": MODEL_TOKENS, "temperature": MODEL_TEMPERATURE},
}
_NOT_SHOWN = {"entry", "answered_by", "schema_version", "proposals", "request", "written"}


class LocalRequestClient:
    """A mesh of this machine."""

    def __init__(self, cli: CliContext):
        self._cli = cli
        self._folder = RequestFolder(cli.mesh)

    def enter(self, asked: Request | RequestReply) -> str:
        asyncio.run(self._enter(asked))
        return asked.id if isinstance(asked, Request) else asked.request

    async def _enter(self, asked: Request | RequestReply) -> None:
        async with self._cli.bus() as bus:
            await bus.enter_request(asked)

    def row(self, own_id: str) -> Row | None:
        status = self._folder.get(own_id)
        return self._rows([status])[0] if status else None

    def rows(self) -> list[Row]:
        return self._rows(self._folder.all())

    def _rows(self, statuses: Sequence[RequestStatus]) -> list[Row]:
        places = self._cli.actions.places_of({one.action_id for status in statuses for one in status.proposals})
        return [self._row(status, places) for status in statuses]

    def _row(self, status: RequestStatus, places: Mapping[str, Folder]) -> Row:
        row = status.model_dump(mode="json", exclude=_NOT_SHOWN)
        asked = {**_NOT_SAID, **status.request.model_dump(mode="json", exclude={"schema_version", "files"})}
        proposals = [{**one.model_dump(), "folder": places.get(one.action_id)} for one in status.proposals]
        return {**asked, **row, "proposals": proposals}

    def playbook(self, action_id: str) -> Row:
        for _, path in self._cli.actions.find(action_id):
            proposal = self._cli.actions.proposal_at(path)
            if proposal and proposal.playbook:
                return proposal.playbook.model_dump(mode="json")
        return {}

    def ask_previews(self, own_id: str) -> list[Row]:
        status = self._folder.get(own_id)
        if status is None:
            raise no_request(own_id)
        return [self._asked(one) for one in decisions.waiting_of(self._cli.actions, status)]

    def _asked(self, one: RequestedProposal) -> Row:
        try:
            _, asked = ask_preview(self._cli.actions, one.action_id, self._cli.user, utc_now())
        except CannotDecide as no:  # one that cannot be asked must not hold back the others
            return {**one.model_dump(), "preview": None, "problem": no.sentence}
        return {**one.model_dump(), "preview": asked.name.id, "problem": ""}

    def preview(self, action_id: str) -> FoundPreview | None:
        for _, path in self._cli.actions.find(action_id):
            if proposal := self._cli.actions.proposal_at(path):
                return latest_preview(self._cli.actions, proposal)
        return None

    def ran(self, action_id: str) -> Ran | None:
        found = next((path for folder, path in self._cli.actions.find(action_id) if folder in EXECUTED), None)
        outcome = self._cli.actions.outcome_at(found) if found else None
        if found is None or outcome is None:
            return None
        logs = (read_regular(found / "logs" / log, MAX_LOG_BYTES) for log in LOGS)
        said = tuple(raw.decode("utf-8", "replace") for raw in logs if raw)
        return ran_of(outcome.model_dump(mode="json"), said, str(found / "bundle.zip"))
