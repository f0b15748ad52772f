"""The fixtures `mend` (the command over an empty runtime folder of the test's own), `lived` (over one that a mesh
used for a while) and `up` (`mend up` over it)."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from backup_rig import write
from mend_rig import NODE, Mend
from up_rig import Up, gone

from mesh_core.storage.schema import write_schema
from mesh_core.testing import RedisServer, free_port


@pytest.fixture
def mend(tmp_path: Path) -> Mend:
    """Without Redis: REDIS_URL names a port on which nobody listens."""
    made = Mend(
        tmp_path,
        {
            "RUNTIME_PATH": str(tmp_path),
            "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
            "NODE_NAME": NODE,
            "TERM": "xterm-256color",
        },
    )
    made.actions.prepare()
    return made


@pytest.fixture
def mend_online(mend: Mend, redis_server: RedisServer) -> Mend:
    """With a real Redis behind it."""
    mend.environ["REDIS_URL"] = redis_server.url
    return mend


@pytest.fixture
def lived(mend: Mend) -> Mend:
    """A runtime folder as a mesh leaves it after a while."""
    write(mend.runtime / "config" / "inventory.yml", "all: {hosts: {here: {}}}\n")
    write(mend.runtime / "events" / "2026-11-21" / "pi4" / "evt-1.json", "{}")
    write(mend.runtime / "silences" / "s1.json", "{}")
    write(mend.runtime / "audit" / "audit.jsonl", '{"n":1}\n{"n":2}\n{"n"')  # the third line is being written
    write(mend.runtime / "state" / "world.json", '{"places": {}}')
    write(mend.runtime / "state" / "sessions.json", '{"token": "stolen"}')
    write(mend.runtime / "state" / "observer.heartbeat", "")
    write(mend.runtime / "secrets" / "redis", "hunter2")
    os.utime(mend.runtime / "state" / "observer.heartbeat", (1, 1))
    mend.propose("waiting")
    write_schema(mend.runtime, "observer")
    return mend


@pytest.fixture
async def up(mend: Mend, tmp_path: Path) -> AsyncIterator[Up]:
    mend.environ.update(LLM_CHAIN="floor", DOCKER_HOST="unix:///nowhere.sock")
    for secret in ("LLAMACPP_URL", "OLLAMA_HOST", "ANTHROPIC_API_KEY", "NOTIFY_URLS"):
        mend.environ[secret] = ""
    made = Up(mend, tmp_path / "up.txt")
    yield made
    if made.process is not None and made.process.poll() is None:
        family = made.family()
        made.process.kill()
        made.process.wait()
        await gone(family)
