"""Requests of an observer elsewhere, over its HTTP API and nothing else."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from mend.errors import FAILED, NOT_THERE, USAGE, CliError
from mend.output.text import plain
from mend.requests.client import LOGS, Ran, Row, ran_of
from mesh_core.approvals.previews import FoundPreview
from mesh_core.models.foreign_text import text_of
from mesh_core.models.previews import Preview
from mesh_core.models.proposals import Folder
from mesh_core.models.requests import Request, RequestReply
from mesh_core.models.strict_json import Refusal, parse_object
from mesh_core.storage.files import read_regular

MAX_ANSWER_BYTES = 16 * 1024 * 1024
ANSWER_SECONDS = 35.0  # an observer gives up after 30
_CODES = {404: NOT_THERE, 409: NOT_THERE, 413: USAGE, 422: USAGE}


class HttpRequestClient:
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
        return ran_of(run, said, f"{self._base}/api/v1/runs/{action_id}/bundle")

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


def read_token(file: Path) -> str:
    """The one line of that file. Raises CliError."""
    raw = read_regular(file, 4096)
    if raw is None:
        raise CliError(f"--token-file {plain(file, 200)}: cannot be read, or is no small file", USAGE)
    token = text_of(raw).strip()
    if not token or not token.isascii() or not token.isprintable():
        raise CliError(f"--token-file {plain(file, 200)}: wants one line with the token", USAGE)
    return token
