"""The fixture `mend`: the command over an empty runtime folder of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from mend_rig import NODE, Mend

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
