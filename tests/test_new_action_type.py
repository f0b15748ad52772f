"""A new action type is one file and one line: CONTRIBUTING.md's goes the whole way through the services."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from parts.planning import mend, planner_and_executor
from parts.scripted import Canned, ScriptedHttp

import mesh_core
from mesh_core.llm.grades import Grade, GradeBook, cases_digest
from mesh_core.messaging.bus import Bus
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.records import rfc3339
from mesh_core.testing import RedisServer, wait_for

ROOT = Path(__file__).parents[1]
CORE = Path(mesh_core.__file__).parent
REGISTER = Path("actions/register.py")
LINE = '    "scratch_clean",\n'
CHAPTER = (ROOT / "CONTRIBUTING.md").read_text().split("## Add an action", 1)[1].split("\n## ", 1)[0]
(NEW_TYPE,) = re.findall(r"```python\n(.*?)```", CHAPTER, re.DOTALL)
(POLICY,) = re.findall(r"```yaml\n(.*?)```", CHAPTER, re.DOTALL)

CAPABLE = Grade(
    provider="llamacpp",
    model="twin",
    cases=cases_digest(),
    asked=40,
    right=40,
    rules=30,
    harm=0,
    obeyed=0,
    invalid=0,
    graded_at="2026-01-02T00:00:00.000Z",
)
ANSWER = {
    "action": "clean",
    "service": "scratch",
    "node": "web01",
    "reason": "the scratch folder of this service is full",
    "confidence": 0.9,
    "requires_human": True,
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of core that has the sixth type."""
    home = tmp_path / "copy"
    shutil.copytree(CORE, home / "mesh_core", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "mesh_core" / "actions" / "scratch_clean.py").write_text(NEW_TYPE)
    register = home / "mesh_core" / REGISTER
    register.write_text(register.read_text().replace('    "playbook",\n', f'    "playbook",\n{LINE}'))
    return home


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    (folder / "full").touch()
    return folder


@pytest.fixture
def mesh(
    copy: Path, scratch: Path, tmp_path: Path, redis_server: RedisServer, scripted_http: ScriptedHttp
) -> Iterator[dict[str, str]]:
    """Planner and executor as they are, on the copied core. Gives the environment for `mend`."""
    host = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "mend_scratch": str(scratch),
    }
    with planner_and_executor(
        tmp_path,
        redis_server.url,
        hosts={"web01": host},
        policy=POLICY,
        PYTHONPATH=str(copy),
        LLM_CHAIN="llamacpp",
        LLAMACPP_URL=scripted_http.url,
        LLAMACPP_MODEL="twin",
    ) as environment:
        yield environment


def test_it_is_one_file_and_one_line(copy: Path) -> None:
    ours, theirs = (
        {path.relative_to(folder): path.read_text() for path in folder.rglob("*.py")}
        for folder in (CORE, copy / "mesh_core")
    )
    assert theirs.keys() - ours.keys() == {Path("actions/scratch_clean.py")}
    assert {path for path, text in ours.items() if theirs[path] != text} == {REGISTER}
    diff = list(difflib.unified_diff(ours[REGISTER].splitlines(True), theirs[REGISTER].splitlines(True), n=0))
    assert [line for line in diff[2:] if line[0] in "+-"] == [f"+{LINE}"]


async def trouble(redis_url: str) -> None:
    event = HealthEvent(
        type="scratch_full", node="web01", service="scratch", severity="error", timestamp=rfc3339(datetime.now(UTC))
    )
    bus = Bus.connect(redis_url, "test")
    try:
        await bus.enter(event, Trust.FOREIGN)
    finally:
        await bus.close()


async def test_it_goes_from_an_event_to_an_outcome_and_into_words(
    mesh: dict[str, str], scratch: Path, redis_server: RedisServer, scripted_http: ScriptedHttp
) -> None:
    scripted_http.script(Canned.openai(json.dumps(ANSWER)))
    runtime = Path(mesh["RUNTIME_PATH"])
    actions = runtime / "actions"
    GradeBook(runtime).keep(CAPABLE)  # of one without a grade no choice is asked, so it reads of none
    await wait_for(lambda: (actions / "approved").is_dir(), 60, "the executor's folders")
    await trouble(redis_server.url)

    # policy -> schema and prompt -> proposal
    await wait_for(lambda: list((actions / "pending").glob("plan-*.json")), 60, "the proposal")
    asked = json.dumps(scripted_http.asked[-1].body)
    assert "empty the scratch folder of this service" in asked
    assert '["clean", "notify", ' in asked
    (file,) = (actions / "pending").glob("plan-*.json")
    proposal = json.loads(file.read_bytes())
    assert (proposal["type"], proposal["action"], proposal["risk_level"]) == ("scratch_clean", "clean", "guarded")
    assert proposal["model"]["name"] == "twin"

    # words before, a person's yes, words after
    shown = mend(mesh, "show", proposal["id"])
    assert "(scratch_clean, risk guarded)" in shown
    assert "Empty scratch on web01" in shown
    assert (scratch / "full").exists(), "nothing runs before a person said yes"
    mend(mesh, "approve", proposal["id"])

    # intake -> playbook -> look -> outcome
    outcome_file = actions / "done" / proposal["id"] / "outcome.json"
    failed = actions / "failed" / proposal["id"] / "outcome.json"
    await wait_for(lambda: outcome_file.exists() or failed.exists(), 120, "the outcome")
    assert outcome_file.exists(), failed.read_text()
    outcome = json.loads(outcome_file.read_bytes())
    assert (outcome["type"], outcome["verdict"]) == ("scratch_clean", "proven")
    assert outcome["before"]["words"] == "the scratch folder is full"
    assert outcome["after"]["words"] == "the scratch folder is empty"
    assert [stage["name"] for stage in outcome["stages"]] == ["syntax", "apply", "check_idempotency", "verify"]
    assert not (scratch / "full").exists()
    assert "scratch_clean" in mend(mesh, "history")


def test_a_name_that_is_not_in_the_register_is_refused_where_a_file_is_read(copy: Path, tmp_path: Path) -> None:
    """The copy reads what this core refuses: nothing else knows the words."""
    program = (
        "import sys; from mesh_core.actions.reading import read_proposal; "
        "print(type(read_proposal(sys.stdin.buffer.read(), 262144)).__name__)"
    )
    now = rfc3339(datetime.now(UTC))
    proposal = {
        **{"schema_version": 1, "id": "plan-web01-scratch-0123456789ab", "type": "scratch_clean", "action": "clean"},
        **{"risk_level": "guarded", "node": "web01", "service": "scratch", "reason": "the scratch folder is full"},
        **{"confidence": 1, "requires_human": True, "created_at": now, "expires_at": now},
        "event": {"type": "scratch_full", "node": "web01", "service": "scratch"},
        "model": {"name": "m", "provider": "floor", "position": 1, "latency_ms": 1},
    }
    for home, read_as in ((copy, "Proposal"), (tmp_path, "Refusal")):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": str(home)},
            input=json.dumps(proposal).encode(),
            capture_output=True,
            timeout=300,
        )
        assert done.stdout.decode().strip() == read_as, done.stderr
