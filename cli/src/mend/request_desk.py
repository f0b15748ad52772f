"""Where requests go and where their state is seen: this machine's Redis and files, or an observer over HTTP.

Both say the same in rows, one mapping for each request, as `mend requests --json` prints them.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from mend.context import CliContext
from mend.errors import FAILED, NOT_THERE, USAGE, CliError, no_request
from mend.text import plain
from mesh_core.approvals import decisions
from mesh_core.approvals.errors import CannotDecide
from mesh_core.approvals.previews import FoundPreview, ask_preview, latest_preview
from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.models.previews import Preview
from mesh_core.models.proposals import EXECUTED, Folder
from mesh_core.models.requests import (
    MODEL_TEMPERATURE,
    MODEL_TOKENS,
    Request,
    RequestedProposal,
    RequestReply,
    RequestStatus,
)
from mesh_core.models.run_options import Layout, Verify
from mesh_core.models.strict_json import Refusal, parse_object
from mesh_core.storage.files import read_regular

Row = dict[str, Any]
MAX_LOG_BYTES = 4 * 1024 * 1024
MAX_ANSWER_BYTES = 16 * 1024 * 1024
ANSWER_SECONDS = 35.0  # an observer gives up after 30
LOGS = ("01_syntax.log", "02_apply.log", "03_check_idempotency.log")
# As the observer says of what a request does not say.
_NOT_SAID: Row = {
    **dict.fromkeys(("name", "role_name", "user", "ssh_key", "model", "playbook", "written_by")),
    **{"limit": [], "extra_vars": {}, "role_hosts": [], "tags": [], "logins": {}},
    **{"layout": Layout.PLAYBOOK, "verify": Verify.ALL},
    **{"max_tokens": MODEL_TOKENS, "temperature": MODEL_TEMPERATURE},
}
_NOT_SHOWN = {"entry", "answered_by", "schema_version", "proposals", "request", "written"}
_CODES = {404: NOT_THERE, 409: NOT_THERE, 413: USAGE, 422: USAGE}


@dataclass(frozen=True)
class Ran:
    """What a run said: its logs in their order, its last stage with that one's exit status, where its evidence lies."""

    logs: tuple[str, ...]
    stage: str
    rc: int
    failed: bool
    reason: str
    bundle: str


class RequestDesk(Protocol):
    """Each may raise CliError."""

    def enter(self, asked: Request | RequestReply) -> str:
        """The id of the request, once it is safe in its stream."""
        ...

    def row(self, own_id: str) -> Row | None:
        """Where it stands; None where nobody knows it."""
        ...

    def rows(self) -> list[Row]: ...

    def playbook(self, action_id: str) -> Row:
        """`{text, role, ...}` of that proposal; {} where it is gone."""
        ...

    def ask_previews(self, own_id: str) -> list[Row]:
        """Ask each host what its proposal would change: `{host, action_id, preview, problem}`, as the observer says."""
        ...

    def preview(self, action_id: str) -> FoundPreview | None:
        """The one of that proposal that was asked for last."""
        ...

    def ran(self, action_id: str) -> Ran | None:
        """None where it has not come to an end."""
        ...


class LocalDesk:
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
            _, asked = ask_preview(self._cli.actions, one.action_id, self._cli.user, datetime.now(UTC))
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
        return _ran(outcome.model_dump(mode="json"), said, str(found / "bundle.zip"))


