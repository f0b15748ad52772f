"""config/node.yml: what is absent, what is wrong, what the sentence says."""

from __future__ import annotations

from pathlib import Path

import pytest

from node_agent.incidents.flapping import FlapOptions
from node_agent.investigation.options import InvestigationOptions
from node_agent.probe_base.probe import DefaultProbeOptions
from node_agent.probe_config import ProbeConfig, ProbeConfigError, read_probe_config
from node_agent.probe_table import PROBES
from node_agent.work.options import WorkOptions

EXAMPLE = Path(__file__).parents[1] / "node.example.yml"


def written(folder: Path, text: str) -> Path:
    path = folder / "node.yml"
    path.write_text(text)
    return path


def test_no_file_and_an_empty_file_mean_the_defaults(tmp_path: Path) -> None:
    defaults = tuple(options() for options in PROBES.values() if issubclass(options, DefaultProbeOptions))
    expected = ProbeConfig(defaults, FlapOptions(), InvestigationOptions(), WorkOptions())
    assert read_probe_config(tmp_path / "none.yml") == expected
    assert read_probe_config(written(tmp_path, "# nothing yet\n")) == expected
    assert read_probe_config(written(tmp_path, "version: 1\n")) == expected


def test_the_example_is_valid_and_says_every_key() -> None:
    config = read_probe_config(EXAMPLE)
    text = EXAMPLE.read_text()
    assert [type(options) for options in config.probes] == list(PROBES.values())
    for options in (*PROBES.values(), FlapOptions, InvestigationOptions):
        for key in options.model_fields:
            assert f"{key}:" in text, key


def test_what_is_switched_off_makes_no_probe(tmp_path: Path) -> None:
    config = read_probe_config(written(tmp_path, "disk: {enabled: false}\nload: {every_seconds: 5}"))
    kept = {type(options): options for options in config.probes}
    assert PROBES["disk"] not in kept
    assert getattr(kept[PROBES["load"]], "every_seconds", None) == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dockr: {}", ["dockr: no such key", "docker"]),
        ("docker: {ignored: [a]}", ["docker.ignored: no such key", "ignore"]),
        ("disk: {high: 50}", ["disk", "low must be below high"]),
        ("disk: {high: many}", ["disk.high", "'many'"]),
        ("http: [{name: a b, url: 'http://x/'}]", ["http.0.name"]),
        ("http: [{name: a}]", ["http.0.url: is required"]),
        ("http: [{name: a, url: 'ftp://x'}]", ["http.0.url", "http://"]),
        ("tcp: [{name: a, host: h, port: 70000}]", ["tcp.0.port"]),
        ("http: [{name: a, url: 'http://x'}, {name: a, url: 'http://y'}]", ["'a'", "own name"]),
        ("http: [{name: a, url: 'http://x', backed_by: {runtime: lxc, name: a}}]", ["backed_by.runtime", "docker"]),
        ("investigation: {seconds: 60}", ["investigation.seconds=60", "4"]),
        ("supervisor: {address: nowhere}", ["supervisor.address", "unix:///path"]),
        ("supervisor: {address: 'http://h:9001/other'}", ["supervisor.address", "/other"]),
        ("supervisor: {address: 'http://u:p@h', user: u}", ["node.yml:1: supervisor", "write it once"]),
        ("supervisor: {address: 'http://h', password: p}", ["supervisor", "add `user`"]),
        (
            "http:\n  - {name: a, url: 'http://x/'}\n  - name: b\n    url: http://x..y/",
            ["node.yml:4: http.1.url", "'x..y'"],
        ),
        ("http: [{name: a, url: 'http://x:99999/'}]", ["http.0.url", "1 to 65535"]),
        ("# why\n\ntcp:\n- name: a\n  host: 'a b'\n  port: 80", ["node.yml:5: tcp.0.host", "' ' cannot stand"]),
        ("tcp:\n- name: a\n  host: h", ["node.yml:2: tcp.0.port: is required"]),
        ("disk:\n  high: 95\n\n  hihg: 96", ["node.yml:4: disk.hihg: no such key"]),
        ("- a", ["should be a mapping"]),
        ("docker: [", ["not YAML"]),
        ("docker: {ignore: db-*}", ["docker.ignore='db-*'", "write it as a list"]),
        ("disk: {enabled: true}\ndocker:\n  ignore: [web, 7]", ["node.yml:3: docker.ignore.1=7", "in quotes"]),
        (
            "systemd: {enabled: false}\ndisk: {high: 80}\nsystemd: {ignore: [a]}",
            ["node.yml:3: systemd stands there twice"],
        ),
    ],
)
def test_an_error_names_the_key_and_what_to_do(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ProbeConfigError) as caught:
        read_probe_config(written(tmp_path, text))
    for word in [*words, "node.yml"]:
        assert word in str(caught.value)


def test_a_password_is_not_printed(tmp_path: Path) -> None:
    text = "supervisor: {address: 'unix:///run/s.sock', user: u, password: geheim}"
    assert "geheim" not in repr(read_probe_config(written(tmp_path, text)))
    with pytest.raises(ProbeConfigError, match=r"supervisor\.password: ") as caught:
        read_probe_config(written(tmp_path, text.replace("geheim", "[geheim]")))
    assert "geheim" not in str(caught.value)


def test_no_login_is_printed_whatever_is_wrong_beside_it(tmp_path: Path) -> None:
    for text in (
        "http: [{name: a, url: 'http://u:geheim@x/', looks: 0}, {name: a, url: 'http://u:geheim@y/'}]",
        "http: [{name: a, url: 'http://u:geheim@x/'}, {name: a, url: 'http://u:geheim@y/'}]",
        "http: [{name: a, url: 'http://u:geheim@x..y/'}]",
        "supervisor: {address: 'http://u:geheim@h', user: u, password: geheim}",
    ):
        with pytest.raises(ProbeConfigError) as caught:
            read_probe_config(written(tmp_path, text))
        assert "geheim" not in str(caught.value)
    good = read_probe_config(written(tmp_path, "http: [{name: a, url: 'http://u:geheim@x/'}]"))
    assert "geheim" not in repr(good)


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProbeConfigError, match="cannot be read"):
        read_probe_config(tmp_path)
