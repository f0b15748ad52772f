"""Payloads with bytecode run the same module, on this Python and on any other."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from parts.playing import Prepare

from executor_agent.ansible_pool import payload_cache
from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.runner.stages import APPLY
from mesh_core.testing import wait_for

PING = "- hosts: box\n  gather_facts: false\n  tasks:\n    - ansible.builtin.ping: {data: hello}\n"


def payload_of(source: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("thing.py", source)
        archive.writestr("data.txt", "x")
        archive.writestr("empty/__init__.py", "")
    return out.getvalue()


def imported_from(payload: bytes, folder: Path) -> str:
    path = folder / "p.zip"
    path.write_bytes(payload)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import thing; print(thing.WORD, thing.__file__)"
    return subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True).stdout


def test_the_bytecode_is_what_runs_and_the_source_stays(tmp_path: Path) -> None:
    treated = payload_cache._with_bytecode(payload_of("WORD = 'well'\n"))
    with zipfile.ZipFile(io.BytesIO(treated)) as archive:
        assert set(archive.namelist()) == {"thing.py", "thing.pyc", "data.txt", "empty/__init__.py"}
        assert archive.read("thing.py") == b"WORD = 'well'\n"
    said = imported_from(treated, tmp_path)
    assert said.startswith("well ")
    assert said.strip().endswith("thing.pyc")


def test_another_python_ignores_the_bytecode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload_cache.importlib.util, "MAGIC_NUMBER", b"\x00\x00\r\n")
    treated = payload_cache._with_bytecode(payload_of("WORD = 'well'\n"))
    said = imported_from(treated, tmp_path)
    assert said.startswith("well ")
    assert said.strip().endswith("thing.py")


async def test_after_its_first_run_a_module_has_bytecode_and_still_answers(prepare: Prepare) -> None:
    pool = AnsiblePool.start(os.environ)
    try:
        assert pool.wait_ready(60)
        answers: list[object] = []
        for _ in range(2):
            stage = prepare(pool, text=PING).play(APPLY, lambda task, result: answers.append(result.get("ping")))
            assert stage.ok, stage
            (cache,) = pool.home.glob("local-*/ansiballz_cache")
            await wait_for(lambda: list(cache.glob("*.bytecode")), 10, "bytecode beside the payload")  # noqa: B023
        assert answers == ["hello", "hello"]
        from ansible.executor.module_common import _CachedModule

        (path,) = [p for p in cache.iterdir() if payload_cache._is_payload(p)]

        def has_bytecode() -> bool:
            with zipfile.ZipFile(io.BytesIO(base64.b64decode(_CachedModule.load(str(path)).zip_data))) as archive:
                return "ansible/modules/ping.pyc" in archive.namelist()

        await wait_for(has_bytecode, 10, "the payload written anew")
    finally:
        pool.stop()


def test_of_what_a_run_built_only_plain_names_are_taken_over(tmp_path: Path) -> None:
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.mkdir()
    (shared / "ansible.modules.ping-ZIP_DEFLATED-none").write_bytes(b"built before")
    payload_cache.offer(shared, own)
    for name in ("ansible.modules.copy-ZIP_DEFLATED-none", "ansible.modules.x-ZIP_DEFLATED-none.lock", "evil", "a\nb"):
        (own / name).write_bytes(b"a pickle that would run in whoever loads it")
    assert payload_cache.built_by(own) == ["ansible.modules.copy-ZIP_DEFLATED-none"]
    for name in ("../../evil", "ansible_collections.no.such.plugins.modules.thing-ZIP_DEFLATED-none"):
        with pytest.raises(ValueError, match="no module"):
            payload_cache.build(shared, name)
    assert [path.name for path in shared.iterdir()] == ["ansible.modules.ping-ZIP_DEFLATED-none"]


def test_a_payload_of_another_shape_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "strange"
    path.write_bytes(b"not what we know")
    with pytest.raises(Exception, match=r".*"):
        payload_cache.add_bytecode(path)
    assert path.read_bytes() == b"not what we know"
    assert payload_cache.payloads_without_bytecode(tmp_path) == []  # and nobody tries again
