"""The fixtures `mend` (the command over an empty runtime folder of the test's own) and `up` (`mend up` over it)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mend_rig import NODE, Mend
from up_rig import Up, gone

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
