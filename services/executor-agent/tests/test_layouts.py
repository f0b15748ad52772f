"""What a request wants of its playbook, through the real Ansible: a role out of the proposal, and no second run."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from parts.playing import LOCAL, Prepare, a_proposal

from executor_agent.admission.admission import permission_problem
from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.runner.action_runner import UNPROVEN, ActionRunner
from executor_agent.runner.stages import stages_for
from mesh_core.actions.playbooks import as_yaml
from mesh_core.actions.register import playbook_for
from mesh_core.models.proposals import Attachment, Playbook, Proposal, Risk
from mesh_core.models.run_options import AnsibleRole, RoleFile, SshLogin, Verify
from mesh_core.policy.current_config import ConfigSnapshot
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.policy import Policy

PLAIN, FILLED = "{{ as it is }}\n", "Hello {{ who }}\n"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def with_role(place: Path) -> Proposal:
    tasks = as_yaml(
        [
            {"copy": {"src": f"files/{sha256(PLAIN)}", "dest": f"{place}/plain", "mode": "0644"}, "notify": "tell"},
            {"template": {"src": f"templates/{sha256(FILLED)}", "dest": f"{place}/filled", "mode": "0644"}},
        ]
    )
    handlers = as_yaml([{"name": "tell", "copy": {"content": "told", "dest": f"{place}/told", "mode": "0644"}}])
    texts = (("tasks/main.yml", tasks), ("handlers/main.yml", handlers))
    files = tuple(RoleFile(path=path, sha256=sha256(text), text=text) for path, text in texts)  # type: ignore[arg-type]
    site = as_yaml([{"hosts": "box", "gather_facts": False, "vars": {"who": "you"}, "roles": ["webapp"]}])
    attached = tuple(Attachment(name=f"f{n}", sha256=sha256(t), text=t) for n, t in enumerate((PLAIN, FILLED)))
    role = AnsibleRole(name="webapp", files=files)
    return of(Playbook(name="page", sha256=sha256(site), text=site, attachments=attached, role=role))


def of(book: Playbook) -> Proposal:
    changed = {"type": "playbook", "action": "playbook", "risk_level": Risk.HIGH, "playbook": book}
    return a_proposal().model_copy(update=changed)


def once(place: Path, **more: object) -> Proposal:
    text = as_yaml(
        [{"hosts": "box", "gather_facts": False, "tasks": [{"file": {"path": str(place), "state": "touch"}}]}]
    )
    return of(Playbook(name="page", sha256=sha256(text), text=text, **more))  # type: ignore[arg-type]


def test_a_role_out_of_the_proposal_runs_and_a_second_run_changes_nothing(
    pool: AnsiblePool, prepare: Prepare, tmp_path: Path
) -> None:
    proposal = with_role(tmp_path)
    assert permission_problem(proposal, ConfigSnapshot(Inventory.parse(LOCAL), Policy.load(None))) is None
    run = prepare(pool, proposal)
    changes = []
    for stage in stages_for(playbook_for(proposal)):
        played = run.play(stage)
        assert played.ok, (played, run.lines)
        changes.append(played.changed)
    assert changes == [0, 3, 0], "the handler runs once, and nothing is left to change"
    assert (tmp_path / "plain").read_text() == PLAIN
    assert (tmp_path / "filled").read_text() == "Hello you\n"
    assert (tmp_path / "told").read_text() == "told"
    project = run.folder / "project"
    assert (project / "site.yml").read_bytes() == (project / "apply.yml").read_bytes()
    laid = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
    role = {"tasks/main.yml", "handlers/main.yml", f"files/{sha256(PLAIN)}", f"templates/{sha256(FILLED)}"}
    assert laid == {"apply.yml", "site.yml", *(f"roles/webapp/{path}" for path in role)}


async def test_without_a_proof_it_runs_once_and_nobody_says_that_it_helped(pool: AnsiblePool, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    inventory = tmp_path / "config" / "inventory.yml"
    inventory.write_bytes(LOCAL)
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    runner = ActionRunner(pool, inventory, keys=tmp_path / "keys")
    proposal = once(tmp_path / "there", verify=Verify.NONE)
    result = await runner.run(proposal, run_dir, lambda *_: None, asyncio.Event())
    assert (result.result, result.verdict, result.reason) == ("done", "inconclusive", UNPROVEN)
    assert [stage.name for stage in result.stages] == ["syntax", "apply"]
    assert (tmp_path / "there").exists()
    assert (run_dir / "project" / "page.yml").read_bytes() == (run_dir / "project" / "apply.yml").read_bytes()


async def test_a_key_that_is_not_there_changes_nothing_and_is_named(pool: AnsiblePool, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "inventory.yml").write_bytes(LOCAL)
    (tmp_path / "run").mkdir()
    runner = ActionRunner(pool, tmp_path / "config" / "inventory.yml", keys=tmp_path / "keys")
    proposal = once(tmp_path / "there", login=SshLogin(key="deploy"))
    result = await runner.run(proposal, tmp_path / "run", lambda *_: None, asyncio.Event())
    assert (result.result, result.verdict) == ("failed", "not_run")
    assert result.reason.startswith("the key deploy cannot be used")
    assert not (tmp_path / "there").exists()
