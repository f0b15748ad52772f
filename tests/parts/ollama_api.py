"""Ollama's HTTP API as far as clients use it to chat, in front of a llama.cpp server. Pulls no models, keeps nothing.

The shapes and errors were compared with those of a real Ollama 0.9.3. `format` (json or a schema) is enforced by
llama.cpp's grammar, so answers are as good and as bad as the real model's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx

from parts.http_server import LoopbackServer

VERSION = "0.9.3"
DIGEST = "sha256:" + "0" * 64
OPTIONS = {  # Ollama's name -> llama.cpp's
    "num_predict": "max_tokens",
    "temperature": "temperature",
    "seed": "seed",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop": "stop",
}
DONE_REASONS = {"length": "length"}


class OllamaFacade(LoopbackServer):
    """`with OllamaFacade(llama_url, model) as facade: facade.url`."""

    def __init__(self, llama_url: str, model: str) -> None:
        class Handler(_Handler):
            upstream = llama_url
            model_name = model

        super().__init__(Handler)


class _Problem(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream = ""
    model_name = ""

    def do_GET(self) -> None:
        answers: dict[str, Any] = {
            "/": "Ollama is running",
            "/api/version": {"version": VERSION},
            "/api/tags": {"models": [self._card()]},
            "/api/ps": {"models": [self._card() | {"expires_at": _now(), "size_vram": 0, "context_length": 4096}]},
        }
        answer = answers.get(self.path)
        if answer is None:
            self._plain(404, "404 page not found")
        elif isinstance(answer, str):
            self._plain(200, answer)
        else:
            self._json(200, answer)

    def do_HEAD(self) -> None:
        self._plain(200 if self.path == "/" else 404, "")

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            request = _object(raw)
            match self.path:
                case "/api/show":
                    self._known(request)
                    self._json(200, self._show())
                case "/api/chat":
                    self._chat(request)
                case _:
                    self._plain(404, "404 page not found")
        except _Problem as problem:
            self._json(problem.status, {"error": str(problem)})

    def _chat(self, request: dict[str, Any]) -> None:
        name = self._known(request)
        question = _question(request)
        began = time.monotonic_ns()
        if not question["messages"]:  # how clients load a model ahead of time
            self._json(200, _message(name, "") | {"done_reason": "load", "done": True})
        elif request.get("stream", True):
            self._stream(name, question, began)
        else:
            reply = self._ask(question)
            choice = reply["choices"][0]
            usage = reply.get("usage", {})
            self._json(
                200, _message(name, choice["message"]["content"]) | _ending(choice["finish_reason"], usage, began)
            )

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            reply = httpx.post(f"{self.upstream}/v1/chat/completions", json=question, timeout=120)
        except httpx.TransportError as error:
            raise _Problem(500, f"llama runner process no longer running: {error}") from error
        if reply.status_code != 200:
            raise _Problem(reply.status_code, reply.json().get("error", {}).get("message", "unknown error"))
        answer: dict[str, Any] = reply.json()
        return answer

    def _stream(self, name: str, question: dict[str, Any], began: int) -> None:
        asked = question | {"stream": True, "stream_options": {"include_usage": True}}
        with httpx.stream("POST", f"{self.upstream}/v1/chat/completions", json=asked, timeout=120) as reply:
            if reply.status_code != 200:
                reply.read()
                raise _Problem(reply.status_code, reply.json().get("error", {}).get("message", "unknown error"))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-ndjson")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            finish = "stop"
            usage: dict[str, Any] = {}
            for event in _events(reply.iter_lines()):
                usage = event.get("usage") or usage
                for choice in event.get("choices", []):
                    finish = choice.get("finish_reason") or finish
                    if piece := choice.get("delta", {}).get("content"):
                        self._chunk(_message(name, piece) | {"done": False})
            self._chunk(_message(name, "") | _ending(finish, usage, began))
            self.wfile.write(b"0\r\n\r\n")

    def _known(self, request: dict[str, Any]) -> str:
        name = request.get("model") or request.get("name") or ""
        if not isinstance(name, str) or not name:
            raise _Problem(400, "model is required")
        if name.removesuffix(":latest") != self.model_name:
            raise _Problem(
                404,
                f'model "{name}" not found, try pulling it first'
                if self.path == "/api/chat"
                else f"model '{name}' not found",
            )
        return name

    def _card(self) -> dict[str, Any]:
        name = f"{self.model_name}:latest"
        return {
            "name": name,
            "model": name,
            "modified_at": _now(),
            "size": 96576768,
            "digest": DIGEST[7:],
            "details": _details(),
        }

    def _show(self) -> dict[str, Any]:
        return {
            "license": "Apache-2.0",
            "modelfile": f"FROM {self.model_name}",
            "template": "{{ .Prompt }}",
            "details": _details(),
            "model_info": {"general.architecture": "llama", "general.parameter_count": 134515008},
            "capabilities": ["completion"],
            "modified_at": _now(),
        }

    def _chunk(self, line: dict[str, Any]) -> None:
        body = json.dumps(line).encode() + b"\n"
        self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
        self.wfile.flush()

    def _json(self, status: int, answer: dict[str, Any]) -> None:
        self._send(status, "application/json; charset=utf-8", json.dumps(answer).encode())

    def _plain(self, status: int, text: str) -> None:
        self._send(status, "text/plain; charset=utf-8", text.encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the tests read answers, not this server's log."""


def _object(raw: bytes) -> dict[str, Any]:
    if not raw:
        raise _Problem(400, "missing request body")
    try:
        request = json.loads(raw)
    except ValueError as error:
        raise _Problem(400, f"invalid JSON: {error}") from error
    if not isinstance(request, dict):
        raise _Problem(400, "json: cannot unmarshal into Go value of type api.ChatRequest")
    return request


def _question(request: dict[str, Any]) -> dict[str, Any]:
    question: dict[str, Any] = {"messages": request.get("messages") or []}
    for theirs, ours in OPTIONS.items():
        value = (request.get("options") or {}).get(theirs)
        if value is not None and not (theirs == "num_predict" and value < 0):  # -1: until it stops by itself
            question[ours] = value
    match request.get("format"):
        case None | "":
            pass
        case "json":
            question["response_format"] = {"type": "json_object"}
        case dict() as schema:
            question["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        case other:
            raise _Problem(400, f'invalid format: {json.dumps(other)}; expected "json" or a valid JSON Schema object')
    return question


def _events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line[6:])


def _message(model: str, content: str) -> dict[str, Any]:
    return {"model": model, "created_at": _now(), "message": {"role": "assistant", "content": content}}


def _ending(finish: str, usage: dict[str, Any], began: int) -> dict[str, Any]:
    took = time.monotonic_ns() - began
    return {
        "done_reason": DONE_REASONS.get(finish, "stop"),
        "done": True,
        "total_duration": took,
        "load_duration": 0,
        "prompt_eval_count": usage.get("prompt_tokens", 0),
        "prompt_eval_duration": took // 4,
        "eval_count": usage.get("completion_tokens", 0),
        "eval_duration": took - took // 4,
    }


def _details() -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": "llama",
        "families": ["llama"],
        "parameter_size": "134.52M",
        "quantization_level": "Q4_1",
    }


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
