"""Tasks out of YAML that models write: what stands around is taken off, and what says more than a task is refused."""

from __future__ import annotations

import pytest

from mesh_core.models.strict_json import Refusal
from planner_agent.requests.writing.free_yaml import MAX_CHARACTERS, tasks_in

ZONE = "- community.general.timezone: {name: Europe/Warsaw}"
WANTED = (("community.general.timezone", {"name": "Europe/Warsaw"}),)
PLAY = "- name: zone\n  hosts: all\n  become: true\n  gather_facts: no\n  tasks:\n    - name: zone\n      community.general.timezone:\n        name: Europe/Warsaw\n"  # noqa: E501


@pytest.mark.parametrize(
    "text",
    [
        ZONE,
        PLAY,
        f"---\n{PLAY}",
        f"---\n{PLAY}...\n",
        f"```yaml\n{PLAY}```",
        f"```\n{PLAY}```",
        f"~~~yml\n{PLAY}~~~",
        f"Sure, here it is:\n\n```yaml\n{PLAY}```\n\nIt sets the zone. Let me know!",
        f"First the idea:\n```\n```\nThen:\n```yaml\n{PLAY}```",
        f"   ```yaml\n{PLAY}   ```",
        f"Here is the playbook:\n{PLAY}\nI hope this helps.",
        f"Here you are.\n\n{ZONE}\n\nThat is all!",
        PLAY.replace("\n", "\r\n"),
        PLAY.replace("\n", "\r"),
        f"\ufeff{PLAY}",
        f"\u200b{PLAY}",
        PLAY.replace("    ", "\t  "),
        PLAY.replace(" ", "\u00a0"),
        PLAY.replace("name: Europe/Warsaw", "name: “Europe/Warsaw”"),
        PLAY.replace("name: Europe/Warsaw", "name: ‘Europe/Warsaw’"),
        PLAY.replace("- name", "– name", 1),
        "hosts: all\ntasks:\n  - community.general.timezone: {name: Europe/Warsaw}",
        "tasks:\n  - community.general.timezone:\n      name: Europe/Warsaw\n",
        "\n".join(f"    {line}" for line in PLAY.splitlines()),
        f"- name: nothing\n  hosts: all\n  tasks: []\n---\n{PLAY}",
    ],
)
def test_what_stands_around_the_yaml_is_taken_off(text: str) -> None:
    assert tasks_in(text) == WANTED


def test_several_documents_and_fences_are_read_in_their_order_and_short_names_are_ansibles_own() -> None:
    second = "- hostname: {name: kitchen}"
    both = (*WANTED, ("ansible.builtin.hostname", {"name": "kitchen"}))
    assert tasks_in(f"{ZONE}\n---\n{second}") == both
    assert tasks_in(f"```yaml\n{ZONE}\n```\nand\n```yaml\n{second}\n```") == both
    assert tasks_in("- ping:") == (("ansible.builtin.ping", {}),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it holds no tasks"),
        ("I cannot do this.", "it holds no tasks"),
        ("```yaml\n```", "it holds no tasks"),
        ("- hosts: all\n  tasks: []", "it holds no tasks"),
        ("- hosts: all\n  vars: {x: 1}\n  tasks: []", "its play says vars"),
        ("- hosts: all\n  roles: [x]\n  tasks: []", "its play says roles"),
        ("- hosts: all\n  become_user: root\n  tasks: []", "its play says become_user"),
        (f"{ZONE}\n  when: x", "a task says community.general.timezone, when"),
        (f"{ZONE}\n  delegate_to: localhost", "delegate_to"),
        (f"{ZONE}\n  loop: [a]", "loop"),
        ("- name: nothing", "a task says nothing"),
        ("- block: [{ping: {}}]", "are no mapping"),
        ("- apt: name=nginx state=present", "the arguments of apt are no mapping"),
        ("- hosts: all\n  tasks: ping", "its tasks are no list"),
        ("- a: &x {b: 1}\n- c: *x", "an alias"),
        ("- a: !!python/object:x {}", "the tag"),
        ("- a: {b: 1, b: 2}", "said twice"),
        ("- a: [", "not plain YAML"),
        ("- " * 200, "nested"),
        ("x" * (MAX_CHARACTERS + 1), "are the limit"),
    ],
)
def test_what_says_more_than_tasks_or_nothing_is_refused_with_the_reason(text: str, told: str) -> None:
    refused = tasks_in(text)
    assert isinstance(refused, Refusal), refused
    assert told in refused.reason
