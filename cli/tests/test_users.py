"""`mend users`: who may sign in, without a secret on the command line, in the listing or in the file."""

from __future__ import annotations

import json

import pytest
import yaml
from mend_rig import Mend

from mesh_core.security.passwords import password_fits
from mesh_core.security.users import people_path, read_people, token_digest

PASSWORD = "a long password"


def add(mend: Mend, name: str, *more: str) -> None:
    done = mend("users", "add", name, "--stdin", *more, input=f"{PASSWORD}\n")
    assert done.exit_code == 0, done.output


def test_a_user_is_added_given_a_new_password_and_role_and_removed(mend: Mend) -> None:
    add(mend, "ada", "--role", "operator")
    path = people_path(mend.runtime)
    assert password_fits(read_people(path).users["ada"].password, PASSWORD)
    assert mend("users", "passwd", "ada", "--stdin", input="another password\n").exit_code == 0
    assert mend("users", "role", "ada", "viewer").exit_code == 0
    ada = read_people(path).users["ada"]
    assert (ada.role, password_fits(ada.password, "another password")) == ("viewer", True)
    removed = mend("users", "remove", "ada")
    assert removed.exit_code == 0
    assert "nobody is left" in removed.output
    for told in (removed.output, mend("users", "list").output, mend("users", "--help").output):
        assert "a link of `mend page`" in " ".join(told.split()), "who owns the folders comes in, and nobody else"
    assert read_people(path).empty


def test_a_token_is_shown_once_and_kept_as_a_hash(mend: Mend) -> None:
    made = mend("users", "token", "bot", "--role", "operator").stdout.strip()
    assert made.startswith("mend_")
    assert len(made) > 40
    people = read_people(people_path(mend.runtime))
    assert people.tokens["bot"].sha256 == token_digest(made)
    assert made not in people_path(mend.runtime).read_text()
    assert made not in mend("users", "list", "--json").output


def test_a_made_up_password_is_shown_once_and_fits(mend: Mend) -> None:
    made = mend("users", "add", "kiosk", "--generate").stdout.splitlines()[0]
    assert len(made) >= 24
    assert password_fits(read_people(people_path(mend.runtime)).users["kiosk"].password, made)


def test_the_listing_has_names_and_no_secrets(mend: Mend) -> None:
    assert "mend users add" in mend("users", "list").output
    add(mend, "ada")
    mend("users", "token", "bot")
    rows = json.loads(mend("users", "list", "--json").output)
    assert [(row["name"], row["kind"], row["role"]) for row in rows] == [
        ("ada", "user", "viewer"),
        ("bot", "token", "viewer"),
    ]
    assert "argon2" not in mend("users", "list").output


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["add", "Ada", "--stdin"], 2),
        (["add", "mv", "--stdin"], 2),
        (["add", "../x", "--stdin"], 2),
        (["add", "bob"], 2),  # nobody to ask
        (["add", "ada", "--stdin"], 3),
        (["token", "ada"], 3),
        (["passwd", "nobody", "--stdin"], 3),
        (["role", "nobody", "viewer"], 3),
        (["remove", "nobody"], 3),
        (["add", "bob", "--stdin", "--role", "root"], 2),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(mend: Mend, words: list[str], code: int) -> None:
    add(mend, "ada")
    before = people_path(mend.runtime).read_bytes()
    done = mend("users", *words, input=f"{PASSWORD}\n")
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    assert people_path(mend.runtime).read_bytes() == before


@pytest.mark.parametrize("password", ["short", "", "aaaaaaaaaaaaaa", "x" * 300])
def test_a_password_that_would_be_guessed_is_refused(mend: Mend, password: str) -> None:
    assert mend("users", "add", "ada", "--stdin", input=f"{password}\n").exit_code == 2
    assert not people_path(mend.runtime).exists()


def test_a_broken_file_is_named_and_left_alone(mend: Mend) -> None:
    path = people_path(mend.runtime)
    path.parent.mkdir(exist_ok=True)
    path.write_text("users: [")
    done = mend("users", "add", "ada", "--stdin", input=f"{PASSWORD}\n")
    assert done.exit_code == 1
    assert "users.yml" in done.output
    assert path.read_text() == "users: ["


def test_the_file_can_be_read_by_people(mend: Mend) -> None:
    add(mend, "ada", "--role", "operator")
    text = people_path(mend.runtime).read_text()
    assert text.startswith("#")
    assert yaml.safe_load(text)["users"]["ada"]["role"] == "operator"


def test_the_doctor_says_whether_somebody_could_come_in(mend: Mend) -> None:
    def page(**environ: str) -> dict[str, str]:
        said = json.loads(mend("doctor", "--json", "--no-models", **environ).stdout)
        return next(found for found in said if found["check"] == "page")

    assert page()["level"] == "ok"
    assert page(OBSERVER_LISTEN="127.0.0.1")["level"] == "ok"
    assert page(OBSERVER_LISTEN="[::1]:8686")["level"] == "ok"
    assert "99999" in page(OBSERVER_LISTEN="127.0.0.1:99999")["found"]
    assert page(OBSERVER_LISTEN="0.0.0.0:8686")["level"] == "broken"
    assert page(OBSERVER_LISTEN="0.0.0.0:8686", OBSERVER_TOKENS="bot:viewer:" + "0123456789abcdef" * 2)["level"] == "ok"
    add(mend, "vic")
    assert page(OBSERVER_LISTEN="0.0.0.0:8686")["level"] == "warning"
    add(mend, "ada", "--role", "operator")
    assert page(OBSERVER_LISTEN="0.0.0.0:8686")["level"] == "ok"
    people_path(mend.runtime).write_text("users: [")
    assert page()["level"] == "broken"
