"""config/users.yml: what cannot be used lets nobody in, and nothing in it lets anybody in."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
from argon2 import extract_parameters

from mesh_core.security.passwords import NOBODYS_HASH, affordable, hash_password, password_fits, problem_with
from mesh_core.security.users import (
    BadPeople,
    People,
    Role,
    Token,
    User,
    change_people,
    new_token,
    read_people,
    token_digest,
)

SINCE = "2026-05-05T12:00:00.000Z"
HASHED = hash_password("a long password")


def test_what_was_written_is_read_again_and_holds_no_secret(tmp_path: Path) -> None:
    path, token = tmp_path / "config" / "users.yml", new_token()
    people = People().with_user("ada", User(role=Role.OPERATOR, password=HASHED, since=SINCE))
    people = people.with_token("bot", Token(role=Role.VIEWER, sha256=token_digest(token), since=SINCE))
    change_people(path, lambda _: people)
    assert read_people(path) == people
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    text = path.read_text()
    assert "a long password" not in text
    assert token not in text


def test_no_file_is_nobody(tmp_path: Path) -> None:
    assert read_people(tmp_path / "users.yml").empty


@pytest.mark.parametrize(
    "text",
    [
        "users: [ada]",
        "users: {ada: {role: root, password: x, since: x}}",
        "{",
        "users: {ada: {role: operator, password: plain-text-secret, since: '2026-05-05T12:00:00Z'}}",
        "users: {Ada B: {}}",
        "more: {}",
        "- a",
        "a: &x [*x, *x]",
        "\x00",
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_names_it_and_shows_no_secret(tmp_path: Path, text: str) -> None:
    path = tmp_path / "users.yml"
    path.write_text(text)
    with pytest.raises(BadPeople) as caught:
        read_people(path)
    assert str(path) in str(caught.value)
    assert "plain-text-secret" not in str(caught.value)


def test_a_file_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "users.yml"
    path.write_text("users: {}")
    path.chmod(0o666)
    with pytest.raises(BadPeople, match="chmod 640"):
        read_people(path)


def test_a_link_a_folder_and_a_huge_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").mkdir()
    with (tmp_path / "huge").open("wb") as handle:
        handle.truncate(10 * 1024 * 1024)
    for name in ("link", "folder", "huge"):
        with pytest.raises(BadPeople):
            read_people(tmp_path / name)


def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "users.yml"

    def add(n: int) -> None:
        change_people(path, lambda p: p.with_user(f"u{n}", User(role=Role.VIEWER, password=HASHED, since=SINCE)))

    threads = [threading.Thread(target=add, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(read_people(path).users) == {f"u{n}" for n in range(16)}


BY_HAND = """\
# ours
tokens: {}
users:
    # on call
    ada:  # since the move
        role: viewer  # until May
        password: HASH
        since: "2026-05-05T12:00:00.000Z"

    # leaves soon
    bob: {role: viewer, password: HASH, since: "2026-05-05T12:00:00.000Z"}
# the end
""".replace("HASH", f'"{HASHED}"')


def test_a_change_leaves_what_a_person_wrote_about_everybody_else(tmp_path: Path) -> None:
    path = tmp_path / "users.yml"
    path.write_text(BY_HAND)
    ada, eve = (User(role=Role.OPERATOR, password=HASHED, since=SINCE) for _ in range(2))
    change_people(path, lambda people: people.with_user("ada", ada))
    assert path.read_text() == BY_HAND.replace("role: viewer  #", "role: operator  #")
    change_people(path, lambda people: people.with_user("bob", None))
    change_people(path, lambda people: people.with_user("eve", eve))
    change_people(path, lambda people: people.with_token("bot", Token(role=Role.VIEWER, sha256="0" * 64, since=SINCE)))
    text = path.read_text()
    for words in ("# ours\n", "# on call\n", "ada:  # since the move\n", "operator  # until May\n", "# the end\n"):
        assert words in text
    assert "bob" not in text
    people = read_people(path)
    assert (set(people.users), set(people.tokens)) == ({"ada", "eve"}, {"bot"})
    change_people(path, lambda people: People(tokens=people.tokens))
    assert read_people(path).users == {}
    assert path.read_text().startswith("# ours\n")


@pytest.mark.parametrize(
    "layout",
    [
        "{users: {ada: ADA}}",
        "users: {ada: ADA}",
        "users: {ada: ADA, bob: ADA}\n",
        "users:\n  ada: &same ADA\n  bob: *same",
        "users:\n  ada: ADA\n...\n",
        "\ufeffusers:\n  ada: ADA",
        "",
    ],
)
def test_in_any_other_layout_a_change_says_what_it_should(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "users.yml"
    path.write_text(layout.replace("ADA", f'{{role: viewer, password: "{HASHED}", since: "{SINCE}"}}'))
    path.chmod(0o640)
    ada, eve = (User(role=Role.OPERATOR, password=HASHED, since=SINCE) for _ in range(2))
    wanted = read_people(path).with_user("ada", ada).with_user("eve", eve)
    change_people(path, lambda people: people.with_user("ada", ada))
    change_people(path, lambda people: people.with_user("eve", eve))
    assert read_people(path) == wanted


def test_a_password_fits_only_its_own_hash() -> None:
    assert password_fits(HASHED, "a long password")
    assert not password_fits(HASHED, "a long passwore")
    assert not password_fits("$argon2id$nonsense", "a long password")
    assert not password_fits("", "")


def test_a_name_that_nobody_has_costs_what_a_wrong_password_does() -> None:
    assert extract_parameters(NOBODYS_HASH) == extract_parameters(HASHED)
    assert affordable(NOBODYS_HASH)
    assert not password_fits(NOBODYS_HASH, "a long password")


def test_an_umlaut_is_the_same_on_every_keyboard() -> None:
    assert password_fits(hash_password("gr\u00fcne B\u00e4ume"), "gru\u0308ne Ba\u0308ume")


def test_a_hash_that_asks_for_the_whole_machine_is_not_computed() -> None:
    assert affordable(HASHED)
    assert not affordable(HASHED.replace("m=19456", "m=99999999"))
    assert not affordable(HASHED.replace("t=2", "t=5000"))
    assert not affordable("plain")


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("short", False),
        ("a" * 300, False),
        ("aaaaaaaaaaaa", False),
        ("adaadaadaada", False),
        ("tab\there is one", False),
        ("correct horse", True),
    ],
)
def test_which_passwords_are_taken(password: str, good: bool) -> None:
    assert (problem_with(password, "ada") is None) is good


def test_the_name_is_no_password() -> None:
    assert problem_with("observatory", "observatory") is not None
