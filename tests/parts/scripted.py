"""A model server that does what the test says, over real HTTP: answers of each vendor's shape, errors, hangs, drips.

For logic and bad days only; that a provider works with a real model is shown with `llama_url` and `ollama_url`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from parts.http_server import LoopbackServer


@dataclass(frozen=True)
class Canned:
    """One answer. A dict body is sent as JSON. `hang`: read the request, then say nothing until the test ends.

    `drip_seconds`: pause before each byte of the body. `delay_seconds`: before the head. `drop`: close without a word.
    """

    body: str | bytes | Mapping[str, Any] | list[Any] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    drip_seconds: float = 0.0
    delay_seconds: float = 0.0
    drop: bool = False

    @classmethod
    def openai(cls, text: str, *, prompt_tokens: int = 10, completion_tokens: int = 20, **more: Any) -> Canned:
        """`text` as /v1/chat/completions of any OpenAI-compatible server says it."""
        return cls(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": "scripted",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
                "usage": {
                    "prompt_tokens": prompt_tokens,
                    "completion_tokens": completion_tokens,
                    "total_tokens": prompt_tokens + completion_tokens,
                },
            },
            **more,
        )

    @classmethod
    def ollama(cls, text: str, *, prompt_tokens: int = 10, completion_tokens: int = 20, **more: Any) -> Canned:
        """`text` as Ollama's /api/chat without streaming says it."""
        return cls(
            {
                "model": "scripted",
                "created_at": "2026-01-01T00:00:00Z",
                "message": {"role": "assistant", "content": text},
                "done_reason": "stop",
                "done": True,
                "total_duration": 1,
                "prompt_eval_count": prompt_tokens,
                "eval_count": completion_tokens,
            },
            **more,
        )

    @classmethod
    def anthropic(cls, text: str, *, prompt_tokens: int = 10, completion_tokens: int = 20, **more: Any) -> Canned:
        """`text` as Anthropic's /v1/messages says it; `stop_reason="refusal"` for a refusal by the API itself."""
        stop_reason = more.pop("stop_reason", "end_turn")
        return cls(
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "scripted",
                "content": [{"type": "text", "text": text}],
                "stop_reason": stop_reason,
                "stop_sequence": None,
                "usage": {"input_tokens": prompt_tokens, "output_tokens": completion_tokens},
            },
            **more,
        )

    @classmethod
    def error(cls, status: int, message: str = "scripted error", **more: Any) -> Canned:
        """An error that all three vendors' clients can read."""
        return cls({"type": "error", "error": {"type": "api_error", "message": message}}, status=status, **more)


@dataclass(frozen=True)
class Asked:
    """One request as it came in; `body` parsed when it was JSON, else None."""

    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    raw: bytes
    body: Any


class ScriptedHttp(LoopbackServer):
    """Answers in the order of `script(...)`, the last one for ever; 501 without a script. `asked` is the record."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: list[Canned] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        outer = self

        class Handler(_Handler):
            server_of_this_test = outer

        super().__init__(Handler)

    def script(self, *answers: Canned) -> ScriptedHttp:
        """Replace what is still to be said."""
        with self._lock:
            self._answers = list(answers)
        return self

    def close(self) -> None:
        """Let everything that hangs go."""
        self._over.set()

    def next_answer(self, asked: Asked) -> Canned:
        with self._lock:
            self.asked.append(asked)
            if not self._answers:
                return Canned.error(501, "this test has scripted no answer")
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def pause(self, seconds: float | None) -> bool:
        """True when the test is over and nobody listens any more."""
        return self._over.wait(seconds)


@pytest.fixture
def scripted_http() -> Iterator[ScriptedHttp]:
    """A `ScriptedHttp` on a free port: `scripted_http.script(Canned.openai("..."), Canned(hang=True))`."""
    with ScriptedHttp() as server:
        yield server
        server.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of_this_test: ScriptedHttp

    def do_POST(self) -> None:
        scripted = self.server_of_this_test
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = scripted.next_answer(Asked(self.command, self.path, headers, raw, body))
        if answer.hang:
            scripted.pause(None)
        if answer.hang or answer.drop or scripted.pause(answer.delay_seconds):
            self.close_connection = True
            return
        self._say(answer)

    do_GET = do_POST  # the same script answers both

    def _say(self, answer: Canned) -> None:
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))} | dict(answer.headers)
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if not answer.drip_seconds:
            self.wfile.write(body)
            return
        for position in range(len(body)):
            if self.server_of_this_test.pause(answer.drip_seconds):
                return
            self.wfile.write(body[position : position + 1])
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: `asked` is the record."""
