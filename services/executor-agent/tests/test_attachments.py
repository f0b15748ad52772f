"""What a proposal brings along reaches the host through the real Ansible, and nothing else of the executor does."""

from __future__ import annotations

import hashlib
from pathlib import Path

import yaml
from parts.playing import LOCAL, Prepare, a_proposal

from executor_agent.admission.admission import permission_problem
from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.runner.stages import AGAIN, stages_for
from mesh_core.actions.register import playbook_for
from mesh_core.models.proposals import Attachment, Playbook, Proposal, Risk
from mesh_core.policy.current_config import ConfigSnapshot
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.policy import Policy


def proposal_with(text: str, *files: str) -> Proposal:
    attachments = tuple(Attachment(name=f"f{n}", sha256=sha256_of(one), text=one) for n, one in enumerate(files))
    book = Playbook(name="p", sha256=sha256_of(text), text=text, attachments=attachments)
    changed = {"type": "playbook", "action": "playbook", "risk_level": Risk.HIGH, "playbook": book}
    return a_proposal().model_copy(update=changed)


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_attachments_are_copied_and_filled_in_on_the_host_and_a_second_run_changes_nothing(
    pool: AnsiblePool, prepare: Prepare, tmp_path: Path
) -> None:
    plain, filled = (
        "{{ not a template }}\n",
        "Hello {{ who }}\n{% for one in all %}{{ loop.index }}{{ one }}{% endfor %}\n",
    )
    text = f"""
- hosts: box
  gather_facts: false
  vars: {{who: box, all: [a, b]}}
  tasks:
    - ansible.builtin.copy: {{src: files/{sha256_of(plain)}, dest: {tmp_path}/plain, mode: "0644"}}
    - ansible.builtin.template: {{src: files/{sha256_of(filled)}, dest: {tmp_path}/filled, mode: "0644"}}
"""
    proposal = proposal_with(text, plain, filled)
    rules = ConfigSnapshot(Inventory.parse(LOCAL), Policy.load(None))
    assert permission_problem(proposal, rules) is None
    run = prepare(pool, proposal)
    changes = []
    for stage in stages_for(playbook_for(proposal)):
        played = run.play(stage)
        assert played.ok, (played, run.lines)
        changes.append(played.changed)
    assert (tmp_path / "plain").read_text() == plain
    assert (tmp_path / "filled").read_text() == "Hello box\n1a2b\n"
    assert changes[-2:] == [2, 0], changes
    assert (run.folder / "project" / "files" / sha256_of(plain)).read_text() == plain


def test_a_constant_of_a_condition_is_never_a_template_in_ansible_either(
    pool: AnsiblePool, prepare: Prepare, tmp_path: Path
) -> None:
    """As if the judge had a hole: the playbook is put straight into the run."""
    ran = tmp_path / "ran"
    signs = 'variable_start_string:"[[",variable_end_string:"]]"'
    hidden = f"""'#jinja2:{signs}\\n[[ lookup("pipe", "touch {ran}") ]]' != 'a'"""
    words = ("when", "until", "failed_when", "changed_when")
    tasks = [*({"ping": {}, word: hidden, "ignore_errors": True} for word in words), {"assert": {"that": [hidden]}}]
    rules = ConfigSnapshot(Inventory.parse(LOCAL), Policy.load(None))
    for task in tasks:
        one = yaml.safe_dump([{"hosts": "box", "tasks": [task]}], width=1000)
        assert permission_problem(proposal_with(one), rules) is not None, one
    text = yaml.safe_dump([{"hosts": "box", "gather_facts": False, "tasks": tasks}], width=1000)
    run = prepare(pool, text=text)
    run.play(AGAIN)
    assert sum(line.startswith("TASK [") for line in run.lines) == len(tasks), run.lines
    assert not ran.exists()


def test_a_key_that_ansible_obeys_finds_no_group_of_another_host_in_the_run(
    pool: AnsiblePool, prepare: Prepare
) -> None:
    """The judge refuses such names; and a run's inventory holds one host with its own groups only."""
    groups = (
        b"all: {hosts: {box: {ansible_connection: local}}, children: {dbs: {hosts: {far: {}}, vars: {pw: stolen}}}}\n"
    )
    tasks = [{"debug": {"var": "add_group"}}, {"debug": {"msg": "it is {{ pw | default('unknown') }}"}}]
    text = yaml.safe_dump([{"hosts": "box", "gather_facts": False, "vars": {"add_group": "dbs"}, "tasks": tasks}])
    assert (
        permission_problem(proposal_with(text), ConfigSnapshot(Inventory.parse(groups), Policy.load(None))) is not None
    )
    run = prepare(pool, text=text, inventory=groups)
    run.play(AGAIN)
    assert any("it is unknown" in line for line in run.lines), run.lines
    assert not any("stolen" in line for line in run.lines)


def test_the_playbook_that_carried_secrets_away_is_refused_line_by_line(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a stand-in for the executor's own key")
    rules = ConfigSnapshot(Inventory.parse(LOCAL), Policy.load(None))
    piped = '{{ lookup("pipe", "id") }}\n'
    for task in (
        f"copy: {{src: {key}, dest: /tmp/k}}",
        'copy: {content: "{{ hostvars | to_json }}", dest: /tmp/k}',
        f"copy: {{content: \"{{{{ '{tmp_path}/*' | fileglob }}}}\", dest: /tmp/k}}",
        f"template: {{src: files/{sha256_of(piped)}, dest: /tmp/k}}",
    ):
        problem = permission_problem(proposal_with(f"- hosts: box\n  tasks:\n    - {task}\n", piped), rules)
        assert problem is not None, task
        assert "may not run" in problem
