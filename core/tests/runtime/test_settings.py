"""Settings: from the environment once, described, checked, secrets hidden."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from mesh_core.models.records import is_name
from mesh_core.runtime import settings
from mesh_core.runtime.settings import (
    BadSettings,
    MeshSettings,
    default_runtime_path,
    read_settings,
    table_rows,
)
from mesh_core.runtime.startup import settings_or_exit

ROOT = Path(__file__).parents[3]


class Shop(MeshSettings):
    """Some settings of every kind."""

    cooldown_seconds: float = Field(300, alias="COOLDOWN_SECONDS", gt=0, description="how long")
    api_key: SecretStr | None = Field(None, alias="API_KEY", description="a key")
    pin: SecretStr = Field(SecretStr("0000"), alias="PIN", min_length=4, description="a pin")
    workers: int = Field(4, alias="WORKERS", description="how many")


def test_without_any_variable_everything_has_a_default() -> None:
    settings = read_settings(Shop, {})
    assert settings.redis_url == "redis://127.0.0.1:6379/0"
    assert is_name(settings.node_name)
    assert (settings.cooldown_seconds, settings.workers, settings.log_level) == (300, 4, "info")


def test_variables_are_read_by_their_names_and_an_empty_one_counts_as_unset() -> None:
    settings = read_settings(
        Shop, {"COOLDOWN_SECONDS": " 7.5 ", "WORKERS": "", "API_KEY": "k", "OTHER": "x", "RUNTIME_PATH": "/r"}
    )
    assert (settings.cooldown_seconds, settings.workers, settings.runtime_path) == (7.5, 4, Path("/r"))
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "k"


def test_every_bad_variable_is_named_with_its_value_and_a_secret_is_not_shown() -> None:
    with pytest.raises(BadSettings) as caught:
        read_settings(
            Shop,
            {
                "COOLDOWN_SECONDS": "-1",
                "WORKERS": "many",
                "REDIS_URL": "http://x",
                "NODE_NAME": "a b",
                "PIN": "hunt"[:3],
            },
        )
    text = str(caught.value)
    for piece in ("COOLDOWN_SECONDS='-1'", "WORKERS='many'", "REDIS_URL='http://x'", "NODE_NAME='a b'", "PIN=***"):
        assert piece in text
    assert "hun" not in text
    assert "REDIS_URL='http://x': should be redis://HOST:PORT/NUMBER" in text
    assert "WORKERS='many': should be a whole number" in text


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "five", "0"])
def test_numbers_that_are_none_are_refused(value: str) -> None:
    with pytest.raises(BadSettings, match="COOLDOWN_SECONDS"):
        read_settings(Shop, {"COOLDOWN_SECONDS": value})


def test_a_service_with_bad_settings_says_one_sentence_and_exits_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORKERS", "many")
    with pytest.raises(SystemExit) as caught:
        settings_or_exit(Shop, "shop")
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("shop: cannot start with these settings: WORKERS='many'")
    assert "Traceback" not in said


def test_secrets_do_not_appear_when_settings_are_printed() -> None:
    settings = read_settings(Shop, {"API_KEY": "hunter2"})
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_settings_cannot_be_changed_after_the_start() -> None:
    with pytest.raises(ValueError):
        read_settings(Shop, {}).workers = 5  # type: ignore[misc]


@pytest.mark.parametrize("here", [".", "docs", "/"])
def test_in_a_checkout_the_runtime_lies_in_its_var_whatever_the_current_folder(
    here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT / here)
    assert default_runtime_path() == ROOT / "var"


def test_installed_as_a_wheel_the_runtime_lies_in_opt_also_in_a_folder_that_looks_like_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "services").mkdir()
    monkeypatch.chdir(tmp_path)
    site = tmp_path / "venv" / "lib" / "python3.11" / "site-packages"
    monkeypatch.setattr(settings, "__file__", str(site / "mesh_core" / "runtime" / "settings.py"))
    assert default_runtime_path() == Path("/opt/homelab")


@pytest.mark.parametrize("host", ["pi4", "my host", "-x", "..", "é", "a" * 200, "a_b.local"])
def test_whatever_the_host_is_called_its_node_has_a_name(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    assert is_name(read_settings(MeshSettings, {}).node_name)


def test_the_table_has_a_line_for_each_variable_with_words_and_a_default_that_holds_on_any_machine() -> None:
    rows = {variable: (default, words) for variable, default, words in table_rows(Shop)}
    assert rows["COOLDOWN_SECONDS"] == ("300", "how long")
    assert rows["API_KEY"] == ("unset", "a key; or a file: API_KEY_FILE")
    assert rows["NODE_NAME"][0] == "the host's name"
    assert rows["RUNTIME_PATH"][0] == "./var or /opt/homelab"
    assert "0000" not in str(rows)
    assert all(words for _, words in rows.values())


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("h:1/first", "no number of a database"),
        ("h:1/1/2", "no number of a database"),
        ("h:1/0?db=one", "db is no such number"),
        ("h:1/0?socket_timeout=soon", "socket_timeout is no such number"),
        ("h:1/0?decode_responses=True", "an option that nobody knows"),
        (":123?hunter2@h/0", "an option that nobody knows"),
    ],
)
def test_a_redis_url_that_clients_would_read_otherwise_is_refused_without_a_word_of_it(rest: str, told: str) -> None:
    with pytest.raises(BadSettings, match=told) as caught:
        read_settings(MeshSettings, {"REDIS_URL": f"redis://{rest}"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://h/",
        "redis://h:1/15",
        "rediss://[::1]:1/0?ssl_ca_certs=/ca&ssl_cert_reqs=none",
        "unix:///r.sock?db=2&socket_timeout=2.5",
    ],
)
def test_a_redis_url_of_every_kind_is_taken(url: str) -> None:
    assert read_settings(MeshSettings, {"REDIS_URL": url}).redis_url == url
