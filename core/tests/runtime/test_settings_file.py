"""config/<service>/.env: what it says counts below the environment, whichever way a setting was given there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mesh_core.runtime.dotenv import BadDotenv
from mesh_core.runtime.settings_file import with_settings_file
from mesh_core.runtime.startup import service_environment


def written(runtime: Path, text: str, service: str = "shop") -> Path:
    path = runtime / "config" / service / ".env"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_the_file_counts_where_the_environment_is_silent(tmp_path: Path) -> None:
    written(tmp_path, "\ufeffCOLOUR=blue\nexport SIZE='4' # inches\nPLACE=here\n")
    environ = {"RUNTIME_PATH": str(tmp_path), "SIZE": "5", "PLACE": " "}
    assert with_settings_file(environ, "shop") == {
        "RUNTIME_PATH": str(tmp_path), "COLOUR": "blue", "SIZE": "5", "PLACE": "here",
    }  # fmt: skip
    assert with_settings_file(environ, "stall") == environ


@pytest.mark.parametrize(
    ("mark", "charset"), [(b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"", "utf-16-le")]
)
def test_a_file_counts_in_whichever_form_an_editor_saved_it(mark: bytes, charset: str, tmp_path: Path) -> None:
    path = written(tmp_path, "")
    path.write_bytes(mark + "COLOUR=grün\r\nSIZE=4\r\n".encode(charset))
    environ = {"RUNTIME_PATH": str(tmp_path)}
    assert with_settings_file(environ, "shop") == {**environ, "COLOUR": "grün", "SIZE": "4"}


def test_a_setting_given_in_one_way_is_not_given_in_another_by_the_file(tmp_path: Path) -> None:
    written(tmp_path, "PASSWORD=old\nTOKEN_FILE=/old\nKEY=old\n")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "KEY").write_text("new")
    environ = {"PASSWORD_FILE": "/new", "TOKEN": "new", "CREDENTIALS_DIRECTORY": str(credentials)}
    environ["RUNTIME_PATH"] = str(tmp_path)
    assert with_settings_file(environ, "shop") == environ


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_file_of_another_user_is_said_and_left(tmp_path: Path) -> None:
    path = written(tmp_path, "PASSWORD=hunter2\n")
    path.chmod(0o600)
    for folder in (path.parent, *path.parent.parents):
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o011)
    said: list[str] = []
    os.seteuid(12345)
    try:
        assert with_settings_file({"RUNTIME_PATH": str(tmp_path)}, "shop", said.append) == {
            "RUNTIME_PATH": str(tmp_path)
        }
    finally:
        os.seteuid(0)
    assert len(said) == 1
    assert f"nothing in {path} counts: it cannot be read by uid 12345" in said[0]


def test_a_line_that_is_none_stops_the_start_and_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "# mine\nhunter2\n")
    environ = {"RUNTIME_PATH": str(tmp_path)}
    with pytest.raises(BadDotenv, match="line 2"):
        with_settings_file(environ, "shop")
    monkeypatch.setenv("RUNTIME_PATH", str(tmp_path))
    with pytest.raises(SystemExit) as caught:
        service_environment("shop")
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"shop: cannot start: {path}, line 2: not KEY=VALUE\n"
