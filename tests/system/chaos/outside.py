"""The world outside the mesh: where notifications arrive, a model, and web pages that fail. One HTTP server.

POST /notify counts by the action id in the text; POST /v1/chat/completions is a model that is late, rude or right;
GET /web/<n> is a page which the node agent watches.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import threading
import time
from collections import Counter
from typing import ClassVar

_PLAN = re.compile(r"plan-[A-Za-z0-9._-]+?-[0-9a-f]{12}")


class Outside:
    """What happened outside, and what shall happen there."""

    def __init__(self) -> None:
        self.notified: list[str] = []
        self.asked: Counter[str] = Counter()
        self.sick: set[str] = set()
        self.polite = False
        handler = type("Handler", (_Handler,), {"outside": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asked was killed meanwhile; that is what we are here for."""


class _Handler(http.server.BaseHTTPRequestHandler):
    outside: ClassVar[Outside]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/v1/"):
            self._think(body)
            return
        if found := _PLAN.search(body.decode("utf-8", "replace").replace("\\n", " ")):
            self.outside.notified.append(found[0])
        self._answer(200, b"")

    def do_GET(self) -> None:
        if self.path.startswith("/v1/models"):
            self._answer(200, b'{"data":[{"id":"scripted"}]}')
            return
        self._answer(503 if self.path.removeprefix("/web/") in self.outside.sick else 200, b"page")

    def _think(self, body: bytes) -> None:
        """Mostly the form that the prompt ends with; sometimes late, garbage, broken off, an error or a refusal."""
        try:
            prompt = json.loads(body)["messages"][-1]["content"]
        except (ValueError, KeyError, IndexError, TypeError):
            self._answer(400, b"{}")
            return
        mood = 99 if self.outside.polite else hashlib.sha256(body).digest()[0] % 100
        form = prompt.rstrip().rpartition("\n")[2]
        if mood < 6:
            self.outside.asked["late"] += 1
            time.sleep(1.5)
        elif mood < 14:
            self.outside.asked["garbage"] += 1
            form = "Sure! I think {you should: restart it"
        elif mood < 18:
            self.outside.asked["cut"] += 1
            form = form[: len(form) // 2]
        elif mood < 22:
            self.outside.asked["error"] += 1
            self._answer(500, b"out of order")
            return
        elif mood < 26:
            self.outside.asked["refusal"] += 1
            form = "I'm sorry, but I cannot help with that."
        else:
            self.outside.asked["right"] += 1
        choice = {"message": {"role": "assistant", "content": form}, "finish_reason": "stop"}
        said = {"choices": [choice], "usage": {"prompt_tokens": 10, "completion_tokens": 10}}
        self._answer(200, json.dumps(said).encode())

    def _answer(self, status: int, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # whoever asked is dead already

    def log_message(self, *args: object) -> None:
        """Quiet."""