class HttpDesk:
    """An observer at `base_url`; `token` of somebody who may decide, '' where nobody has to sign in."""

    def __init__(self, base_url: str, token: str):
        parts = urllib.parse.urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise CliError(
                f"--base-url {plain(base_url, 200)}: wants http://HOST:PORT, such as http://127.0.0.1:8686", USAGE
            )
        self._base = base_url.rstrip("/").removesuffix("/api/v1")
        self._token = token

    def enter(self, asked: Request | RequestReply) -> str:
        if isinstance(asked, Request):
            body = asked.model_dump(mode="json", exclude={"schema_version", "id", "ts", "by"})
            return str(self._json("/requests", body)["id"])
        verb, body = ("cancel", {}) if asked.cancel else ("answer", {"answers": asked.answers})
        self._json(f"/requests/{asked.request}/{verb}", body)
        return asked.request

    def row(self, own_id: str) -> Row | None:
        try:
            return self._json(f"/requests/{urllib.parse.quote(own_id, safe='')}")
        except CliError as error:
            if error.code == NOT_THERE:
                return None
            raise

    def rows(self) -> list[Row]:
        return list(self._json("/requests?limit=200")["items"])

    def playbook(self, action_id: str) -> Row:
        return dict(self._json(f"/proposals/{action_id}").get("playbook") or {})

    def ask_previews(self, own_id: str) -> list[Row]:
        return list(self._json(f"/requests/{urllib.parse.quote(own_id, safe='')}/preview", {})["items"])

    def preview(self, action_id: str) -> FoundPreview | None:
        found = self._json(f"/proposals/{action_id}")["preview"]
        if found is None:
            return None
        said = None if found["said"] is None else Preview.model_validate(found["said"])
        return FoundPreview(found["id"], Folder(found["folder"]), found["by"], found["at"], found["reason"], said)

    def ran(self, action_id: str) -> Ran | None:
        try:
            run = self._json(f"/runs/{action_id}")
        except CliError as error:
            if error.code == NOT_THERE:
                return None
            raise
        if run["result"] is None:
            return None
        names = {log["name"] for log in run["logs"]}
        said = tuple(self._text(f"/runs/{action_id}/logs/{log}") for log in LOGS if log in names)
        return _ran(run, said, f"{self._base}/api/v1/runs/{action_id}/bundle")

    def _json(self, path: str, body: Row | None = None) -> Row:
        value = parse_object(self._asked(path, body), max_bytes=MAX_ANSWER_BYTES)
        if isinstance(value, Refusal):
            raise CliError(f"{self._base} is no observer: {plain(value.reason, 200)}")
        return value

    def _text(self, path: str) -> str:
        return self._asked(path).decode("utf-8", "replace")

    def _asked(self, path: str, body: Row | None = None) -> bytes:
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self._token}"} if self._token else {}
        )
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"{self._base}/api/v1{path}", data, headers)  # noqa: S310 - http(s), looked at above
        try:
            with _OPENER.open(asked, timeout=ANSWER_SECONDS) as answer:
                return bytes(answer.read(MAX_ANSWER_BYTES + 1))
        except urllib.error.HTTPError as error:
            said = parse_object(error.read(64 * 1024), max_bytes=64 * 1024)
            detail = said.get("detail", error.reason) if isinstance(said, dict) else error.reason
            raise CliError(f"{self._base} says: {plain(detail, 600)}", _CODES.get(error.code, FAILED)) from None
        except (OSError, ValueError) as error:
            raise CliError(f"no answer from {plain(self._base, 200)}: {plain(error, 200)}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token goes to the address that the person named, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def desk_for(cli: CliContext, base_url: str | None, token_file: Path | None) -> RequestDesk:
    """This machine's mesh, or where `base_url` is given the observer there alone."""
    if base_url is None:
        if token_file is not None:
            raise CliError("--token-file belongs to --base-url", USAGE)
        return LocalDesk(cli)
    token = ""
    if token_file is not None:
        raw = read_regular(token_file, 4096)
        if raw is None:
            raise CliError(f"--token-file {plain(token_file, 200)}: cannot be read, or is no small file", USAGE)
        token = raw.decode("utf-8", "replace").strip()
        if not token or not token.isascii() or not token.isprintable():
            raise CliError(f"--token-file {plain(token_file, 200)}: wants one line with the token", USAGE)
    return HttpDesk(base_url, token)


def _ran(outcome: Row, logs: tuple[str, ...], bundle: str) -> Ran:
    of_ansible = [stage for stage in outcome["stages"] if stage["name"] != "verify"]
    last: Row = of_ansible[-1] if of_ansible else {"name": "none", "rc": 1}
    return Ran(logs, last["name"], last["rc"], outcome["result"] != "done", outcome["reason"], bundle)
