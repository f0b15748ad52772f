"""A fifth service is its folder and a few lines: CONTRIBUTING.md's, followed on a copy, passes the checks and lives."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mesh_core.testing import wait_for

ROOT = Path(__file__).parents[1]
CHAPTER = (ROOT / "CONTRIBUTING.md").read_text().split("## Add a service", 1)[1].split("\n## ", 1)[0]
(COMMANDS,) = re.findall(r"```sh\n(.*?)```", CHAPTER, re.DOTALL)
(PROGRAM,) = re.findall(r"```python\n(.*?)```", CHAPTER, re.DOTALL)
ABOUT, COMPOSE = re.findall(r"```yaml\n(.*?)```", CHAPTER, re.DOTALL)
USER, ROW, RULES = re.findall(r"`(LOOKOUT = .*?|Service\(.*?|\"lookout\": .*?)`", CHAPTER)
TABLE, REDIS_USERS = Path("core/src/mesh_core/runtime/services.py"), Path("core/src/mesh_core/security/redis_users.py")
NOT_COPIED = shutil.ignore_patterns("__pycache__", "node_modules", "dist", "page", ".*cache", ".git", ".venv", "var")
CHECKED_BY = (
    *("tests/test_tables.py", "tests/test_repository.py", "tests/test_compose_files.py", "tests/test_service_locks.py"),
    *("tests/deploy/test_shell_scripts.py", "tests/test_monitoring.py", "cli/tests/test_plan.py"),
    "core/tests/security/test_permissions.py",
)
OF_THESE = (
    *("lookout", "tables", "table_of_services", "limits_and_an_end", "networks", "whole_configurations", "each_secret"),
    *("users_are", "same_numbers", "each_password"),
)


def insert(path: Path, before: str, text: str) -> None:
    """`text` in front of the one place that begins with `before`."""
    found = path.read_text()
    assert found.count(before) == 1
    path.write_text(found.replace(before, text + before))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout in which the chapter was followed."""
    root = tmp_path / "copy"
    shutil.copytree(ROOT, root, ignore=NOT_COPIED)
    subprocess.run(["sh", "-euc", COMMANDS], cwd=root, check=True)
    home = root / "services" / "lookout"
    (home / "service.yaml").write_text(ABOUT)
    (home / "src" / "lookout" / "__main__.py").write_text(PROGRAM)
    insert(root / TABLE, "\n\n@dataclass", f"    {USER}\n")
    insert(root / TABLE, "    )\n}\nNODE_AGENT,", f"        {ROW}\n")
    insert(root / TABLE, " = SERVICES\n", ", LOOKOUT")
    insert(root / REDIS_USERS, "}\n\n# A person", f"    {RULES}\n")
    insert(root / "docker-compose.yml", "  # -- profiles", f"{COMPOSE}\n")
    return root


async def test_the_repositorys_own_checks_take_it_and_it_runs_answers_and_ends(copy: Path, tmp_path: Path) -> None:
    sources = (*copy.glob("*/src"), *copy.glob("services/*/src"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources))}
    runtime = tmp_path / "mesh"
    mesh = {**environment, "RUNTIME_PATH": str(runtime), "METRICS_LISTEN": "off"}
    with subprocess.Popen([sys.executable, "-m", "lookout"], env=mesh, cwd=tmp_path) as process:
        try:
            await wait_for((runtime / "state" / "lookout.heartbeat").exists, 60, "its heartbeat")
        finally:
            process.terminate()
        assert process.wait(300) == 0
    subprocess.run([sys.executable, "scripts/tables.py"], cwd=copy, env=environment, check=True, timeout=300)
    words = [sys.executable, "-m", "pytest", "-q", "-k", " or ".join(OF_THESE), *CHECKED_BY]
    done = subprocess.run(words, cwd=copy, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
