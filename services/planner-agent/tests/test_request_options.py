"""What a request wants beside its words: layout, tags, login, how far it is proven. Each ends in a proposal."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from request_rig import Requests

from mesh_core.messaging.syntax_questions import put_answer
from mesh_core.models.proposals import Playbook
from mesh_core.models.requests import Request, RequestState
from mesh_core.models.run_options import SshLogin
from mesh_core.models.syntax_check import SyntaxAnswer, SyntaxQuestion
from mesh_core.policy.current_config import ConfigSnapshot
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.policy import Policy
from mesh_core.testing import wait_for
from planner_agent.requests.drafting import Drafted, Refused, drafted
from planner_agent.requests.filing import NOBODY_CHECKS

INVENTORY = Inventory.parse(
    b"all: {hosts: {db01: {}, here: {ansible_connection: local}}, children: {web: {hosts: {web01: {}, web02: {}}}}}"
)
CONFIG = ConfigSnapshot(INVENTORY, Policy.from_text("requests: {users: [rocky, deploy]}"))
TEXT = "install htop and enable the service htop"
FILES = ({"name": "index.html", "text": "<p>hello</p>\n"}, {"name": "motd.j2", "text": "{{ greeting }}\n"})
WITH_FILES = "copy index.html to /srv/index.html, then render motd.j2 to /srv/motd"


def made(text: str = TEXT, hosts: tuple[str, ...] = ("web01",), **more: Any) -> dict[str, Playbook]:
    draft = drafted(Request(id="req-0123456789ab", text=text, hosts=hosts, **more), {}, CONFIG)
    assert isinstance(draft, Drafted), draft
    return dict(draft.playbooks)


def risk(**more: Any) -> str:
    draft = drafted(Request(id="req-0123456789ab", text="install htop", hosts=("web",), **more), {}, CONFIG)
    assert isinstance(draft, Drafted), draft
    return draft.risk


def why(hosts: tuple[str, ...] = ("web01",), **more: Any) -> str:
    draft = drafted(Request(id="req-0123456789ab", text=TEXT, hosts=hosts, **more), {}, CONFIG)
    assert isinstance(draft, Refused), draft
    return draft.reason


def test_a_role_is_site_yml_and_its_tasks_with_its_files_and_templates() -> None:
    more = {"layout": "role", "files": FILES, "extra_vars": {"greeting": "hi"}, "name": "page"}
    books = made(WITH_FILES, ("web",), **more)
    book = books["web01"]
    assert book.role
    assert yaml.safe_load(book.text) == [
        {
            "name": "Asked for: page",
            "hosts": "web01",
            "gather_facts": False,
            "vars": {"greeting": "hi"},
            "roles": ["webapp"],
        }
    ]
    (file,) = book.role.files
    copied, filled = yaml.safe_load(file.text)
    shas = [hashlib.sha256(one["text"].encode()).hexdigest() for one in FILES]
    assert copied["ansible.builtin.copy"]["src"] == f"files/{shas[0]}"
    assert filled["ansible.builtin.template"]["src"] == f"templates/{shas[1]}"
    assert file.sha256 == hashlib.sha256(file.text.encode()).hexdigest()
    assert books["web02"].role == book.role, "they differ in nothing but hosts"
    named = made(layout="role", role_name="front_end", role_hosts=("web02", "db01"), hosts=("web", "db01"))
    assert [*named] == ["web02", "db01"]
    assert named["web02"].role
    assert named["web02"].role.name == "front_end"
    assert [*made(layout="role", role_hosts=("all",), hosts=("web",))] == ["web01", "web02"]
    assert made()["web01"].role is None


def test_tags_stay_on_the_tasks_that_have_them_and_the_others_are_not_there() -> None:
    (play,) = yaml.safe_load(made(tags=("service",))["web01"].text)
    assert [(task["tags"], "ansible.builtin.package" in task) for task in play["tasks"]] == [(["service"], False)]
    (play,) = yaml.safe_load(made(tags=("service", "package"))["web01"].text)
    assert [task["tags"] for task in play["tasks"]] == [["package"], ["service"]]
    (play,) = yaml.safe_load(made()["web01"].text)
    assert not any("tags" in task for task in play["tasks"])
    assert why(tags=("nginx",)) == "no task of it has the tag nginx; there are: package, service"


def test_a_login_is_that_of_the_host_before_that_of_all_and_guarded() -> None:
    logins = {"web01": SshLogin(user="deploy", port=2222)}
    books = made(hosts=("web",), user="rocky", ssh_key="lab", logins=logins)
    assert books["web01"].login == SshLogin(user="deploy", port=2222, key="lab")
    assert books["web02"].login == SshLogin(user="rocky", key="lab")
    assert made(hosts=("web",), logins={"web": SshLogin(user="rocky")})["web02"].login == SshLogin(user="rocky")
    assert made()["web01"].login is None
    assert (risk(), risk(ssh_key="lab"), risk(logins=logins)) == ("low", "guarded", "guarded")
    assert why(user="root").startswith("it would log in as root, and config/policy.yml lets only deploy, rocky")
    assert "without a user" in why(logins={"web01": SshLogin(port=2222)})
    assert "here is reached by local" in why(("here",), ssh_key="lab")
    assert "db9 is not in config/inventory.yml" in why(logins={"db9": SshLogin(user="rocky")})


def test_without_a_proof_the_playbook_says_so() -> None:
    assert made(verify="none")["web01"].verify == "none"
    assert '"verify"' not in made(verify="all")["web01"].model_dump_json()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"role_name": "x"}, "belong to layout: role"),
        ({"role_hosts": ["web"]}, "belong to layout: role"),
        ({"layout": "role", "role_name": "../x"}, "role_name"),
        ({"layout": "roles"}, "layout"),
        ({"verify": "maybe"}, "verify"),
        ({"user": "-oProxyCommand=x"}, "user"),
        ({"ssh_key": "/root/.ssh/id_rsa"}, "ssh_key"),
        ({"ssh_key": "../id_rsa"}, "ssh_key"),
        ({"tags": ["a b"]}, "tags"),
        ({"logins": {"web01": {"connection": "local"}}}, "connection"),
        ({"logins": {"web01": {}}}, "says nothing"),
        ({"logins": {"web01": {"user": "rocky", "port": 70000}}}, "port"),
    ],
)
def test_what_is_no_option_is_no_request(said: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Request.model_validate({"id": "req-0123456789ab", "text": TEXT, "hosts": ["web01"], **said})


async def test_a_request_for_its_syntax_files_nothing_and_keeps_the_playbook(requests: Requests) -> None:
    """The executor is a twin here."""
    requests.syntax_seconds = 15.0
    await requests.start()
    await requests.say(text="install htop", hosts=["web"], verify="syntax", layout="role")

    async def asked() -> bool:
        return len(await requests.stream(SyntaxQuestion.stream)) == 1

    await wait_for(asked, 20, "an executor is asked")
    (question,) = await requests.stream(SyntaxQuestion.stream)
    await put_answer(requests.bus, SyntaxQuestion.model_validate(question), SyntaxAnswer())
    (status,) = await requests.known()
    assert (status.state, status.proposals, status.recipes) == (RequestState.CHECKED, (), ("package",))
    assert (status.syntax_checked, status.playbook) == (True, SyntaxQuestion.model_validate(question).playbook)
    assert status.playbook
    assert status.playbook.role
    assert "hosts: web01" in status.playbook.text
    assert requests.actions.pending() == ()
    (told,) = await requests.told(1)
    assert (told["state"], told["proposals"]) == ("checked", [])


async def test_where_no_executor_answers_nothing_is_called_checked(requests: Requests) -> None:
    await requests.start()
    await requests.say(text="install htop", hosts=["web"], verify="syntax")
    (status,) = await requests.known()
    assert (status.state, status.reason, status.proposals) == (RequestState.REFUSED, NOBODY_CHECKS, ())
