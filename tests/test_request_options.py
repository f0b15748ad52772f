"""Every option of a request, over real ssh to two hosts: what is asked is what is approved, and that is what runs.

Both are an sshd of ours on this machine. The second lets nobody in but with a key of its own, and the inventory says
all of its login wrong: whoever gets in there was let in by what the request says.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from parts.forked_mend import run_mend
from parts.nodes import SshNode, local_sshd
from parts.planning import mend, outcome_of, planner_and_executor, waiting

from mesh_core.testing import RedisServer, until, wait_for

PAGE, MOTD = "<p>오늘 점검 중</p>\n", "welcome to {{ place }}\n"


@dataclass(frozen=True)
class Asking:
    """A mesh with two hosts; `base` is where on both of them a test's files may be written, by whoever logs in, and
    `earlier` how often somebody had got in on the second host before it."""

    environment: Mapping[str, str]
    actions: Path
    folder: Path
    base: str
    far: SshNode
    earlier: int = 0

    def request(self, *words: str, code: int | None = 0) -> dict[str, Any]:
        """Where the request stands once a planner has read it; `code` None: however it ends."""
        done = run_mend(self.environment, "request", *words, "--json")
        row: dict[str, Any] = json.loads(done.stdout or "{}")
        assert row, done.stderr
        if row["state"]:
            assert code in (None, done.returncode), row

        def is_read() -> bool:
            row.update(next((one for one in self.requests() if one["id"] == row["id"]), {}))
            return row["state"] is not None

        until(is_read, 180, "a planner has read it, which takes longer than mend waits on a busy machine")
        return row

    def requests(self) -> list[dict[str, Any]]:
        return list(json.loads(mend(self.environment, "requests", "--json")))

    def proposal(self, host: str) -> tuple[Path, dict[str, Any]]:
        return next((file, proposal) for file, proposal in waiting(self.actions) if proposal["node"] == host)

    async def approve(self, host: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The proposal of that host and how its run ended."""
        file, proposal = self.proposal(host)
        file.rename(self.actions / "approved" / file.name)
        return proposal, await outcome_of(self.actions, proposal["id"])

    def bundle(self, action_id: str) -> dict[str, bytes]:
        (path,) = self.actions.glob(f"*/{action_id}/bundle.zip")
        with zipfile.ZipFile(path) as packed:
            return {name: packed.read(name) for name in packed.namelist()}

    def there(self, name: str) -> bool:
        return Path(self.base, name).exists()

    def logins(self) -> int:
        """How often somebody got in on the second host since."""
        return (self.folder / "far" / "log").read_text().count("Accepted publickey") - self.earlier


