"""One run in its forked process: build the wall around it, take over the client's terminal and environment, play.
There is no way back out of it; `server.py` forks it and ends it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from executor_agent.ansible_pool import payload_cache, subreaper
from executor_agent.ansible_pool.preload import play
from executor_agent.ansible_pool.protocol import PlayRequest
from executor_agent.isolation import walls
from executor_agent.isolation.view import VARIABLE, View


def run(request: PlayRequest, tmp: Path, payloads: Path, built: int, *, first: bool) -> int:
    """Play it; the exit code of ansible-playbook, or walls.NOT_BUILT.

    `tmp` is the only folder it may write to, `payloads` are those of all runs (read only); the names of those that it
    had to build itself are written to the descriptor `built`. `first`: it is process 1 of its own namespace.
    """
    for target, fd in enumerate(request.stdio):
        os.dup2(fd, target)
    if not first and (code := subreaper.guard()) is not None:
        return code
    try:
        view = View.parse(request.environment.pop(VARIABLE)).with_paths((str(payloads),), (str(tmp),))
        if (code := walls.build(view, first=first)) is not None:
            return code
    except (OSError, ValueError, KeyError) as error:
        os.write(2, f"the wall around this run could not be built: {error}\n".encode())
        return walls.NOT_BUILT
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    os.environ.update(walls.scratch_variables(str(tmp), view))
    tempfile.tempdir = str(tmp)  # it has answered with the server's before
    try:
        return play(request.arguments, tmp)
    finally:
        os.write(built, b"\n".join(name.encode() for name in payload_cache.built_by(tmp / payloads.name)))
