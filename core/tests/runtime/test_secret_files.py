"""Secrets from files: read once, never shown, and what is wrong with a file is said with the remedy."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from mesh_core.runtime.redis_url import masked, with_login
from mesh_core.runtime.secret_files import MAX_SECRET_BYTES, BadSecret, is_given, read_secret
from mesh_core.runtime.settings import MANY_LINES, BadSettings, MeshSettings, read_settings
from mesh_core.runtime.startup import settings_or_exit

TOKEN = "hunter2-of-the-test"


class Shop(MeshSettings):
    """Secrets of every kind."""

    token: SecretStr | None = Field(None, alias="TOKEN", min_length=8, description="a token")
    urls: SecretStr | None = Field(None, alias="URLS", description="several", json_schema_extra=MANY_LINES)
    colour: str = Field("red", alias="COLOUR", description="no secret")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    return write(tmp_path / "token", f"{TOKEN}\n".encode())


def write(path: Path, data: bytes, mode: int = 0o400) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def value(settings: Shop) -> str:
    assert settings.token is not None
    return settings.token.get_secret_value()


def test_a_secret_is_read_from_the_file_that_its_variable_names(secret: Path) -> None:
    settings = read_settings(Shop, {"TOKEN_FILE": str(secret)})
    assert value(settings) == TOKEN
    assert TOKEN not in f"{settings!r} {settings.model_dump()} {settings.model_dump_json()}"


def test_a_systemd_credential_is_read_by_its_name(secret: Path) -> None:
    secret.rename(secret.parent / "TOKEN")
    assert value(read_settings(Shop, {"CREDENTIALS_DIRECTORY": str(secret.parent)})) == TOKEN
    assert read_settings(Shop, {"CREDENTIALS_DIRECTORY": str(secret.parent / "none")}).token is None


def test_a_file_of_several_urls_is_taken_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "urls", b"\xef\xbb\xbfntfy://a/b\r\nntfy://c/d\r\n")
    urls = read_settings(Shop, {"URLS_FILE": str(path)}).urls
    assert urls is not None
    assert urls.get_secret_value().split() == ["ntfy://a/b", "ntfy://c/d"]


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"TOKEN": "x" * 9, "TOKEN_FILE": "{file}"}, ("TOKEN", "TOKEN_FILE")),
        ({"TOKEN": "x" * 9, "CREDENTIALS_DIRECTORY": "{folder}"}, ("TOKEN", "credential")),
        ({"TOKEN_FILE": "{file}", "CREDENTIALS_DIRECTORY": "{folder}"}, ("TOKEN_FILE", "credential")),
    ],
)
def test_two_ways_at_once_are_refused(environ: dict[str, str], named: tuple[str, ...], secret: Path) -> None:
    write(secret.parent / "TOKEN", b"another")
    given = {name: text.format(file=secret, folder=secret.parent) for name, text in environ.items()}
    with pytest.raises(BadSettings, match="both set; unset one") as caught:
        read_settings(Shop, given)
    assert all(name in str(caught.value) for name in named)
    assert "xxx" not in str(caught.value)


def _folder(path: Path) -> None:
    path.mkdir()


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "there is no such file"),
    "empty": (lambda path: write(path, b" \n"), "the file is empty"),
    "too big": (lambda path: write(path, b"x" * (MAX_SECRET_BYTES + 1)), "larger than 64 KiB"),
    "two lines": (lambda path: write(path, b"hunter2\nhunter3\n"), "more than one line"),
    "binary": (lambda path: write(path, b"\xff\xfe hunter2"), "not UTF-8"),
    "nul": (lambda path: write(path, b"hunter2\0x"), "more than one line"),
    "folder": (_folder, "not a regular file"),
    "fifo": (os.mkfifo, "not a regular file"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    "everybody writes": (lambda path: write(path, b"hunter2-long", 0o666), "everybody may change it; chmod 0400"),
    "too short": (lambda path: write(path, b"hunter2"), "at least 8"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_cannot_be_used_is_named_with_the_remedy_and_its_text_is_not_shown(
    kind: str, tmp_path: Path
) -> None:
    make, words = BAD[kind]
    make(tmp_path / "f")
    with pytest.raises(BadSettings) as caught:
        read_settings(Shop, {"TOKEN_FILE": str(tmp_path / "f")})
    assert words in str(caught.value)
    assert f"TOKEN_FILE={tmp_path / 'f'}" in str(caught.value)
    assert "hunter" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_file_of_another_user_is_named_with_who_needs_it(secret: Path) -> None:
    for folder in (secret.parent, *secret.parent.parents):
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o011)
    os.seteuid(12345)
    try:
        with pytest.raises(BadSecret, match="uid 12345 may not read it; chown"):
            read_secret({"TOKEN_FILE": str(secret)}, "TOKEN")
    finally:
        os.seteuid(0)


def test_a_file_that_everybody_may_read_is_used_and_warned_about(
    secret: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret.chmod(0o444)
    for folder in (secret.parent, *secret.parent.parents):
        folder.chmod(folder.stat().st_mode | 0o011)
    monkeypatch.setenv("TOKEN_FILE", str(secret))
    assert value(settings_or_exit(Shop, "shop")) == TOKEN
    said = capsys.readouterr().err
    assert f"shop: TOKEN_FILE={secret}: every user of this machine may read it; chmod 0400 {secret}" in said
    assert TOKEN not in said
    secret.parent.chmod(0o700)  # behind a closed door the mode of the file is no matter
    settings_or_exit(Shop, "shop")
    assert capsys.readouterr().err == ""


def test_only_secrets_come_from_files(tmp_path: Path) -> None:
    path = write(tmp_path / "colour", b"blue")
    assert read_settings(Shop, {"COLOUR_FILE": str(path)}).colour == "red"
    assert is_given({"A_FILE": "x"}, "A")
    assert not is_given({"A_FILE": " "}, "A")


def test_the_password_of_redis_goes_into_its_url_whatever_is_in_it(tmp_path: Path) -> None:
    from redis.connection import parse_url

    password = "a/b#c?d@e:f%g"
    path = write(tmp_path / "p", password.encode())
    settings = read_settings(
        Shop,
        {
            "REDIS_URL": "rediss://host:7/2?max_connections=9",
            "REDIS_USERNAME": "planner",
            "REDIS_PASSWORD_FILE": str(path),
        },
    )
    parsed = parse_url(settings.redis_url)
    assert (parsed["username"], parsed["password"], parsed["host"], parsed["db"]) == ("planner", password, "host", 2)
    assert masked(settings.redis_url) == "rediss://planner:***@host:7/2?max_connections=9"
    for shown in (repr(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert password not in shown
        assert "c%3Fd" not in shown
    unix = read_settings(Shop, {"REDIS_URL": "unix:///run/r.sock", "REDIS_PASSWORD": "p w"})
    assert unix.redis_url == "unix://:p%20w@/run/r.sock"


def test_a_whole_url_may_lie_in_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "u", b"redis://me:hunter2@host:1/0\n")
    assert read_settings(Shop, {"REDIS_URL_FILE": str(path)}).redis_url == "redis://me:hunter2@host:1/0"
    path = write(tmp_path / "v", b"http://me:hunter2@host:1/0\n")
    with pytest.raises(BadSettings) as caught:
        read_settings(Shop, {"REDIS_URL_FILE": str(path)})
    assert f"REDIS_URL_FILE={path}" in str(caught.value)
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"REDIS_URL": "redis://:hunter2@h/0", "REDIS_PASSWORD": "hunter3"}, "holds a password already"),
        ({"REDIS_URL": "redis://h/0?password=hunter2", "REDIS_PASSWORD": "hunter3"}, "holds a password already"),
        ({"REDIS_USERNAME": "planner"}, "REDIS_USERNAME needs REDIS_PASSWORD_FILE"),
        (
            {"REDIS_URL": "redis://a@h/0", "REDIS_USERNAME": "b", "REDIS_PASSWORD": "hunter2"},
            "name different users",
        ),
        ({"REDIS_URL": "redis://:hunter2/x@h/0"}, "%2F"),
        ({"REDIS_URL": "redis//:hunter2@h/0"}, "REDIS_URL='"),
        ({"REDIS_URL": "http://:hunter2@h/0"}, "REDIS_URL='http://:***@h/0'"),
    ],
)
def test_a_login_that_contradicts_itself_is_refused_without_showing_it(environ: dict[str, str], words: str) -> None:
    with pytest.raises(BadSettings) as caught:
        read_settings(Shop, environ)
    assert words in str(caught.value)
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@h/0",
        "redis://u:hunter2@h:1/0",
        "redis://u:hunter2/with#odd?signs@h/0",
        "redis://h/0?password=hunter2&x=1",
        "rediss://h/0?ssl_keyfile=k&ssl_password=hunter2",
        "redis//:hunter2@h",
        "u:hunter2@h",
        "redis://u:hunter2@x@h/0",
    ],
)
def test_no_url_is_shown_with_its_password(url: str) -> None:
    assert "hunter2" not in masked(url)


def test_a_login_can_be_taken_out_of_a_url() -> None:
    assert with_login("redis://u:p@[::1]:1/0", "", "") == "redis://u@[::1]:1/0"
    assert with_login("redis://:p@h:1/0", "", "") == "redis://h:1/0"