@pytest.fixture(scope="module")
def mesh_of_all(ssh_node: SshNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    folder = tmp_path_factory.mktemp("asking")
    (folder / "far").mkdir()
    redis = RedisServer(folder / "redis").start()
    with local_sshd(folder / "far") as far:
        _lay_keys(folder / "mesh" / "secrets" / "executor-agent" / "keys", far.key)
        wrong = {"ansible_ssh_user": "nobody-there", "ansible_port": 1, "ansible_ssh_private_key_file": "/nowhere"}
        hosts = {"web01": ssh_node.inventory_vars, "web02": {**far.inventory_vars, **wrong}}
        policy = json.dumps({"requests": {"users": [far.user]}})
        # An empty list of callbacks ends Ansible, and one that nobody has does so, too: neither gets as far as that.
        callbacks = {"ANSIBLE_CALLBACKS_ENABLED": "", "ANSIBLE_STDOUT_CALLBACK": "nobodys"}
        with planner_and_executor(folder, redis.url, hosts=hosts, policy=policy, **callbacks) as environment:
            (folder / "index.html").write_text(PAGE)
            (folder / "motd.j2").write_text(MOTD)
            state = folder / "mesh" / "state"
            lives = [state / f"{service}.heartbeat" for service in ("planner-agent", "executor-agent")]
            until(lambda: all(file.exists() for file in lives), 120, "a planner and an executor")
            yield Asking(environment, folder / "mesh" / "actions", folder, "", far)
    redis.kill()


@pytest.fixture
def mesh(mesh_of_all: Asking, tmp_path: Path) -> Iterator[Asking]:
    """The mesh of all tests: nothing waits in it, and this one's files are its own."""
    (tmp_path / "www").mkdir()
    yield replace(mesh_of_all, base=str(tmp_path / "www"), earlier=mesh_of_all.logins())
    for file, _ in waiting(mesh_of_all.actions):
        with suppress(FileNotFoundError):  # its planner takes it back
            file.rename(mesh_of_all.actions / "rejected" / file.name)


def _lay_keys(keys: Path, key: Path) -> None:
    keys.mkdir(parents=True)
    keys.chmod(0o700)
    for name, mode in (("lab", 0o400), ("open", 0o644)):
        (keys / name).write_bytes(key.read_bytes())
        (keys / name).chmod(mode)
    (keys / "linked").symlink_to(keys / "lab")


def with_files(mesh: Asking) -> tuple[str, ...]:
    text = f"copy index.html to {mesh.base}/index.html, then render motd.j2 to {mesh.base}/motd"
    files = ("--file", str(mesh.folder / "index.html"), "--file", str(mesh.folder / "motd.j2"))
    return text, *files, "--extra-vars", '{"place": "the lab"}'


async def test_a_role_for_two_hosts_of_an_inventory_that_came_along_each_with_its_own_login(mesh: Asking) -> None:
    inventory = f"[front]\\nweb01\\n[back]\\nweb02 ansible_user={mesh.far.user} ansible_port={mesh.far.port}"
    row = mesh.request(
        *with_files(mesh), "--inventory", inventory, "--layout", "role", "--role-name", "front_end", "--role-hosts",
        "front,back", "--limit", "back,front", "--name", "page", "--ssh-key", "lab", "--verify", "all",
    )  # fmt: skip
    assert (row["state"], [one["host"] for one in row["proposals"]]) == ("filed", ["web01", "web02"])
    _, far = mesh.proposal("web02")
    assert far["risk_level"] == "guarded"
    assert far["playbook"]["login"] == {"user": mesh.far.user, "port": mesh.far.port, "key": "lab"}
    card = mend(mesh.environment, "show", far["id"])
    assert (
        f"it logs in as {mesh.far.user} on port {mesh.far.port} with the key lab, whatever the inventory says" in card
    )
    assert "with tasks/main.yml of its role front_end" in card

    proposal, outcome = await mesh.approve("web02")
    assert (outcome["result"], outcome["verdict"]) == ("done", "proven"), outcome
    assert [(stage["name"], stage["changed"]) for stage in outcome["stages"]][:3] == [
        ("syntax", 0),
        ("apply", 2),
        ("check_idempotency", 0),
    ]
    assert (mesh.logins() > 0, Path(mesh.base, "index.html").read_text()) == (True, PAGE)
    assert Path(mesh.base, "motd").read_text() == "welcome to the lab\n"
    bundle = mesh.bundle(proposal["id"])
    role = "project/roles/front_end"
    sha256 = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in (("page", PAGE), ("motd", MOTD))}
    assert {
        "proposal.json",
        "outcome.json",
        "intent.json",
        "project/apply.yml",
        "project/site.yml",
        f"{role}/tasks/main.yml",
        f"{role}/files/{sha256['page']}",
        f"{role}/templates/{sha256['motd']}",
        "inventory/inventory.yml",
        "logs/01_syntax.log",
        "logs/02_apply.log",
        "logs/03_check_idempotency.log",
    } <= bundle.keys()
    assert bundle["project/site.yml"] == bundle["project/apply.yml"] == proposal["playbook"]["text"].encode()
    assert yaml.safe_load(bundle["project/site.yml"])[0]["roles"] == ["front_end"]
    assert bundle[f"{role}/templates/{sha256['motd']}"].decode() == MOTD
    assert json.loads(bundle["outcome.json"])["digest"] == outcome["digest"]
    private = mesh.far.key.read_text().splitlines()[1]
    assert not any(private in text.decode("utf-8", "replace") for text in bundle.values())


async def test_a_preview_says_what_the_run_then_changes(mesh: Asking) -> None:
    mesh.request(*with_files(mesh), "--host", "web01", "--layout", "role", "--name", "page")
    file, proposal = mesh.proposal("web01")
    mend(mesh.environment, "preview", proposal["id"])
    (said,) = mesh.actions.glob("done/*/preview.json")
    preview = json.loads(said.read_bytes())
    assert not mesh.there("index.html")
    assert (preview["surprises"], preview["problem"]) == ([], "")
    foretold = [task["name"] for task in preview["tasks"] if task["effect"] == "changes"]
    assert len(foretold) == 2, preview
    file.rename(mesh.actions / "approved" / file.name)
    outcome = await outcome_of(mesh.actions, proposal["id"])
    apply = next(stage for stage in outcome["stages"] if stage["name"] == "apply")
    assert (apply["ok"], apply["changed"]) == (True, len(foretold)), outcome
    log = mesh.bundle(proposal["id"])["logs/02_apply.log"].decode()
    assert log.count("changed: [web01]") == len(foretold)
    assert all(name in log for name in foretold)
    assert Path(mesh.base, "motd").read_text() == "welcome to the lab\n"


