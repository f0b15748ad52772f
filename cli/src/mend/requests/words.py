"""What a person typed after `mend request`, as the record that travels: judged here, before anything is sent."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mend.errors import NOT_THERE, USAGE, CliError, no_request
from mend.output.text import plain
from mend.requests.client import Row
from mesh_core.models.foreign_text import decoded
from mesh_core.models.parsing import read_asked
from mesh_core.models.proposals import MAX_ATTACHMENT_BYTES
from mesh_core.models.requests import MAX_REQUEST_BYTES, Request, RequestReply, RequestState, request_id
from mesh_core.models.strict_json import Refusal, parse_object


def new_request(
    user: str, text: str | None, files: Sequence[Path], extra_vars: str, said: Mapping[str, Any]
) -> Request:
    """`-` as text is standard input; of `said` only what holds something counts. CliError names what does not fit."""
    if text is None:
        raise CliError('say once what should be: mend request "install nginx" --host HOST', USAGE)
    if not said.get("hosts"):
        raise CliError("on which host? Give --host NAME, a host or group of config/inventory.yml", USAGE)
    value = {"id": request_id(secrets.token_hex(16)), "by": user, "text": _stdin() if text == "-" else text}
    value |= {name: what for name, what in said.items() if what not in (None, "", [])} | {
        "extra_vars": _variables(extra_vars)
    }
    asked = _read({**value, "files": [_file(path) for path in files]})
    if not isinstance(asked, Request):
        raise CliError("this is no request", USAGE)
    return asked


def reply_to(user: str, own_id: str, row: Row | None, answers: Sequence[str], cancel: bool) -> RequestReply:
    """A reply to the request whose row that is (None: nobody knows it). CliError as above."""
    if row is None:
        raise no_request(own_id)
    if row["state"] != RequestState.ASKS and not (cancel and row["state"] == RequestState.WRITING):
        raise CliError(f"{own_id} asks nothing: it is {row['state']}", NOT_THERE)
    said = {}
    for answer in answers:
        slot, sign, value = answer.partition("=")
        if not sign or slot not in {one["slot"] for one in row["questions"]}:
            slots = ", ".join(f"{one['slot']}=..." for one in row["questions"])
            raise CliError(f"--answer {plain(answer, 100)}: it asks for {slots}", USAGE)
        said[slot] = value
    reply = _read({"request": own_id, "by": user, "answers": said, "cancel": cancel})
    if not isinstance(reply, RequestReply):
        raise CliError("this is no answer", USAGE)
    return reply


def _read(value: Mapping[str, Any]) -> Request | RequestReply:
    """At the same door as every other request."""
    raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")
    asked = read_asked(raw, int(time.time() * 1000))
    if isinstance(asked, Refusal):
        raise CliError(f"this cannot be asked: {plain(asked.reason)}", USAGE)
    return asked


def _variables(text: str) -> dict[str, Any]:
    value = parse_object(text.encode("utf-8", "surrogateescape"), max_bytes=MAX_REQUEST_BYTES)
    if isinstance(value, Refusal):
        wants = "--extra-vars wants a JSON object, such as '{\"http_port\": 8080}'"
        raise CliError(f"{wants}: {plain(value.reason)}", USAGE)
    return value


def _file(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as handle:
            raw = handle.read(MAX_ATTACHMENT_BYTES + 1)
    except OSError as error:
        raise CliError(f"--file {plain(path, 200)}: cannot be read: {error.strerror}", USAGE) from None
    if len(raw) > MAX_ATTACHMENT_BYTES:
        raise CliError(f"--file {plain(path, 200)}: larger than {MAX_ATTACHMENT_BYTES} bytes", USAGE)
    text = decoded(raw)
    if isinstance(text, Refusal):
        raise CliError(f"--file {plain(path, 200)}: {text.reason}; only text can come along", USAGE)
    return {"name": path.name, "text": text}


def _stdin() -> str:
    raw = sys.stdin.buffer.read(MAX_REQUEST_BYTES + 1)
    text = decoded(raw)
    if isinstance(text, Refusal):
        raise CliError(f"what came in is {text.reason}; send UTF-8", USAGE)
    return text.strip()
