"""Every service, as a process, on files of a newer version: exit status 2, one sentence, nothing touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from parts.forked_mend import run_mend

from mesh_core.runtime.services import SERVICES
from mesh_core.storage.schema import SCHEMA_VERSION, schema_file, write_schema
from mesh_core.testing import free_port


def environment_of(runtime: Path) -> dict[str, str]:
    return {
        **os.environ,
        "RUNTIME_PATH": str(runtime),
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "NODE_NAME": "pi4",
        "LLM_CHAIN": "floor",
        "OBSERVER_LISTEN": "off",
    }


def run(runtime: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env=environment_of(runtime),
        cwd=runtime,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def names(runtime: Path) -> list[str]:
    return sorted(str(path.relative_to(runtime)) for path in runtime.rglob("*"))


@pytest.mark.parametrize("module", [service.module for service in SERVICES.values()])
def test_no_service_starts_on_files_of_a_newer_version(module: str, tmp_path: Path) -> None:
    write_schema(tmp_path, "observer", version=SCHEMA_VERSION + 1)
    before, said = names(tmp_path), schema_file(tmp_path).read_bytes()
    done = run(tmp_path, "-m", module)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(
        f"{module.replace('_', '-')}: cannot start: {tmp_path} was written by a newer version"
    )
    assert done.stdout == ""
    assert (names(tmp_path), schema_file(tmp_path).read_bytes()) == (before, said)


def test_nobody_approves_with_an_older_mend_and_its_doctor_says_why(tmp_path: Path) -> None:
    write_schema(tmp_path, "observer", version=SCHEMA_VERSION + 1)
    done = run_mend(environment_of(tmp_path), "approve", "0154f3f98721")
    assert (done.returncode, "newer version" in done.stderr) == (1, True)
    assert "newer version" in run_mend(environment_of(tmp_path), "doctor", "--no-models").stdout
    told = run_mend(environment_of(tmp_path), "migrate")
    assert (told.returncode, "use the version that wrote it" in told.stderr) == (1, True)


def test_migrating_an_up_to_date_folder_does_nothing_and_says_so(tmp_path: Path) -> None:
    by_hand = run_mend(environment_of(tmp_path), "migrate")
    for done in (by_hand, run(tmp_path, "-m", "mesh_core.storage.migrations", str(tmp_path))):
        assert (done.returncode, done.stdout.strip()) == (0, f"layout {SCHEMA_VERSION}: nothing to do"), done.stderr
    assert f'"version": {SCHEMA_VERSION}' in schema_file(tmp_path).read_text()
