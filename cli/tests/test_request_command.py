"""`mend request` and `mend requests`: asked for in words, entered once, and told where it stands."""

from __future__ import annotations

import json

import pytest
import redis
from mend_rig import Mend

from mend.commands import request as command
from mend.requests.local_client import LocalRequestClient
from mesh_core.approvals.previews import FoundPreview
from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.models.previews import Preview
from mesh_core.models.proposals import Folder, Playbook, proposal_id
from mesh_core.models.requests import (
    OpenQuestion,
    Request,
    RequestedProposal,
    RequestReply,
    RequestState,
    RequestStatus,
)

ENTRY = "1767340800000-1"


def planned(mend: Mend, asked: Request, **changes: object) -> RequestStatus:
    """What a planner leaves of it."""
    status = RequestStatus(
        request=asked, entry=ENTRY, state=RequestState.FILED, updated_at="2026-01-02T08:00:00Z"
    ).model_copy(update=changes)
    folder = RequestFolder(mend.runtime)
    folder.prepare()
    folder.put(status)
    return status


def test_a_request_is_entered_whole_and_says_that_it_waits_where_no_planner_reads(
    mend_online: Mend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "PATIENCE_SECONDS", 0.0)
    said = mend_online(
        "request",
        "install nginx",
        "--host",
        "web01",
        "--host",
        "db",
        "--name",
        "front",
        "--limit",
        "db",
        "--extra-vars",
        '{"port": 80, "names": ["a", "b"]}',
        "--model",
        "lab",
        "--max-token",
        "64",
        "--temperature",
        "0",
    )
    assert said.exit_code == 0
    assert "waits: no planner has read it yet" in said.output
    waited = mend_online("request", "install nginx", "--host", "web01", "--wait", "--timeout", "1")
    assert waited.exit_code == 1, "it was to be followed to its end"
    piped = mend_online("request", "-", "--host", "web01", "--json", input="nginx 설치\n")
    with redis.Redis.from_url(mend_online.environ["REDIS_URL"]) as client:
        first, _, second = [json.loads(fields[b"p"]) for _, fields in client.xrange(Request.stream)]
    assert (first["text"], first["hosts"], first["name"]) == ("install nginx", ["web01", "db"], "front")
    assert (first["model"], first["max_tokens"], first["temperature"]) == ("lab", 64, 0)
    assert (first["limit"], first["extra_vars"]) == (["db"], {"port": 80, "names": ["a", "b"]})
    assert json.loads(piped.output) == {"id": second["id"], "state": None}
    assert second["text"] == "nginx 설치"


def test_what_cannot_be_asked_is_said_before_anything_is_sent(mend: Mend) -> None:
    asks = Request(id="req-0123456789ab", text="install", hosts=("web01",))
    planned(mend, asks, state=RequestState.ASKS, questions=(OpenQuestion(slot="names", text="Which package?"),))
    planned(mend, asks.model_copy(update={"id": "req-aaaaaaaaaaaa"}))
    (mend.runtime / "large").write_text("x" * 65_537)
    (mend.runtime / "picture").write_bytes(b"\x89PNG\xff\xfe")
    here = ("install nginx", "--host", "web01", "--file")
    front = ("install nginx", "--host", "web01", "--extra-vars")
    for words, code, told in (
        ((*front, "port=80"), 2, "--extra-vars wants a JSON object"),
        ((*front, '{"a b": 1}'), 2, "extra_vars.a b"),
        ((*front, '{"a": {"b": 1}}'), 2, "a wants a text, a number"),
        ((*front, '{"a": [["b"]]}'), 2, "a wants a text, a number"),
        ((*front, '{"a": "{{ x }}"}'), 2, "holds a template"),
        ((*here, "nowhere"), 2, "cannot be read"),
        ((*here, str(mend.runtime)), 2, "cannot be read"),
        ((*here, str(mend.runtime / "large")), 2, "larger than 65536 bytes"),
        ((*here, str(mend.runtime / "picture")), 2, "only text can come along"),
        ((), 2, "say once what should be"),
        (("install nginx",), 2, "on which host?"),
        (("install nginx", "--message", "install nginx", "--host", "web01"), 2, "say once"),
        (("  ", "--host", "web01"), 2, "says nothing"),
        (("x\0y", "--host", "web01"), 2, "control character"),
        (("x" * 200_000, "--host", "web01"), 2, "too large"),
        (("x" * 5000, "--host", "web01"), 2, "at most 4000 characters"),
        (("install nginx", "--host", "../etc"), 2, "hosts.0"),
        (("install nginx", "--host", "web01", "--name", "a/b"), 2, "name"),
        (("--answer", "names=nginx"), 2, "which request?"),
        (("--answer", "names=nginx", "req-ffffffffffff"), 3, "there is no request"),
        (("--answer", "names=nginx", "../req"), 3, "there is no request"),
        (("--answer", "nginx", asks.id), 2, "it asks for names=..."),
        (("--answer", "port=1", asks.id), 2, "it asks for names=..."),
        (("--answer", "names=x", "req-aaaaaaaaaaaa"), 3, "asks nothing: it is filed"),
    ):
        said = mend("request", *words)
        assert (said.exit_code, told in said.output) == (code, True), (words, said.output)


