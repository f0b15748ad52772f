"""What a model may choose from, and what of its answers counts: nothing made up, nothing taken away."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from mesh_core.actions.playbooks import play
from mesh_core.actions.register import SHIPPED
from mesh_core.llm.router import Rejection
from mesh_core.models.proposals import Attachment
from mesh_core.policy.playbook_lint import lint_text
from mesh_core.policy.playbook_lint.table import table
from planner_agent.requests.writing.answers import FilledStep, left_out, read_choice, read_values, values_schema
from planner_agent.requests.writing.steps import Step, steps_for

FILE = Attachment(name="site.conf", sha256=hashlib.sha256(b"a text").hexdigest(), text="a text")
VALUES = ("nas:/media", "/mnt/media", "/opt/a.tar.gz", "nfs", "8080", "0644", "jellyfin", "https://example.org/x")
STEPS = {step.name: step for step in steps_for(SHIPPED.asked_for, VALUES, VALUES, [FILE])}


def said(*steps: tuple[str, dict[str, Any]]) -> str:
    return json.dumps({"steps": [{"step": name, "values": values} for name, values in steps]})


def filled(name: str, values: dict[str, Any]) -> FilledStep:
    made = read_values([STEPS[name]], [*STEPS.values()])(said((name, values)))
    assert not isinstance(made, Rejection), made
    return made[0]


def test_nothing_that_takes_away_sends_or_runs_is_there() -> None:
    left_out = table().not_for_models
    assert not {*STEPS} & left_out.modules
    assert not {"package: remove", "user: delete", "service: stop", "firewall: close"} & {*STEPS}
    assert {"package: install", "service: restart", "ansible.posix.mount", "ansible.builtin.unarchive"} <= {*STEPS}
    for step in STEPS.values():
        assert not step.arguments.keys() & left_out.arguments or step.recipe, step.name
        values = {str(value) for argument in step.arguments.values() for value in argument.values}
        assert not values & left_out.values, step.name


def test_each_value_is_one_of_the_order_a_files_name_or_a_word_of_the_table() -> None:
    listed = {
        str(one) for each in table().modules.values() for who in each.values() if isinstance(who, tuple) for one in who
    }
    for step in STEPS.values():
        for name, argument in step.arguments.items():
            odd = {str(v) for v in argument.values} - {*VALUES, FILE.name, "True", "False"} - listed
            assert odd == set(), f"{step.name} {name}"


@pytest.mark.parametrize(
    ("name", "values", "task"),
    [
        (
            "ansible.posix.mount",
            {"src": "nas:/media", "path": "/mnt/media", "fstype": "nfs", "state": "mounted"},
            {"src": "nas:/media", "path": "/mnt/media", "fstype": "nfs", "state": "mounted"},
        ),
        (
            "ansible.builtin.unarchive",
            {"src": "/opt/a.tar.gz", "dest": "/mnt/media"},
            {"src": "/opt/a.tar.gz", "dest": "/mnt/media", "remote_src": True},
        ),
        (
            "ansible.builtin.copy",
            {"src": "site.conf", "dest": "/mnt/media", "mode": "0644"},
            {"src": f"files/{FILE.sha256}", "dest": "/mnt/media", "mode": "0644"},
        ),
        ("ansible.builtin.apt", {"name": "jellyfin"}, {"name": ["jellyfin"]}),
        ("ansible.builtin.wait_for", {"port": "8080"}, {"port": 8080}),
        ("ansible.builtin.service", {"name": "jellyfin", "enabled": "yes"}, {"name": "jellyfin", "enabled": True}),
        ("package: install", {"names": ["jellyfin"]}, {"name": ["jellyfin"], "state": "present"}),
    ],
)
def test_steps_become_tasks_that_the_gate_takes(name: str, values: dict[str, Any], task: dict[str, Any]) -> None:
    one = filled(name, values)
    (made,) = one.step.tasks(one.values, [FILE])
    module = next(key for key in made if key != "name")
    assert made[module] == task
    assert lint_text(play("t", "web01", {}, made), "web01", {FILE.sha256: FILE.text}).problems == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (said(("ansible.posix.mount", {"src": "nas:/other"})), "'nas:/other' is not among the values that src of"),
        (said(("ansible.posix.mount", {"state": "absent"})), "'absent' is not among the values"),
        (said(("ansible.posix.mount", {"src": ["nas:/media"]})), "is not among the values"),
        (said(("ansible.posix.mount", {"src": {"a": 1}})), "is not among the values"),
        (said(("ansible.posix.mount", {"source": "nas:/media"})), "takes no 'source' here"),
        (said(("ansible.posix.mount", {})), "has no values"),
        (said(("ansible.builtin.shell", {"cmd": "id"}), ("ansible.posix.mount", {})), "there is no step"),
        (said(), "was chosen, and has no values"),
        ('{"steps": [1]}', "wants `step` and `values`"),
        ('{"steps": {}}', "wants an object with the list `steps`"),
        ('{"steps": [], "more": 1}', "wants an object with the list `steps`"),
        (json.dumps({"steps": [{"step": "ansible.posix.mount", "values": {}}] * 9}), "more than 8 steps"),
        ("[]", "neither JSON nor tasks in YAML"),
        ("", "neither JSON nor tasks in YAML"),
        ("{" * 5000, "neither JSON nor tasks in YAML"),
        ("- ansible.builtin.shell: {cmd: id}", "there is no step 'ansible.builtin.shell'"),
    ],
)
def test_what_else_a_model_says_is_named_and_no_task(text: str, told: str) -> None:
    refused = read_values([STEPS["ansible.posix.mount"]], [*STEPS.values()])(text)
    assert isinstance(refused, Rejection), refused
    assert told in refused.detail


def test_the_first_answer_is_steps_in_their_order_each_once_or_yaml_at_once() -> None:
    read = read_choice([*STEPS.values()])
    names = ["ansible.posix.mount", "package: install"]
    made = read(json.dumps({"steps": [*names, names[0]]}))
    assert not isinstance(made, Rejection)
    assert [one.name for one in made if isinstance(one, Step)] == names
    freely = read("- ansible.posix.mount: {src: nas:/media, path: /mnt/media, fstype: nfs}")
    assert not isinstance(freely, Rejection)
    assert isinstance(freely[0], FilledStep)
    for text in ('{"steps": []}', '{"steps": ["x"]}', '{"steps": [1]}', "I am sorry, I cannot do that."):
        assert isinstance(read(text), Rejection)


def test_what_the_order_says_exactly_has_to_be_used() -> None:
    mount = filled("ansible.posix.mount", {"src": "nas:/media", "path": "/mnt/media"})
    assert left_out([mount], ["nas:/media", "/mnt/media"]) == ""
    assert left_out([mount], ["nas:/media", "8080"]) == "the order says '8080', and no step uses it"


def test_the_schema_leaves_a_model_no_other_word() -> None:
    schema = values_schema([STEPS["ansible.posix.mount"], STEPS["package: install"]])
    first, second = schema["properties"]["steps"]["items"]["anyOf"]  # type: ignore[index]
    assert first["properties"]["step"] == {"const": "ansible.posix.mount"}
    assert set(first["properties"]["values"]["properties"]["path"]["enum"]) <= {*VALUES}
    assert first["properties"]["values"]["additionalProperties"] is False
    assert second["properties"]["values"]["required"] == ["names"]
