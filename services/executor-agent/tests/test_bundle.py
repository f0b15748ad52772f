"""The bundle may be handed on: everything of the execution, nothing secret, always the same bytes."""

from __future__ import annotations

import json
import time
import zipfile
from pathlib import Path

import pytest

from executor_agent.run_files.bundle import HIDDEN, write_bundle

SECRETS = ["hunter2-inventory", "vaulted-value", "tok-in-a-log", "url-pass", "given-secret", "listed-one"]
INVENTORY = """
all:
  vars: {ansible_become_password: hunter2-inventory, my_tokens: [listed-one], ansible_user: ada}
  hosts: {box: {ansible_ssh_pass: !vault vaulted-value, ansible_connection: local}}
"""


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    for name in ("project", "inventory", "logs", "artifacts/x", "stages/a/artifacts/b"):
        (folder / name).mkdir(parents=True)
    proposal = {"id": "plan-1", "api_key": 12345678, "event": {"payload": {"env": "DB_PASSWORD=tok-in-a-log x"}}}
    (folder / "proposal.json").write_text(json.dumps(proposal))
    (folder / "intent.json").write_text('{"digest": "ab"}')
    outcome = {"result": "done", "before": {"state": "sick"}, "after": {"state": "healthy", "token": "tok-in-a-log"}}
    (folder / "outcome.json").write_text(json.dumps(outcome))
    (folder / "project" / "apply.yml").write_text("- hosts: box\n")
    (folder / "project" / "roles" / "webapp" / "tasks").mkdir(parents=True)
    (folder / "project" / "roles" / "webapp" / "tasks" / "main.yml").write_text("- ping: {}\n")
    (folder / "inventory" / "inventory.yml").write_text(INVENTORY)
    (folder / "logs" / "02_apply.log").write_text(
        "token: tok-in-a-log\nused hunter2-inventory, vaulted-value and given-secret\n"
        "https://ada:url-pass@host/x\nfine: yes\nlisted-one\n"
    )
    (folder / "artifacts" / "x" / "command").write_text("ANTHROPIC_API_KEY=given-secret")
    (folder / "stages" / "a" / "artifacts" / "b" / "command").write_text("given-secret")
    (folder / "claimed.json").write_text("{}")
    return folder


def test_the_bundle_has_the_whole_story(run_dir: Path) -> None:
    with zipfile.ZipFile(write_bundle(run_dir, ["given-secret"])) as bundle:
        assert bundle.namelist() == [
            "proposal.json",
            "intent.json",
            "outcome.json",
            "before.json",
            "after.json",
            "project/apply.yml",
            "project/roles/webapp/tasks/main.yml",
            "inventory/inventory.yml",
            "logs/02_apply.log",
        ]
        assert json.loads(bundle.read("before.json")) == {"state": "sick"}
        assert json.loads(bundle.read("outcome.json"))["result"] == "done"
        assert "fine: yes" in bundle.read("logs/02_apply.log").decode()
        assert "ansible_user: ada" in bundle.read("inventory/inventory.yml").decode()


def test_no_secret_is_in_it(run_dir: Path) -> None:
    with zipfile.ZipFile(write_bundle(run_dir, ["given-secret"])) as bundle:
        everything = "\n".join(bundle.read(name).decode() for name in bundle.namelist())
        json.loads(bundle.read("proposal.json"))
    for secret in [*SECRETS, "12345678", "API_KEY"]:
        assert secret not in everything, secret
    assert everything.count(HIDDEN) >= len(SECRETS)


def test_the_same_execution_is_the_same_bytes(run_dir: Path) -> None:
    first = write_bundle(run_dir).read_bytes()
    assert write_bundle(run_dir).read_bytes() == first


def test_an_execution_that_ended_early_still_gets_one(tmp_path: Path) -> None:
    (tmp_path / "proposal.json").write_text("not json password=abcdefg")
    with zipfile.ZipFile(write_bundle(tmp_path)) as bundle:
        assert bundle.namelist() == ["proposal.json"]
        assert bundle.read("proposal.json").decode() == f"not json password={HIDDEN}"


def test_a_link_is_not_followed(run_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("outside")
    (run_dir / "logs" / "09.log").symlink_to(tmp_path / "outside")
    with zipfile.ZipFile(write_bundle(run_dir)) as bundle:
        assert "logs/09.log" not in bundle.namelist()


def test_hostile_lines_cost_their_length_only(run_dir: Path) -> None:
    for line in ("password" * 20_000, "token" + " " * 200_000, "a" * 500_000 + "=", "://" + "a" * 300_000):
        (run_dir / "logs" / "02_apply.log").write_text(line)
        begun = time.process_time()
        write_bundle(run_dir)
        assert time.process_time() - begun < 10
