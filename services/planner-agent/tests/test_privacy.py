"""A real planner between a model in the house and one that is not: what leaves, and that it is written down."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from parts.forked import Forked
from parts.scripted import Canned, ScriptedHttp
from planner_rig import Mesh

from mesh_core.llm.sent import read_sent
from mesh_core.runtime.chain_note import read_chain

PAYLOAD = {"runtime": "docker", "exit_code": 137, "ordered_by": "jane@example.org"}


@contextmanager
def planner(mesh: Mesh, **environ: str) -> Iterator[None]:
    needed = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    needed |= {"REDIS_URL": mesh.url, "RUNTIME_PATH": str(mesh.runtime), "NODE_NAME": "home"}
    child = Forked("planner_agent", environ=needed | environ)
    try:
        yield
    finally:
        child.terminate()
        assert child.wait(300) == 0


@pytest.mark.parametrize("privacy", ["local", "any"])
async def test_nobody_outside_is_connected_to_unless_they_may_be_asked(
    mesh: Mesh, scripted_http: ScriptedHttp, privacy: str
) -> None:
    (mesh.runtime / "config").mkdir(exist_ok=True)
    with ScriptedHttp() as cloud:
        cloud.script(Canned.openai("{}"))
        scripted_http.script(Canned.openai("{}"))
        # 0.0.0.0 is no address of this house, and leads to the listener all the same
        entry = f"- {{name: cloud, kind: openai, url: 'http://0.0.0.0:{cloud.port}', model: m}}\n"
        (mesh.runtime / "config" / "chain.yml").write_text(entry)
        event_id = await mesh.happens(payload=PAYLOAD)
        chain = {"LLM_CHAIN": "cloud,llamacpp", "LLAMACPP_URL": scripted_http.url, "LLAMACPP_MODEL": "twin"}
        with planner(mesh, LLM_PRIVACY=privacy, **chain):
            await mesh.proposed(seconds=30)
        sent = {one.to: one for one in read_sent(mesh.runtime, event_id)}
        noted = read_chain(mesh.runtime)
        assert noted is not None
        if privacy == "local":
            assert cloud.asked == []
            assert (list(sent), list(noted.refused)) == (["llamacpp"], ["cloud"])
        else:
            assert [sent["cloud"].user] == [asked.body["messages"][-1]["content"] for asked in cloud.asked]
            assert sent["cloud"].outside
            assert "jane" not in sent["cloud"].user
        assert [sent["llamacpp"].user] == [asked.body["messages"][-1]["content"] for asked in scripted_http.asked]
        assert "jane@example.org" in sent["llamacpp"].user
        cloud.close()
