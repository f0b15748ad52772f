"""What a request lacks is asked for, in the language of its sentence, with what may be answered."""

from __future__ import annotations

from sentence_rig import FILES, RECIPES, SHA, tasks

from planner_agent.requests.understanding import Draft, NotUnderstood, Questions, understand


def test_what_is_missing_is_asked_in_the_language_of_the_sentence_and_the_answers_complete_it() -> None:
    asked = understand("방화벽 포트 열어줘", RECIPES)
    assert isinstance(asked, Questions)
    assert [(one.slot, "포트" in one.text) for one in asked.open] == [("ports", True)]
    assert tasks("방화벽 포트 열어줘", answers={"ports": "443/tcp"}) == [
        {"ufw": {"rule": "allow", "port": "443", "proto": "tcp"}}
    ]
    wrong = understand("open the port", RECIPES, answers={"ports": "99999"})
    assert isinstance(wrong, Questions)
    assert wrong.open[0].text.startswith("'99999' is no port. ")
    cron = tasks("run /opt/a.sh every night", answers={"at": "every day at 2am"})
    assert (cron[0]["cron"]["hour"], cron[0]["cron"]["job"]) == ("2", "/opt/a.sh")


def test_who_says_only_that_the_firewall_is_to_change_is_asked_which_port_and_what_is_to_become_of_it() -> None:
    for text, choices in (("방화벽 설정 변경", ("열기", "닫기")), ("Configure the firewall", ("open", "close"))):
        asked = understand(text, RECIPES)
        assert isinstance(asked, Questions), text
        assert [(one.slot, one.choices) for one in asked.open] == [("ports", ()), ("rule", choices)]
        answers = {"ports": "22/tcp", "rule": choices[1]}
        assert tasks(text, answers=answers) == [{"ufw": {"rule": "deny", "port": "22", "proto": "tcp"}}]
    (half,) = tasks("set port 80 to open in the firewall")
    assert half == {"ufw": {"rule": "allow", "port": "80"}}
    wrong = understand("방화벽 설정 변경", RECIPES, answers={"ports": "80", "rule": "아마"})
    assert isinstance(wrong, Questions)
    assert [one.slot for one in wrong.open] == ["rule"]


def test_a_word_that_may_be_no_name_is_offered_as_the_answer() -> None:
    for text, choice in (
        ("enable swap", "swap"),
        ("install the prerequisites", "prerequisites"),
        ("install multiple packages", "multiple"),
    ):
        asked = understand(text, RECIPES)
        assert isinstance(asked, Questions)
        assert asked.open[0].choices == (choice,)
    assert tasks("enable swap", answers={"names": "swap"}) == [{"service": {"name": "swap", "enabled": True}}]


def test_a_file_that_nobody_attached_is_asked_for_with_those_that_are_there() -> None:
    asked = understand("install httpd and deploy page.html", RECIPES, attachments=FILES)
    assert isinstance(asked, Questions)
    assert {one.slot: one.choices for one in asked.open} == {
        "source": ("index.html", "nginx.conf.j2", "motd.txt"),
        "destination": (),
    }
    assert (
        tasks("deploy page.html", answers={"source": "index.html", "destination": "/srv/x"})[0]["copy"]["src"]
        == f"files/{SHA}"
    )


def test_the_one_file_that_came_along_is_the_one_that_is_meant_where_none_is_named() -> None:
    text = "Install nginx and put up this index page in /var/www/html on web01 and web02"
    made = understand(text, RECIPES, attachments=FILES[:1])
    assert isinstance(made, Draft), made
    assert made.hosts == ("web01", "web02")
    assert made.tasks[1]["ansible.builtin.copy"] == {"src": f"files/{SHA}", "dest": "/var/www/html"}
    assert isinstance(understand(text, RECIPES, attachments=FILES), Questions)


def test_a_slot_that_two_clauses_have_is_asked_for_with_its_clause() -> None:
    text = "copy index.html and copy motd.txt"
    asked = understand(text, RECIPES, attachments=FILES)
    assert isinstance(asked, Questions)
    assert [one.slot for one in asked.open] == ["destination_1", "destination_2"]
    made = tasks(text, answers={"destination_1": "/srv/1", "destination_2": "/srv/2"})
    assert [one["copy"]["dest"] for one in made] == ["/srv/1", "/srv/2"]
    unknown = understand(text, RECIPES, attachments=FILES, answers={"destination": "/srv/1"})
    assert isinstance(unknown, NotUnderstood)
    assert "'destination'" in unknown.reason
