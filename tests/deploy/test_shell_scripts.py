"""Every shell script of the repository through ShellCheck; and what deploy.sh says before it reaches any host."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from parts.deploying import ROOT, Checkout
from parts.require import missing, require

from mesh_core.runtime.services import SERVICES
from mesh_core.security.permissions import Group

DEPLOY = ROOT / "scripts" / "deploy"


def shell_scripts() -> list[str]:
    """What git knows and a shell reads."""
    git = require("git", "apt-get install git")
    listed = [git, "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    shebang = re.compile(rb"#!.*\b(ba)?sh\b")
    return [
        name
        for name in filter(None, names)
        if (ROOT / name).is_file() and (name.endswith(".sh") or shebang.match((ROOT / name).read_bytes()[:64]))
    ]


def test_shellcheck_has_nothing_to_say() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    if not shellcheck.exists():
        missing("shellcheck", "make env")
    scripts = shell_scripts()
    assert len(scripts) > 20
    done = subprocess.run(
        [shellcheck, "--severity=warning", "--external-sources", *scripts],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", ["deploy.sh", "bootstrap-node.sh", "uninstall.sh"])
def test_help_teaches_and_needs_nothing(script: str) -> None:
    done = subprocess.run([DEPLOY / script, "--help"], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage:" in done.stdout
    assert "xit codes" in done.stdout
    options = set(
        re.findall(r"--[a-z-]+", (DEPLOY / script).read_text().split("while [ $# -gt 0 ]")[1].split("done")[0])
    )
    assert not [option for option in options - {"--help"} if option not in done.stdout]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--node"], "--node needs a value"),
        (["--node", "a", "--all"], "exclude each other"),
        (["--nod", "a"], "--nod is not an option"),
        (["--node", "a", "--wait", "soon"], "--wait wants seconds"),
        (["--node", "a; reboot"], "a; reboot is not in"),
    ],
)
def test_a_wrong_call_is_refused_with_a_sentence(tmp_path: Path, options: list[str], sentence: str) -> None:
    checkout = Checkout.copy(tmp_path / "checkout")
    checkout.hosts = {"web01": {"ansible_connection": "local"}}
    done = checkout.deploy(*options, "--systemd")
    assert (done.code, sentence in done.sentence) == (2, True), done


@pytest.mark.parametrize(
    ("hosts", "chosen"),
    [
        ({"web01": {}}, "web01"),
        ({"web01": {}, "hub": {"mendmesh_services": ["observer", "planner-agent"]}, "pi4": {}}, "hub"),
        ({"web01": {}, "hub": {"ansible_connection": "local"}}, "hub"),
        ({"web01": {}, "pi4": {}}, ""),
        ({"web01": {"mendmesh_services": ["planner-agent"]}, "pi4": {"mendmesh_services": ["planner-agent"]}}, ""),
    ],
)
def test_without_a_node_it_is_the_one_that_can_be_meant(
    tmp_path: Path, hosts: dict[str, dict[str, object]], chosen: str
) -> None:
    (tmp_path / "inventory.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    script = 'SERVICE=planner-agent ROOT=.; . "$1/lib/nodes.sh"; NODES=$("$2" "$1/lib/inventory.py" "$3"); default_node'
    words = ["bash", "-c", script, "-", str(DEPLOY), sys.executable, str(tmp_path / "inventory.yml")]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip() == chosen


@pytest.mark.parametrize(
    "inventory",
    [
        "all: {hosts: {hub: {mendmesh_services: planner-agent}, pi4: {}}}",
        "all: {hosts: {hub: {mendmesh_services: 'node-agent, planner-agent'}, pi4: {}}}",
        "[all]\npi4\nhub mendmesh_services=planner-agent\n",
        "[all]\npi4\nhub mendmesh_services=\"['planner-agent', 'node-agent']\"\n",
        "[brains]\nhub\n[others]\npi4\n[brains:vars]\nmendmesh_services=[node-agent, planner-agent]\n",
    ],
)
def test_services_are_a_list_or_words(tmp_path: Path, inventory: str) -> None:
    (tmp_path / "inventory.yml").write_text(inventory)
    words = [sys.executable, str(DEPLOY / "lib" / "inventory.py"), str(tmp_path / "inventory.yml")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    rows = {line.split("\x1f")[0]: line.split("\x1f")[1].split(",") for line in done.stdout.splitlines()}
    assert "planner-agent" in rows["hub"]
    assert set(rows["hub"]) <= set(SERVICES)
    assert rows["pi4"] == ["node-agent"]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("[observr]", "hub: mendmesh_services: no service 'observr'; one of"),
        ("plannner-agent", "looks like planner-agent"),
        ("", "hub: mendmesh_services: write it as a list"),
        ("{observer: true}", "hub: mendmesh_services: write it as a list"),
        ("[[observer]]", "hub: mendmesh_services: no service"),
    ],
)
def test_services_that_nobody_knows_are_refused_by_name(tmp_path: Path, said: str, sentence: str) -> None:
    (tmp_path / "inventory.yml").write_text(f"all:\n  hosts:\n    hub:\n      mendmesh_services: {said}\n")
    words = [sys.executable, str(DEPLOY / "lib" / "inventory.py"), str(tmp_path / "inventory.yml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_host_that_cannot_be_used_says_why_and_the_others_stay(tmp_path: Path) -> None:
    checkout = Checkout.copy(tmp_path / "checkout")
    (tmp_path / "some.yml").write_text("all: {hosts: {'a b': {}, desk: {mendmesh_services: [observer]}}}")
    some = "--systemd", "--inventory", str(tmp_path / "some.yml")
    done = checkout.deploy("--node", "a b", *some)
    assert (done.code, "nothing can be approved for a host of this name" in done.sentence) == (2, True), done
    done = checkout.deploy("--node", "web01", *some)
    assert (done.code, "is not in" in done.sentence, "hosts there: desk" in done.sentence) == (2, True, True), done
    done = checkout.deploy("--all", *some)
    assert (done.code, done.err.splitlines()[0].startswith("a b: ")) == (2, True), done
    assert "runs node-agent" in done.sentence, done


def test_where_several_can_be_meant_it_asks(tmp_path: Path) -> None:
    checkout = Checkout.copy(tmp_path / "checkout")
    checkout.hosts = {"web01": {}, "pi4": {}}
    done = checkout.deploy("--systemd")
    assert (done.code, "which node? --node HOST, or --all; hosts in" in done.sentence) == (2, True), done
    assert "pi4 web01" in done.sentence


@pytest.mark.parametrize(
    ("inventory", "sentence"),
    [
        ("all: [", "is no inventory that can be used"),
        ("all: {hosts: {}}", "names no host"),
        ("all: {hosts: {web01: {ansible_host: \"{{ lookup('pipe', 'touch pwned') }}\"}}}", "not a template"),
    ],
)
def test_an_inventory_that_cannot_be_used_is_refused_and_runs_nothing(
    tmp_path: Path, inventory: str, sentence: str
) -> None:
    checkout = Checkout.copy(tmp_path / "checkout")
    (tmp_path / "odd.yml").write_text(inventory)
    done = checkout.deploy("--all", "--systemd", "--inventory", str(tmp_path / "odd.yml"))
    assert (done.code, sentence in done.err) == (2, True), done
    assert not list(tmp_path.rglob("pwned"))


def test_the_same_tree_is_the_same_release_and_another_byte_is_another(tmp_path: Path) -> None:
    checkout = Checkout.copy(tmp_path / "checkout")

    def release() -> str:
        script = 'ROOT=$1 SERVICE=node-agent KIND=docker; . "$ROOT/scripts/deploy/lib/release.sh"; release_digest'
        done = subprocess.run(
            ["bash", "-c", script, "-", str(checkout.root)], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    first = release()
    assert re.fullmatch("[0-9a-f]{12}", first)
    checkout.write("services/node-agent/.env", "SECRET=1\n")
    checkout.write("services/node-agent/tests/test_more.py", "")
    checkout.write("core/src/mesh_core/__pycache__/log.cpython-311.pyc", "")
    assert release() == first
    checkout.edit("core/src/mesh_core/runtime/log.py", "import", "import ")
    assert release() != first


def test_what_arrives_on_a_full_disk_is_not_kept_in_part(small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "much").mkdir()
    (tmp_path / "much" / "lib").write_bytes(b"x" * 3_000_000)
    receive = (DEPLOY / "on-node" / "receive.sh").read_text()
    tar = subprocess.Popen(["tar", "-C", str(tmp_path / "much"), "-cf", "-", "."], stdout=subprocess.PIPE)
    done = subprocess.run(
        ["sh", "-c", receive, "receive", str(small_disk / "releases" / "one")],
        stdin=tar.stdout,
        capture_output=True,
        text=True,
        check=False,
    )
    tar.communicate()
    assert (done.returncode, done.stdout.strip()) == (1, "its disk ran full; nothing was kept")
    assert not list((small_disk / "releases").iterdir())


@pytest.mark.parametrize(
    ("answers", "came_to"),
    [
        (("up=yes",), "0 after 1"),
        (("", "up=yes"), "0 after 2"),
        (("error=no room there", "up=yes"), "1 after 1: no room there"),
        (("", "Connection refused"), "1 after 2: the connection broke: Connection refused"),
    ],
)
def test_a_connection_that_breaks_while_a_release_is_started_is_opened_once_more(
    tmp_path: Path, answers: tuple[str, ...], came_to: str
) -> None:
    (tmp_path / "answers").write_text("\n".join(answers) + "\n")
    script = (
        'on_node_script() { echo "$1" >>"$2.asked"; sed -n "$(wc -l <"$2.asked")p" answers; }; NODE=web01; WHY_NOT=; '
        '. "$0"; start_release one; came=$?; echo "$came after $(wc -l <one.asked)${WHY_NOT:+: $WHY_NOT}"'
    )
    words = ["bash", "-c", script, str(DEPLOY / "stages" / "up.sh")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == came_to


def test_users_are_those_of_the_images() -> None:
    """One table of numbers: mesh_core/runtime/services.py."""
    script = (
        'ROOT=$1; . "$ROOT/scripts/deploy/lib/users.sh"; for s in $2; do echo "$s $(number_of $s) $(group_of $s)"; done'
    )
    words = ["bash", "-c", script, "-", str(ROOT), " ".join(SERVICES)]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    made = {service: number for service, number, _ in map(str.split, lines)}
    assert made == {service: str(int(about.user)) for service, about in SERVICES.items()}
    assert {line.split()[0] for line in lines if line.endswith(" operators")} == {"observer", "executor-agent"}
    prepare = (DEPLOY / "on-node" / "prepare.sh").read_text()
    assert dict(re.findall(r"^  group (\S+) (\d+)", prepare, re.MULTILINE)) == {
        "mendmesh": str(int(Group.MENDMESH)),
        "operators": str(int(Group.OPERATORS)),
    }


@pytest.mark.parametrize("service", SERVICES)
def test_every_unit_stops_on_bad_settings_and_gets_the_time_that_its_service_needs(service: str) -> None:
    unit = (ROOT / "services" / service / f"mendmesh-{service}.service").read_text()
    about = (ROOT / "services" / service / "service.yaml").read_text()
    stop = re.search(r"^stop_seconds: (\d+)", about, re.MULTILINE)
    bound = re.search(r"^TimeoutStopSec=(\d+)", unit, re.MULTILINE)
    assert stop is not None
    assert bound is not None
    assert int(bound[1]) >= int(stop[1])
    for line in ("Restart=on-failure", "RestartPreventExitStatus=2", "ProtectSystem=strict", "NoNewPrivileges=yes"):
        assert f"\n{line}\n" in unit