async def test_tags_and_what_is_not_proven_stand_in_what_is_approved(mesh: Asking) -> None:
    text = f'create the directory {mesh.base}/folder and write "hello" to {mesh.base}/index.html'
    unknown = mesh.request(text, "--host", "web01", "--tags", "nginx", code=5)
    assert unknown["reason"].startswith("no task of it has the tag nginx; there are: ")
    first, *_ = unknown["reason"].rpartition(": ")[2].split(", ")
    checked: dict[str, Any] = {}

    def is_checked() -> bool:
        checked.update(mesh.request(text, "--host", "web01", "--verify", "syntax", code=None))
        return bool(checked["state"] == "checked")

    until(is_checked, 240, "an executor has time to look at its syntax")
    assert (checked["proposals"], waiting(mesh.actions)) == ([], [])
    assert "hosts: web01" in checked["playbook"]["text"]
    mesh.request(text, "--host", "web01", "--tags", first, "--verify", "none", "--name", "one")
    _, proposal = mesh.proposal("web01")
    (play,) = yaml.safe_load(proposal["playbook"]["text"])
    assert [task["tags"] for task in play["tasks"]] == [[first]]
    assert "it runs once, and nobody asks whether a second run" in mend(mesh.environment, "show", proposal["id"])
    _, outcome = await mesh.approve("web01")
    assert (outcome["result"], outcome["verdict"]) == ("done", "inconclusive")
    assert [stage["name"] for stage in outcome["stages"]] == ["syntax", "apply"]
    bundle = mesh.bundle(proposal["id"])
    assert bundle["project/one.yml"] == bundle["project/apply.yml"]
    row = mesh.requests()[0]
    assert (row["tags"], row["verify"], row["proposals"][0]["folder"]) == ([first], "none", "done")


async def test_a_user_that_no_policy_lists_and_a_key_that_others_may_read_log_in_nowhere(mesh: Asking) -> None:
    there = f"[all]\\nweb02 ansible_user={mesh.far.user} ansible_port={mesh.far.port}"
    ping = ("ping the host", "--inventory", there)
    refused = mesh.request("ping the host", "--host", "web02", "--user", "rocky", code=5)
    assert f"lets only {mesh.far.user} be named" in refused["reason"]
    for name, told in (("open", "not 0644"), ("linked", "is no plain file"), ("gone", "cannot be used")):
        mesh.request(*ping, "--ssh-key", name)
        _, outcome = await mesh.approve("web02")
        assert (outcome["result"], outcome["verdict"], outcome["stages"]) == ("failed", "not_run", [])
        assert told in outcome["reason"]
    assert mesh.logins() == 0
    mesh.request(*ping, "--ssh-key", "lab")
    _, outcome = await mesh.approve("web02")
    assert outcome["verdict"] == "proven", outcome
    assert mesh.logins() > 0


async def test_with_any_byte_changed_nothing_of_it_runs(mesh: Asking) -> None:
    """Of the role's tasks, of what it brings along, of the login and of how far it is proven, as well."""
    login = ("--user", mesh.far.user, "--ssh-key", "lab")
    there = f"[all]\\nweb02 ansible_port={mesh.far.port}"
    mesh.request(*with_files(mesh), "--inventory", there, "--layout", "role", *login, "--verify", "none")
    file, proposal = mesh.proposal("web02")
    raw = file.read_bytes()
    marks = (
        b"roles:",
        b"templates/",
        b"index.html",
        b"welcome",
        b"login",
        b"lab",
        b'"none"',
        b"tasks/main.yml",
        b"web02",
    )
    places = sorted({raw.index(mark) + 1 for mark in marks} | {*range(0, len(raw), len(raw) // 8)})
    approved = mesh.actions / "approved"
    for place in places:
        changed = bytearray(raw)
        changed[place] ^= 1
        (mesh.folder / "flipped").write_bytes(changed)
        (mesh.folder / "flipped").rename(approved / file.name)
        await wait_for(lambda: not (approved / file.name).exists(), 60, f"what becomes of byte {place}")
    assert [*(mesh.actions / "quarantine").glob("plan-*")]
    assert not [*mesh.actions.glob(f"*/{proposal['id']}/outcome.json")]
    assert (mesh.there("index.html"), mesh.there("motd"), mesh.logins()) == (False, False, 0)
    _, outcome = await mesh.approve("web02")
    assert (outcome["result"], outcome["verdict"]) == ("done", "inconclusive"), outcome
    assert Path(mesh.base, "motd").read_text() == "welcome to the lab\n"
