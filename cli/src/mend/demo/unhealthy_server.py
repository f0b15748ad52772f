"""The target of the drill: a small real HTTP service that can be broken. GET /break, and only a restart helps.

`python -m mend.demo.unhealthy_server --port N` listens on loopback and knows nothing of the mesh.
"""

from __future__ import annotations

import argparse
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

state = {"broken": False}


class UnhealthyHandler(BaseHTTPRequestHandler):
    """200 and `healthy`; after GET /break, 500 and `broken` to everything."""

    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        if self.path == "/break":
            state["broken"] = True
            print("target: somebody asked for /break; from now on every answer is 500", file=sys.stderr, flush=True)
        body = b"broken: the worker pool is gone\n" if state["broken"] else b"healthy\n"
        self.send_response(500 if state["broken"] else 200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """The probe asks twice a second: nobody wants to read that."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mend.demo.unhealthy_server")
    parser.add_argument("--port", type=int, required=True)
    server = ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), UnhealthyHandler)
    print(f"target: listening on 127.0.0.1:{server.server_port}", file=sys.stderr, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