def test_each_state_has_its_words_and_its_exit_status(mend: Mend, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = mend.propose("front")
    filed = RequestedProposal(host="pi4", action_id=waits.id)
    question = OpenQuestion(slot="port", text="Which port?", choices=("80", "443"))
    states = (
        (0, {"proposals": (filed,)}, ("filed", waits.id, "pending", "next: mend show")),
        (4, {"state": "asks", "questions": (question,)}, ("asks", "Which port? (80, 443)", "--answer port=...")),
        (5, {"state": "refused", "reason": "its playbook may not run: no"}, ("refused", "may not run: no")),
    )
    for code, changes, words in states:

        def answered(client: LocalRequestClient, asked: Request | RequestReply, changes: object = changes) -> str:
            assert isinstance(asked, Request)
            assert isinstance(changes, dict)
            status = RequestStatus.model_validate(
                {"request": asked, "entry": ENTRY, "state": "filed", "updated_at": asked.ts, **changes}
            )
            planned(mend, asked, **dict(status))
            return asked.id

        monkeypatch.setattr(LocalRequestClient, "enter", answered)
        said = mend("request", "open the firewall", "--host", "pi4")
        assert (said.exit_code, [word for word in words if word not in said.output]) == (code, []), said.output
    rows = json.loads(mend("requests", "--json").output)
    assert {row["state"]: row["reason"] for row in rows}["refused"] == "its playbook may not run: no"
    assert [row["proposals"] for row in rows if row["state"] == "filed"] == [
        [{"host": "pi4", "action_id": waits.id, "folder": "pending"}]
    ]
    listed = mend("requests").output
    assert all(word in listed for word in ("filed", "asks", "refused", waits.id))


def test_all_that_waits_of_a_request_is_approved_at_once(mend: Mend) -> None:
    own_id = "req-0123456789ab"
    assert mend("approve").exit_code == 2
    assert mend("approve", "--request", own_id).exit_code == 3
    waits = [mend.propose("front"), mend.propose("back")]
    both = tuple(RequestedProposal(host="pi4", action_id=one.id) for one in waits)
    planned(mend, Request(id=own_id, text="install x", hosts=("pi4",)), proposals=both)
    said = mend("approve", "--request", own_id)
    assert (said.exit_code, said.output.count("approved plan-")) == (0, 2), said.output
    assert [mend.actions.place_of(one.id) for one in waits] == [Folder.APPROVED] * 2
    assert mend("approve", "--request", own_id).exit_code == 3, "nothing of it waits any more"


def test_a_proposal_that_is_gone_is_said_to_be(mend: Mend) -> None:
    gone = RequestedProposal(host="pi4", action_id=proposal_id("pi4/1-1", "pi4", "x"))
    planned(mend, Request(id="req-0123456789ab", text="install x", hosts=("pi4",)), proposals=(gone,))
    assert "gone" in mend("requests").output


def test_each_host_of_a_request_is_asked_what_would_change(mend: Mend) -> None:
    own_id = "req-0123456789ab"
    assert mend("preview").exit_code == 2
    assert mend("preview", "--request", own_id).exit_code == 3
    asks, told = mend.propose("front"), mend.propose("back", type="notify", action="notify")
    both = tuple(RequestedProposal(host=host, action_id=one.id) for host, one in (("pi4", asks), ("pi5", told)))
    planned(mend, Request(id=own_id, text="install x", hosts=("pi4", "pi5")), proposals=both)
    said = mend("preview", "--request", own_id, "--timeout", "1")
    assert (said.exit_code, "it lies in approved/; mend status tells" in said.output) == (1, True), said.output
    assert "runs nothing on a host" in said.output
    assert [one.proposal.preview_of and one.proposal.preview_of.id for one in mend.actions.filed(Folder.APPROVED)] == [
        asks.id
    ]


def test_a_request_is_previewed_before_anybody_approves_it(mend: Mend, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = mend.propose("front")

    def answered(client: LocalRequestClient, asked: Request | RequestReply) -> str:
        assert isinstance(asked, Request)
        planned(mend, asked, proposals=(RequestedProposal(host="pi4", action_id=waits.id),))
        return asked.id

    def previewed(client: LocalRequestClient, action_id: str) -> FoundPreview | None:
        (asked,) = mend.actions.filed(Folder.APPROVED)
        of = {"of": waits.id, "digest": mend.name_of(waits).digest, "playbook_sha256": "0" * 64, "node": "pi4"}
        word = Preview(action_id=asked.name.id, at=waits.created_at, sentence="1 of 1 tasks would change it", **of)
        return FoundPreview(asked.name.id, Folder.DONE, "ann", waits.created_at, said=word)

    monkeypatch.setattr(LocalRequestClient, "enter", answered)
    monkeypatch.setattr(LocalRequestClient, "preview", previewed)
    said = mend("request", "install x", "--host", "pi4", "--preview")
    assert (said.exit_code, "1 of 1 tasks would change it" in said.output) == (0, True), said.output
    assert "===== Generated Playbook (preview) =====" in said.output
    assert mend.actions.place_of(waits.id) is Folder.PENDING, "it waits for a yes as before"
    (asked,) = mend.actions.filed(Folder.APPROVED)
    mend.actions.claim(asked.name)
    row = json.loads(mend("request", "install x", "--host", "pi4", "--preview", "--json").output)
    assert row["previews"]["pi4"]["preview"]["sentence"] == "1 of 1 tasks would change it"


def test_the_options_beside_the_words_are_fields_of_what_is_entered(
    mend_online: Mend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "PATIENCE_SECONDS", 0.0)
    inventory = mend_online.runtime / "hosts.ini"
    inventory.write_text("[front]\nweb02 ansible_user=rocky ansible_port=2222\n[back]\ndb01\n")
    words = ["request", "install htop", "--host", "web01", "--layout", "role", "--role-name", "front_end"]
    words += ["--role-hosts", "web01,front", "--tags", "package,service", "--verify", "none", "--user", "deploy"]
    words += ["--ssh-key", "lab", "--inventory-file", str(inventory), "--limit", "front"]
    said = mend_online(*words)
    assert said.exit_code == 0, said.output
    for listed in (f"@{inventory}", str(inventory), "[front]\\nweb02 ansible_user=rocky\\n[back]\\ndb01", "web02,db01"):
        more = mend_online("request", "install htop", "--inventory", listed)
        assert more.exit_code == 0, more.output
    with redis.Redis.from_url(mend_online.environ["REDIS_URL"]) as client:
        whole, *others = (json.loads(fields[b"p"]) for _, fields in client.xrange(Request.stream))
    wanted = {"layout": "role", "role_name": "front_end", "role_hosts": ["web01", "web02"], "verify": "none"}
    wanted |= {"tags": ["package", "service"], "user": "deploy", "ssh_key": "lab", "limit": ["web02"]}
    wanted |= {"hosts": ["web01", "web02", "db01"], "logins": {"web02": {"user": "rocky", "port": 2222}}}
    assert {name: whole[name] for name in wanted} == wanted
    assert [other["hosts"] for other in others] == [["web02", "db01"]] * 4


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--inventory", "web01,web01"), "--inventory: web01 is there twice"),
        (("--inventory", "[web]\\nn1 ansible_connection=local"), "ansible_connection of n1"),
        (("--inventory", "@/nowhere/hosts"), "--inventory /nowhere/hosts: cannot be read"),
        (("--inventory", "a", "--inventory-file", "b"), "say the same; give one of them"),
        (("--host", "a", "--ssh-key", "/srv/keys/id_rsa"), "ssh_key: wants the name of a key"),
        (("--host", "a", "--role-name", "x"), "belong to layout: role"),
        (("--host", "a", "--verify", "maybe"), "Invalid value for '--verify'"),
    ],
)
def test_an_option_that_does_not_fit_is_named_and_nothing_is_asked(
    mend_online: Mend, options: tuple[str, ...], told: str
) -> None:
    said = mend_online("request", "install htop", *options)
    assert said.exit_code == 2
    assert told in " ".join(said.output.split())
    with redis.Redis.from_url(mend_online.environ["REDIS_URL"]) as client:
        assert not client.exists(Request.stream)


def test_of_a_request_that_was_only_checked_its_playbook_is_said(
    mend_online: Mend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checked(self: LocalRequestClient, asked: Request | RequestReply) -> str:
        assert isinstance(asked, Request)
        role = {"name": "webapp", "files": [{"path": "tasks/main.yml", "sha256": "0" * 64, "text": "- ping: {}\n"}]}
        book = Playbook.model_validate({"name": "p", "sha256": "0" * 64, "text": "---\n- hosts: web01\n", "role": role})
        planned(mend_online, asked, state=RequestState.CHECKED, playbook=book)
        return asked.id

    monkeypatch.setattr(LocalRequestClient, "enter", checked)
    said = mend_online("request", "install htop", "--host", "web01", "--verify", "syntax", "--layout", "role")
    assert said.exit_code == 0, said.output
    assert "(preview) =====\n---\n- hosts: web01\n# roles/webapp/tasks/main.yml\n- ping: {}\n========" in said.output
    assert "checked" in said.output
