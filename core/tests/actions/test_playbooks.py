"""Playbooks are data made of names; text of events and models never becomes part of one."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from action_rig import COMPOSE, EVIL, a_proposal
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_core.actions.containers import compose_of
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.actions.register import action_type, playbook_for
from mesh_core.models.proposals import Proposal
from mesh_core.models.yaml_loader import SafeLoader
from mesh_core.policy.playbook_lint import OURS, lint_text
from mesh_core.policy.playbook_lint.table import table


def read(text: str) -> list[dict[str, Any]]:
    class Reader(SafeLoader):  # type: ignore[misc]
        pass

    Reader.add_constructor("!unsafe", lambda loader, node: str(node.value))
    plays: list[dict[str, Any]] = yaml.load(text, Loader=Reader)
    return plays


def modules(text: str) -> list[str]:
    return [key for play in read(text) for task in play["tasks"] for key in task if "." in key]


ALL = [
    a_proposal("container_restart"),
    a_proposal("container_restart", "shop.web", COMPOSE),
    a_proposal("service_restart", "nginx", {"runtime": "systemd"}),
    a_proposal("service_restart", "nginx", {"runtime": "supervisor"}),
    a_proposal("redeploy", "shop.web", COMPOSE),
    a_proposal("container_restart", "shop.web", {**COMPOSE, "container": "shop-web.2"}),
    a_proposal("container_restart", "shop.web", {**COMPOSE, "containers": ["shop-web-1", "shop-web.2"]}),
    a_proposal("container_restart", "shop.web", {"runtime": "docker"}),
    a_proposal("container_restart", "vpn", {"in_its_network": ["torrent"], "labels": {"mendmesh.stop-timeout": "40"}}),
]


@pytest.mark.parametrize("proposal", ALL, ids=lambda p: f"{p.type}-{p.event.payload.get('runtime', '')}")
def test_each_play_is_for_the_one_node_gathers_nothing_and_only_apply_changes_things(proposal: Proposal) -> None:
    plays = playbook_for(proposal)
    for text in (plays.apply, plays.look, plays.converge):
        (play,) = read(text)
        assert play["hosts"] == "n1"
        assert play["gather_facts"] is False
        assert EVIL not in text
        assert set(play) == {"name", "hosts", "gather_facts", "vars", "tasks"}
    for text in (plays.look, plays.converge):
        assert "restart: true" not in text
        assert "state: restarted" not in text
        assert "recreate: always" not in text
    assert not any(name.endswith(("docker_container", "systemd_service", "compose_v2")) for name in modules(plays.look))
    assert playbook_for(proposal) == plays  # the same proposal is always the same bytes


@pytest.mark.parametrize("proposal", ALL, ids=lambda p: f"{p.type}-{p.event.payload.get('runtime', '')}")
def test_what_we_generate_passes_the_judge_of_peoples_own_playbooks(proposal: Proposal) -> None:
    plays = playbook_for(proposal)
    for text in (plays.apply, plays.look, plays.converge):
        assert lint_text(text, "n1", widened=OURS, keywords=table().our_keywords).problems == (), text


def test_a_playbook_without_attachments_is_written_as_it_was_before_there_were_any() -> None:
    proposal = a_proposal("playbook", text="x")
    assert b"attachments" not in proposal.wire()
    assert Proposal.model_validate_json(proposal.wire()) == proposal


def test_a_container_is_found_by_its_name_and_never_made_anew() -> None:
    plays = playbook_for(ALL[0])
    (restart,) = [t for t in read(plays.apply)[0]["tasks"] if "community.docker.docker_container" in t]
    options = restart["community.docker.docker_container"]
    assert options["comparisons"] == {"*": "ignore"}
    assert options["recreate"] is False
    assert options["pull"] == "never"
    assert "image" not in options
    assert "mend_container: !unsafe 'web'" in plays.apply


def test_a_compose_service_is_found_by_its_labels() -> None:
    apply = playbook_for(ALL[1]).apply
    assert "com.docker.compose.project={{ mend_project }}" in apply
    assert "mend_project: !unsafe 'shop'" in apply
    assert "mend_compose_service: !unsafe 'web'" in apply


def test_of_several_replicas_the_one_that_the_event_names_is_found_and_only_among_its_service() -> None:
    plays = playbook_for(ALL[5])
    for text in (plays.apply, plays.look, plays.converge):
        (find,) = [t for t in read(text)[0]["tasks"] if "community.docker.docker_host_info" in t]
        filters = find["community.docker.docker_host_info"]["containers_filters"]
        assert filters["name"] == ["{{ mend_named }}"]
        assert len(filters["label"]) == 2
        assert read(text)[0]["vars"]["mend_named"] == r"^/?shop\-web\.2$"


def test_who_types_the_name_of_a_compose_service_means_a_container_called_so_or_else_its_service() -> None:
    typed = a_proposal("container_restart", "shop.web", {"runtime": "docker"})
    plays = playbook_for(typed)
    for text in (plays.apply, plays.look, plays.converge):
        assert "mend_container: !unsafe 'shop.web'" in text
        assert "named.exists" in text
        assert read(text)[0]["vars"]["mend_project"] == "shop"
    action = action_type("container_restart")
    assert "if none is called so, every one of the service web of the compose project shop" in action.touches(typed)
    assert action.is_wide(typed)
    for service in ("web", "Shop.web", "shop."):
        assert "mend_project" not in playbook_for(a_proposal("container_restart", service, {"runtime": "docker"})).apply


@pytest.mark.parametrize("container", [EVIL, "", "a b", ["x"], None, "x\n"])
def test_a_container_that_is_no_name_names_none(container: object) -> None:
    proposal = a_proposal("container_restart", "shop.web", {**COMPOSE, "container": container})
    assert "mend_named" not in playbook_for(proposal).apply


def test_a_name_beside_a_service_that_is_no_compose_service_counts_for_nothing() -> None:
    other = a_proposal("container_restart", "web", {"runtime": "docker", "container": "db"})
    assert playbook_for(other) == playbook_for(a_proposal("container_restart", "web", {"runtime": "docker"}))


@pytest.mark.parametrize(
    ("service", "compose"),
    [
        ("web", {"project": "shop", "service": "web"}),  # the event's service is another one
        ("shop.web", {"project": "sh", "service": "op.web"}),
        ("shop.web", {"project": "shop"}),
        ("shop.web", {"project": ["shop"], "service": "web"}),
        ("shop.web", "shop.web"),
        ("shop.web", {"project": "shop\n", "service": "web"}),
        ("Shop.web", {"project": "Shop", "service": "web"}),
    ],
)
def test_a_compose_identity_that_does_not_match_the_service_is_not_believed(service: str, compose: object) -> None:
    proposal = a_proposal("container_restart", service, {"compose": compose})
    assert compose_of(proposal.event) is None
    assert "labels" not in playbook_for(proposal).apply


def test_a_redeploy_takes_its_folder_from_the_inventory_and_touches_one_service() -> None:
    apply = playbook_for(ALL[4]).apply
    (task,) = [t for t in read(apply)[0]["tasks"] if "community.docker.docker_compose_v2" in t]
    options = task["community.docker.docker_compose_v2"]
    assert options["project_src"] == "{{ mend_compose_dirs[mend_project] }}"
    assert options["services"] == ["{{ mend_compose_service }}"]
    assert options["dependencies"] is False


def test_a_redeploy_finds_its_project_in_the_engines_labels_or_else_in_the_inventory() -> None:
    labels = {"com.docker.compose.project": "shop"}
    by_label = playbook_for(a_proposal("redeploy", "web", {"Actor": {"Attributes": labels}})).apply
    assert "mend_project: !unsafe 'shop'" in by_label
    unknown = playbook_for(a_proposal("redeploy", "web")).apply
    assert "mend_compose_projects | default({})" in unknown
    assert "mend_compose_projects {web: PROJECT}" in " ".join(unknown.split())
    foreign = {"Actor": {"Attributes": {**labels, "com.docker.compose.service": "db"}}}
    assert "!unsafe 'db'" not in playbook_for(a_proposal("redeploy", "web", foreign)).apply


def test_commands_are_argument_lists_and_a_name_cannot_be_an_option() -> None:
    for proposal in ALL:
        plays = playbook_for(proposal)
        for text in (plays.apply, plays.look, plays.converge):
            for play in read(text):
                for task in play["tasks"]:
                    if command := task.get("ansible.builtin.command"):
                        assert set(command) == {"argv"}
                    assert "ansible.builtin.shell" not in task


@pytest.mark.parametrize("name", ["-H root@evil", EVIL, "web\n", "a b", "", "web;id", "../x", "all", "-x"])
def test_a_hostile_name_never_reaches_a_playbook(name: str) -> None:
    good = ALL[2]
    as_node = good.model_copy(update={"node": name, "event": good.event.model_copy(update={"node": name})})
    with pytest.raises(ValueError):
        playbook_for(as_node)
    if name != "all":
        as_service = good.model_copy(update={"service": name, "event": good.event.model_copy(update={"service": name})})
        with pytest.raises(ValueError):
            playbook_for(as_service)


def test_a_proposal_that_names_another_service_than_its_event_gets_no_playbook() -> None:
    with pytest.raises(ValueError, match="than its own event"):
        playbook_for(ALL[0].model_copy(update={"service": "other"}))


def test_what_cannot_be_done_honestly_is_a_sentence() -> None:
    with pytest.raises(ValueError, match="whole node"):
        playbook_for(a_proposal("container_restart", None))
    with pytest.raises(ValueError, match=r"payload\.runtime"):
        playbook_for(a_proposal("service_restart", "x", {"runtime": "docker"}))
    with pytest.raises(ValueError, match="carries no playbook"):
        playbook_for(a_proposal("playbook"))


def test_a_notification_has_no_playbook_and_a_reviewed_one_is_passed_on_byte_for_byte() -> None:
    assert playbook_for(a_proposal("notify", None)) == PlaybookSet("", "", "")
    text = "- hosts: n1\r\n  tasks: []   # ünïcode\n"
    under_its_name = {"b.yml": text}  # for who takes it out of the bundle
    assert playbook_for(a_proposal("playbook", text=text)) == PlaybookSet(text, "", "", files=under_its_name)


@pytest.mark.slow
@settings(max_examples=2 * settings.default.max_examples)
@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}", fullmatch=True))
def test_any_good_name_comes_out_of_the_yaml_as_it_went_in(name: str) -> None:
    for proposal in (
        a_proposal("container_restart", name),
        a_proposal("service_restart", name, {"runtime": "systemd"}),
    ):
        (play,) = read(playbook_for(proposal).apply)
        assert name in play["vars"].values()
        assert all(isinstance(value, str) for value in play["vars"].values())


def restarts(apply: str) -> list[dict[str, Any]]:
    tasks = read(apply)[0]["tasks"]
    return [task["community.docker.docker_container"] for task in tasks if "community.docker.docker_container" in task]


def test_the_seconds_to_stop_are_those_of_the_label_or_else_those_of_the_container_itself() -> None:
    labelled = {"labels": {"mendmesh.stop-timeout": "40"}}
    (options,) = restarts(playbook_for(a_proposal("container_restart", "db", labelled)).apply)
    assert options["stop_timeout"] == 40
    (options,) = restarts(playbook_for(a_proposal("container_restart", "db")).apply)
    assert "mend_settings.StopTimeout" in options["stop_timeout"]
    anew = playbook_for(a_proposal("redeploy", "shop.web", {**COMPOSE, **labelled})).apply
    (task,) = [t for t in read(anew)[0]["tasks"] if "community.docker.docker_compose_v2" in t]
    assert task["community.docker.docker_compose_v2"]["timeout"] == 40
    assert "timeout" not in playbook_for(ALL[4]).apply


def test_of_several_named_replicas_only_those_are_found_and_no_stopped_one() -> None:
    (play,) = read(playbook_for(ALL[6]).apply)
    assert play["vars"]["mend_named"] == r"^/?(shop\-web\-1|shop\-web\.2)$"
    find = play["tasks"][0]["community.docker.docker_host_info"]["containers_filters"]
    assert (len(find["label"]), find["name"]) == (2, ["{{ mend_named }}"])


def test_what_lives_in_its_network_is_what_the_engine_says_of_those_that_the_card_names() -> None:
    plays = playbook_for(ALL[8])
    for text in (plays.apply, plays.look, plays.converge):
        (play,) = read(text)
        assert play["vars"]["mend_beside"] == "^/?torrent$"
        assert "HostConfig.NetworkMode" in text
    assert playbook_for(a_proposal("container_restart", "vpn", {"in_its_network": [EVIL]})) == playbook_for(
        a_proposal("container_restart", "vpn")
    )
