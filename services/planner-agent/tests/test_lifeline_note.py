"""A planner says where it asks, for whoever must not have that restarted; from its start on, with or without Redis."""

from __future__ import annotations

import os
from pathlib import Path

from parts.forked import Forked

from mesh_core.policy.lifeline import NeededAddress
from mesh_core.policy.lifeline_note import read_lifeline
from mesh_core.testing import free_port, wait_for


async def test_a_planner_notes_its_redis_and_its_models_at_its_start(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "chain.yml").write_text("- {name: lab, kind: openai, url: 'http://lab:9000/v1', model: x}\n")
    port = free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "REDIS_URL": f"redis://:secret@127.0.0.1:{port}/0",
        "NODE_NAME": "Nas",
        "RUNTIME_PATH": str(tmp_path),
        "OLLAMA_HOST": "models",
        "METRICS_LISTEN": "off",
    }
    planner = Forked("planner_agent", environ=environ)
    try:
        await wait_for(lambda: bool(read_lifeline(tmp_path).addresses), 60, "its note")
        assert read_lifeline(tmp_path).addresses == {
            NeededAddress("127.0.0.1", port, "nas"),
            NeededAddress("models", 11434, "nas"),
            NeededAddress("lab", 9000, "nas"),
        }
        assert "secret" not in (tmp_path / "state" / "planner-agent.lifeline.json").read_text()
    finally:
        planner.terminate()
        planner.wait(300)
