"""Sentences become tasks with nothing but what was said, questions, or a reason; never what nobody meant."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from sentence_rig import FILES, RECIPES, SHA, attached, drafted, tasks

from mesh_core.actions.playbooks import play
from mesh_core.models.proposals import Risk
from mesh_core.models.yaml_loader import SafeLoader
from mesh_core.policy.playbook_lint import lint_text
from planner_agent.requests.understanding import Draft, NotUnderstood, Questions, understand

HERE = Path(__file__).parent
BENCHMARKS = Path(__file__).parents[4] / "benchmarks"


def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_of_requests", BENCHMARKS / "requests.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "at_least"), [("known", 0.98), ("unseen", 0.83), ("later", 0.83), ("strangers", 0.9)])
def test_the_sets_of_the_benchmark_are_read_and_none_of_them_wrongly(name: str, at_least: float) -> None:
    bench = benchmark()
    said = yaml.load((bench.SETS / f"{name}.yml").read_text(encoding="utf-8"), SafeLoader)
    files = [bench.attachment(one) for one in said["attachments"]]
    found = [(bench.verdict(row, files, said["hosts"]), row["ask"]) for row in said["sentences"]]
    assert [(ask, made) for (how, made), ask in found if how == "wrong"] == []
    assert sum(how == "right" for (how, _), _ in found) >= at_least * len(found)


def test_what_is_negated_bound_to_a_condition_or_open_is_no_draft() -> None:
    for text in (HERE / "not_drafted.txt").read_text(encoding="utf-8").splitlines():
        made = understand(text, RECIPES, attachments=FILES)
        assert isinstance(made, Questions | NotUnderstood), f"{text}: {made}"
        said = made.reason if isinstance(made, NotUnderstood) else made.open[0].text
        assert 5 < len(said) < 400, text


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("make sure that nginx is stopped and disabled", {"name": "nginx", "state": "stopped", "enabled": False}),
        ("nginx should be stopped", {"name": "nginx", "state": "stopped"}),
        ("Stelle sicher dass nginx deaktiviert ist", {"name": "nginx", "enabled": False}),
        ("nginx 중지", {"name": "nginx", "state": "stopped"}),
        ("nginx가 중지되게 해줘", {"name": "nginx", "state": "stopped"}),
        ("Could someone please stop nginx?", {"name": "nginx", "state": "stopped"}),
    ],
)
def test_a_state_that_is_wished_for_is_an_order(text: str, made: dict[str, Any]) -> None:
    assert tasks(text) == [{"service": made}]


def test_who_tells_how_something_is_hears_that_a_request_says_what_should_be() -> None:
    made = understand("nginx is not running on web01", RECIPES)  # "stop nginx" is the last thing that helps
    assert isinstance(made, NotUnderstood)
    assert made.reason.startswith("it tells how something is, and a request says what should be")


def test_a_name_that_is_also_a_hosts_is_asked_back_but_for_what_is_installed() -> None:
    for text in ("restart nas", "shut down nas", "update nas", "remove nas"):
        asked = understand(text, RECIPES, hosts=["web01", "nas"])
        assert isinstance(asked, Questions), text
        assert asked.open[0].choices == ("nas",)
    assert tasks("install docker", hosts=["docker"]) == [package("docker")]
    assert tasks("restart the service nas", hosts=["nas"])[0]["service"]["name"] == "nas"


def test_a_name_that_takes_back_in_another_language_is_taken_when_it_is_said_to_be_one() -> None:
    assert tasks("install the package named nix") == [package("nix")]
    asked = understand("install nix", RECIPES)
    assert isinstance(asked, Questions)
    assert asked.open[0].choices == ("nix",)


def test_a_model_is_shown_no_sentence_that_nobody_should_get_and_most_plain_orders() -> None:
    bench = benchmark()
    said = yaml.load((bench.SETS / "beyond.yml").read_text(encoding="utf-8"), SafeLoader)
    never = [*(HERE / "not_drafted.txt").read_text(encoding="utf-8").splitlines(), *said["nobody"]]
    assert [text for text in never if bench.shown(text, None) or bench.shown(text, said["hosts"])] == []
    assert sum(bench.shown(text, said["hosts"]) for text in said["model"]) >= 0.5 * len(said["model"])


@pytest.mark.parametrize(
    "text",
    [
        # Each is shown without its last words, and not with them.
        "mount nas:/media at /mnt/media|not",
        "mount nas:/media at /mnt/media|and wipe the rest",
        "mount nas:/media at /mnt/media|with password=hunter2-correct",
        "mount nas:/media at /mnt/media|; reboot",
        "mount nas:/media at /mnt/media|from 10.0.0.1",
        "mount nas:/media at /mnt/media|nicht",
        "mount nas:/media at /mnt/media|and remove the package nginx",
        "mount nas:/media at /mnt/media|/etc/shadow",
        "mount nas:/media at /mnt/media|'$(id)'",
        "mount nas:/media at /mnt/media|every day at 3:30",
        "mount nas:/media at /mnt/media|?",
    ],
)
def test_one_word_that_may_change_the_order_keeps_a_sentence_from_every_model(text: str) -> None:
    order, _, more = text.partition("|")
    shown = understand(order, RECIPES)
    assert isinstance(shown, NotUnderstood)
    assert shown.beyond
    assert (shown.beyond.values, shown.beyond.needed) == (
        ("mount", "nas:/media", "/mnt/media"),
        ("nas:/media", "/mnt/media"),
    )
    kept = understand(f"{order} {more}", RECIPES)
    assert not isinstance(kept, NotUnderstood) or kept.beyond is None


def test_an_order_for_a_model_says_on_which_hosts() -> None:
    made = understand("set the timezone to Europe/Warsaw on web01 and web02", RECIPES, hosts=["web01", "web02"])
    assert isinstance(made, NotUnderstood)
    assert made.beyond
    assert made.beyond.hosts == ("web01", "web02")


def package(*names: str, state: str = "present") -> dict[str, Any]:
    return {"package": {"name": [*names], "state": state}}


def service(name: str, **said: Any) -> dict[str, Any]:
    """What is restarted or reloaded counts as no change: the second pass would do it once more."""
    again = {"changed_when": False} if said.get("state") in ("restarted", "reloaded") else {}
    return {"service": {"name": name, **said}, **again}


def ufw(**said: str) -> dict[str, Any]:
    return {"ufw": {"rule": "allow", **said}}


def user(name: str, **said: Any) -> dict[str, Any]:
    return {"user": {"name": name, "state": "present", **said, "append": True}}


def container(name: str, **said: str) -> dict[str, Any]:
    kept = {"comparisons": {"*": "ignore"}, "recreate": False, "pull": "never"}
    return {"docker_container": {"name": name, **said, **kept}}


def folder(path: str) -> dict[str, Any]:
    return {"file": {"path": path, "state": "directory"}}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("install Nginx and start it", [package("nginx"), service("nginx", state="started")]),
        ("stop and disable cups", [service("cups", state="stopped", enabled=False)]),
        (
            "install chrony, then enable and start chronyd",
            [package("chrony"), service("chronyd", state="started", enabled=True)],
        ),
        ("restart nginx and php-fpm", [service("nginx", state="restarted"), service("php-fpm", state="restarted")]),
        ("please remove the package telnet", [package("telnet", state="absent")]),
        ("install NetworkManager and MySQL", [package("NetworkManager", "mysql")]),
        (
            "usuń konta anna i jan",
            [{"user": {"name": "anna", "state": "absent"}}, {"user": {"name": "jan", "state": "absent"}}],
        ),
        ("skasuj kontener app", [{"docker_container": {"name": "app", "state": "absent"}}]),
        (
            "put index.html into /srv/a with mode 0640",
            [{"copy": {"src": f"files/{SHA}", "dest": "/srv/a", "mode": "0640"}}],
        ),
        ("write 'every day at 3:30' to /etc/motd", [{"copy": {"content": "every day at 3:30", "dest": "/etc/motd"}}]),
        ("open ports 80 and 443/tcp", [ufw(port="80"), ufw(port="443", proto="tcp")]),
        ("create the directories /srv/a and /srv/b", [folder("/srv/a"), folder("/srv/b")]),
        ("add anna to the docker group", [user("anna", groups=["docker"])]),
        (
            "git clone https://example.org/a.git /srv/a",
            [{"git": {"repo": "https://example.org/a.git", "dest": "/srv/a"}}],
        ),
        ("ping everywhere", [{"ping": {}}]),
        ('copy "motd.txt" to "/etc/motd"', [{"copy": {"src": f"files/{FILES[2].sha256}", "dest": "/etc/motd"}}]),
        ("start the container web", [container("web", state="started")]),
        ("nginx should not start at boot", [service("nginx", enabled=False)]),
        ("systemctl restart sshd", [service("sshd", state="restarted")]),
        ("remove the cron job for /opt/a.sh", [{"cron": {"name": "mend: /opt/a.sh", "state": "absent"}}]),
        ("nginx 설치하고 시작해줘", [package("nginx"), service("nginx", state="started")]),
        ("dodaj uzytkownika jan", [user("jan")]),
        ("https://example.org/a 을 /a 에 클론해줘", [{"git": {"repo": "https://example.org/a", "dest": "/a"}}]),
        ("Erstelle die Gruppe ops", [{"group": {"name": "ops", "state": "present"}}]),
        (
            "create /etc/nginx/nginx.conf from the template nginx.conf.j2",
            [{"template": {"src": f"files/{FILES[1].sha256}", "dest": "/etc/nginx/nginx.conf"}}],
        ),
        ("Starte nginx neu", [service("nginx", state="restarted")]),
    ],
)
def test_what_was_said_is_what_the_tasks_hold(text: str, made: list[dict[str, Any]]) -> None:
    assert tasks(text) == made


def test_hosts_are_named_by_the_sentence_and_no_part_of_what_it_asks() -> None:
    assert drafted("install nginx on web01 and web02 and start it").hosts == ("web01", "web02")
    assert drafted("install nginx on the nas", hosts=["nas"]).hosts == ("nas",)
    assert drafted("install nginx on all servers").hosts == ()
    known = ["web01", "docker", "nas"]  # groups are called like what they run
    assert tasks("install docker on web01", hosts=known) == [package("docker")]
    assert (drafted("ping nas", hosts=known).hosts, drafted("docker 설치해줘", hosts=known).hosts) == (("nas",), ())
    assert drafted("install nginx on docker and nas", hosts=known).hosts == ("docker", "nas")
    assert tasks("install docker", hosts=known) == [package("docker")]
    for text in ("install nginx on web01 and php on web02", "install nginx on db07"):
        assert isinstance(understand(text, RECIPES, hosts=["web01", "web02"]), NotUnderstood), text


@pytest.mark.parametrize(
    "text",
    [
        "Remove user kubeconfig",  # a file that is the user's
        "Delete the user authorized-keys-backup",
        "Ensure matrix-bridge.service installed",  # a unit's file, no package
        "Install the nginx.timer",
        "Create su group sugroup",  # whose group, and is su a user?
    ],
)
def test_what_names_of_tasks_taught_is_no_draft(text: str) -> None:
    assert not isinstance(understand(text, RECIPES), Draft)


def test_a_firewall_is_no_service_and_firewalld_is_one() -> None:
    ssh = {"ufw": {"rule": "allow", "port": "22", "proto": "tcp"}}
    for text in ("Enable firewall", "방화벽 켜줘", "Włącz zaporę", "schalte die Firewall ein"):
        assert tasks(text) == [ssh, {"ufw": {"state": "enabled"}}], text
        assert drafted(text).risk is Risk.HIGH
    assert tasks("enable firewalld") == [{"service": {"name": "firewalld", "enabled": True}}]


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ("at 3pm every day", "0 15 * * *"),
        ("daily at 12am", "0 0 * * *"),
        ("0 5 * * 1", "0 5 * * 1"),
        ("every 2 hours", "0 */2 * * *"),
        ("every hour", "0 * * * *"),
        ("every friday at 6:30", "30 6 * * 5"),
        ("every 45 minutes", None),
        ("every week", None),
        ("every day", None),
        ("every day at 25:00", None),
        ("every hour at 3:00", None),
        ("every day at 13am", None),
        ("every evening at 9", "0 21 * * *"),
        ("every night at 12:30", "30 0 * * *"),
        ("every night at 4", "0 4 * * *"),
        ("nightly at 10", "0 22 * * *"),
        ("every day at 5 in the afternoon", "0 17 * * *"),
        ("every night at 23:15", "15 23 * * *"),
        ("daily at midnight", "0 0 * * *"),
        ("every evening at 3", None),
        ("every night at 3 pm", None),
        ("on weekdays at 6:05", "5 6 * * 1-5"),
        ("Monday to Friday at noon", "0 12 * * 1-5"),
        ("every tuesday, thursday and saturday at 1", "0 1 * * 2,4,6"),
        ("on weekends at 5", "0 5 * * 0,6"),
        ("on the 15th of each month at 2:00", "0 2 15 * *"),
        ("on the 30th of each month at 2:00", None),
        ("every monday to wednesday at 4", None),
        ("every tuesday at 3 and thursday at 4", None),
    ],
)
def test_when_is_read_as_a_crontab_says_it_or_asked_for(said: str, fields: str | None) -> None:
    made = understand(f"{said} run /opt/a.sh" if said.startswith("at") else f"run /opt/a.sh {said}", RECIPES)
    if fields is None:
        assert isinstance(made, Questions | NotUnderstood), made
        return
    assert isinstance(made, Draft), made
    cron = made.tasks[0]["ansible.builtin.cron"]
    assert " ".join(cron[name] for name in ("minute", "hour", "day", "month", "weekday")) == fields


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("매일 밤 2시에 /opt/a.sh 실행해줘", "0 2 * * *"),
        ("매일 밤 10시 반에 /opt/a.sh 실행해줘", "30 22 * * *"),
        ("매월 3일 새벽 5시에 /opt/a.sh 실행해줘", "0 5 3 * *"),
        ("매주 화요일과 토요일 자정에 /opt/a.sh 실행해줘", "0 0 * * 2,6"),
        ("co wieczór o 7 uruchamiaj /opt/a.sh", "0 19 * * *"),
        ("uruchamiaj /opt/a.sh codziennie o 6 rano", "0 6 * * *"),
        ("uruchamiaj /opt/a.sh we wtorki i soboty o północy", "0 0 * * 2,6"),
        ("führe /opt/a.sh jede Nacht um 12 aus", "0 0 * * *"),
        ("exécute /opt/a.sh tous les jours à 6 heures du soir", "0 18 * * *"),
        ("ejecuta /opt/a.sh todas las noches a las 9", "0 21 * * *"),
    ],
)
def test_a_part_of_the_day_says_which_of_two_hours_is_meant(text: str, fields: str) -> None:
    cron = drafted(text).tasks[0]["ansible.builtin.cron"]
    assert " ".join(cron[name] for name in ("minute", "hour", "day", "month", "weekday")) == fields


def test_a_refusal_says_the_words_of_a_schedule_and_not_what_was_made_of_them() -> None:
    made = understand("run /opt/a.sh every day at 3:30 utc", RECIPES)
    assert isinstance(made, NotUnderstood)
    assert "'every day at 3:30', 'utc'" in made.reason
    made = understand("do not install htop", RECIPES)  # and what is negated is no question
    assert isinstance(made, NotUnderstood)
    assert "'do not'" in made.reason


@pytest.mark.parametrize("name", RECIPES)
def test_the_example_of_each_shipped_recipe_is_read_by_it(name: str) -> None:
    example = RECIPES[name].ask.example
    assert example
    files = (*FILES, attached("anna.pub", "ssh-ed25519 " + "A" * 68 + " anna"))
    made = understand(example, RECIPES, attachments=files)
    assert isinstance(made, Draft), made
    assert made.recipes == (name,)


@pytest.mark.parametrize("text", ["create index.html", "create the default page index.html", "기본 index.html 생성"])
def test_a_file_says_what_is_to_be_created(text: str) -> None:
    asks = understand(text, RECIPES, attachments=())
    assert isinstance(asks, Questions), asks
    assert [one.slot for one in asks.open] == ["source", "text", "destination"]
    asks = understand(text, RECIPES, attachments=FILES)
    assert isinstance(asks, Questions), asks
    assert [one.slot for one in asks.open] == ["destination"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty; write what should be"),
        (" \n ", "it is empty"),
        ("install nginx\x00", "(U+0000)"),
        ("install \u202enginx", "(U+202E)"),
        ("x" * 4001, "it has 4001 characters, 4000 are the limit"),
        ("is nginx up?", "it asks something"),
        ("install nginx if missing", "'if', 'missing'"),
        ("Roses are red, violets are blue", "no recipe knows what 'Roses are red"),
        ("install a, " * 90, "it has more than 200 words"),
        ("delete everything", "'everything'"),
        ("read /etc/shadow and send it", ""),
        ("rm -rf /", "no recipe knows what 'rm -rf /'"),
        ("restrat nginx", "'restrat' looks like restart; write what should be"),
        ("cups installiren", "'installiren' looks like installieren"),
        ("suprime le paquet htop", "'suprime' looks like supprime"),
        ("reinica cups", "'reinica' looks like reinicia"),
    ],
)
def test_bad_input_gets_one_sentence(text: str, said: str) -> None:
    made = understand(text, RECIPES)
    assert isinstance(made, NotUnderstood), made
    assert said in made.reason


def test_what_removes_or_lets_in_is_no_low_risk_and_the_gate_says_what_a_draft_would_harm() -> None:
    for text in ("remove telnet", "delete the user anna", "delete the directory /srv/a", "close port 22"):
        assert drafted(text).risk is Risk.HIGH, text
    assert drafted("stop nginx").risk is Risk.GUARDED
    assert drafted("install nginx").risk is Risk.LOW
    made = drafted("copy index.html to /etc/shadow")
    found = lint_text(play("x", "n1", {}, *map(dict, made.tasks)), "n1", {SHA: "a text"})
    assert found.dangers != ()


GARBAGE = """install remove start stop enable not and the on all web01 nginx /etc/motd "a b" 443/tcp user group every
day at 3:30 index.html to from with 설치해줘 하고 nginx를 모든 서버에 usuń i na {{ x }} , . ; = vm.swappiness 10
https://example.org/a.git"""


def test_no_text_fails_and_what_is_drafted_from_garbage_passes_the_gate() -> None:
    chance = random.Random(7)
    drafts, words = 0, GARBAGE.split()
    for _ in range(600):
        text = " ".join(chance.choices(words, k=chance.randint(1, 9)))
        made = understand(text, RECIPES, attachments=FILES)
        if isinstance(made, Draft):
            drafts += 1
            texts = {one.sha256: one.text for one in FILES}
            assert "{{" not in str(made.tasks), text
            assert lint_text(play("x", "n1", {}, *map(dict, made.tasks)), "n1", texts).problems == (), text
    assert drafts > 3


@pytest.mark.parametrize("path", ["../spool", "./spool", "../../srv/spool", "$/spool", "\u2026/spool", "'../spool'"])
@pytest.mark.parametrize("wish", ["create the directory", "delete the directory", "l\u00f6sche das Verzeichnis"])
def test_a_path_that_begins_nowhere_is_never_taken_for_one_of_the_root(wish: str, path: str) -> None:
    read = understand(f"{wish} {path}", RECIPES)
    assert isinstance(read, NotUnderstood)
    assert path.strip("'") in read.reason
