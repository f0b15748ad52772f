"""The table of owners and modes, and the bootstrap that makes it so. The latter needs root, as in a deployment."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from parts.require import missing

from mesh_core.models.proposals import Folder
from mesh_core.runtime.services import SERVICES, ServiceUser
from mesh_core.security import bootstrap as ground
from mesh_core.security.permissions import (
    PATHS,
    USERS,
    Group,
    differences,
    is_deployed,
    paths_for,
    services_of,
)
from mesh_core.security.redis_users import SERVICES as REDIS_SERVICES

TRIM = Path(__file__).parents[3] / "scripts" / "image" / "trim.sh"
needs_root = pytest.mark.usefixtures("root")


@pytest.fixture
def root() -> None:
    if os.geteuid() != 0:
        missing("root (to give folders to other users)", "run the tests as root")


def bootstrap(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mesh_core.security.bootstrap", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_planner_may_write_nothing_that_leads_to_approved() -> None:
    ours = ServiceUser.PLANNER
    writable = {p.path for p in PATHS if p.owner is ours or (p.group is Group.MENDMESH and p.mode & 0o020)}
    assert writable == {
        "actions/pending",
        "actions/pending/.wip",
        "actions/withdrawn",
        "requests",
        "state",
        "state/planners",
        "secrets/planner-agent",
    }
    assert not [p.path for p in PATHS if p.mode & 0o002]
    approved = next(p for p in PATHS if p.path == f"actions/{Folder.APPROVED}")
    assert (approved.owner, approved.group, approved.mode) == (ServiceUser.EXECUTOR, Group.OPERATORS, 0o2770)


def test_a_shared_folder_is_sticky() -> None:
    assert not [p.path for p in PATHS if p.group is Group.MENDMESH and p.mode & 0o020 and not p.mode & stat.S_ISVTX]


def test_every_action_folder_has_its_place() -> None:
    assert {f"actions/{folder}" for folder in Folder} <= {p.path for p in PATHS}


def test_the_images_know_the_same_numbers() -> None:
    users = dict(re.findall(r"^(mend-\w+):x:(\d+):10101:", TRIM.read_text(), re.MULTILINE))
    assert users == {service.user_name: str(int(service.user)) for service in SERVICES.values()}
    groups = dict(re.findall(r"^(\w+):x:(\d+):(?:mend|$)", TRIM.read_text(), re.MULTILINE))
    assert groups == {"operators": str(int(Group.OPERATORS)), "mendmesh": str(int(Group.MENDMESH))}
    members = re.search(r"^operators:x:\d+:(.*)$", TRIM.read_text(), re.MULTILINE)
    assert members
    assert members[1].split(",") == ["mend-executor", "mend-observer"]


NODE, OBSERVER = ServiceUser.NODE_AGENT, ServiceUser.OBSERVER
PLANNER, EXECUTOR = ServiceUser.PLANNER, ServiceUser.EXECUTOR


def test_a_node_gets_only_what_its_agent_needs() -> None:
    assert {p.path for p in paths_for(["node-agent"])} == {
        "",
        "state",
        "config",
        "spool",
        "secrets",
        "secrets/node-agent",
    }


@needs_root
def test_the_ground_is_laid_once_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    runtime = tmp_path / "homelab"
    first = bootstrap("--here", "web01", "--node", "pi4", runtime)
    assert first.returncode == 0, first.stderr
    assert differences(runtime) == []
    assert is_deployed(runtime)
    assert set(services_of(runtime)) == set(USERS)
    kept = {path: path.read_bytes() for path in runtime.glob("**/*") if path.is_file()}
    again = bootstrap("--here", "web01", runtime)
    assert (again.returncode, again.stdout) == (0, f"bootstrap: nothing to do in {runtime}\n")
    assert {path: path.read_bytes() for path in runtime.glob("**/*") if path.is_file()} == kept
    users = re.findall(r"^user (\S+)", (runtime / "secrets/redis/users.acl").read_text(), re.MULTILINE)
    assert users == [
        *("default", "ping", "admin", "operator", *REDIS_SERVICES),
        "node-pi4",
        "node-web01",
    ]


@needs_root
def test_each_password_is_readable_by_its_own_user_only_and_in_no_other_file(tmp_path: Path) -> None:
    bootstrap("--here", "web01", "--node", "pi4", tmp_path)
    passwords = list((tmp_path / "secrets").glob("**/*password"))
    assert len(passwords) == len(("admin", "operator", *REDIS_SERVICES, "node-pi4", "node-web01"))
    for path in passwords:
        assert stat.S_IMODE(path.stat().st_mode) & 0o337 == 0
        owner = USERS.get(path.parent.name, ServiceUser.ROOT)
        assert path.stat().st_uid == owner
        text = path.read_text().strip()
        assert not [p for p in tmp_path.glob("**/*") if p.is_file() and p != path and text in p.read_text()]


@needs_root
def test_what_is_wrong_is_said_and_mended(tmp_path: Path) -> None:
    bootstrap("--here", "web01", tmp_path)
    approved = tmp_path / "actions" / "approved"
    approved.chmod(0o777)
    os.chown(tmp_path / "state", 1000, 1000)
    said = bootstrap("--check", tmp_path)
    assert said.returncode == 1
    assert f"{approved} has mode 0777 instead of 2770" in said.stderr
    assert "belongs to 1000:1000 instead of 0:10101 (root:mendmesh)" in said.stderr
    assert bootstrap("--here", "web01", tmp_path).returncode == 0
    assert differences(tmp_path) == []


@needs_root
def test_a_link_leads_it_nowhere(tmp_path: Path) -> None:
    bootstrap("--here", "web01", tmp_path)
    treasure = tmp_path / "treasure"
    treasure.mkdir(mode=0o700)
    (tmp_path / "state" / "executor.lock").unlink()
    (tmp_path / "state" / "executor.lock").symlink_to(treasure)
    (tmp_path / "state" / "planners").rmdir()
    (tmp_path / "state" / "planners").symlink_to(treasure)
    said = bootstrap("--here", "web01", tmp_path)
    assert said.returncode == 1
    assert (treasure.stat().st_uid, stat.S_IMODE(treasure.stat().st_mode)) == (0, 0o700)


@needs_root
def test_what_an_earlier_mesh_of_one_user_left_is_taken_over(tmp_path: Path) -> None:
    for name in ("actions/pending/plan.json", "actions/done/plan-a/logs/02_apply.log", "events/2026-01-01/a/evt.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, mode=0o700)
        path.write_text("{}")
    for folder, folders, files in os.walk(tmp_path):
        for name in (*folders, *files):
            os.chown(Path(folder, name), 1000, 1000)
    secret = tmp_path / "etc-shadow"
    secret.write_text("root")
    secret.chmod(0o600)
    os.link(secret, tmp_path / "actions" / "pending" / "linked.json")
    said = bootstrap("--here", "web01", tmp_path)
    assert said.returncode == 0, said.stderr
    pending, log = tmp_path / "actions/pending/plan.json", tmp_path / "actions/done/plan-a/logs/02_apply.log"
    assert (pending.stat().st_uid, pending.stat().st_gid) == (ServiceUser.PLANNER, Group.OPERATORS)
    assert (log.stat().st_uid, log.stat().st_gid) == (ServiceUser.EXECUTOR, Group.OPERATORS)
    assert log.stat().st_mode & 0o040
    assert (secret.stat().st_uid, stat.S_IMODE(secret.stat().st_mode)) == (0, 0o600)


@needs_root
def test_what_is_swapped_while_it_is_taken_over_stays_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    folder.mkdir()
    outside.touch(0o600)
    trap = folder / "trap"
    trap.touch(0o644)
    os.chown(trap, 1000, 1000)

    def swapping(mode: int) -> bool:
        trap.rename(tmp_path / "moved")
        trap.symlink_to(outside)
        return stat.S_ISLNK(mode)

    kept = {name: getattr(stat, name) for name in ("S_ISREG", "S_ISDIR", "S_IMODE")}
    monkeypatch.setattr(ground, "stat", SimpleNamespace(**kept, S_ISLNK=swapping))
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        ground._adopt(descriptor, next(place for place in PATHS if place.adopts))
    finally:
        os.close(descriptor)
    assert (outside.stat().st_uid, stat.S_IMODE(outside.stat().st_mode)) == (0, 0o600)
    assert stat.S_IMODE((tmp_path / "moved").stat().st_mode) == 0o640


def test_it_says_what_it_wants() -> None:
    assert "RUNTIME_PATH" in bootstrap("--help").stdout
    assert "no node name" in bootstrap("--here", "../x", "/nowhere").stderr
