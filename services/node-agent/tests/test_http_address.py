"""URLs and host names: what is used, what is refused with a sentence, and what is shown of a login."""

from __future__ import annotations

import base64

import pytest

from node_agent.protocols.connection import checked_host
from node_agent.protocols.http_address import parse_address, refuse_path, without_login


@pytest.mark.parametrize("url", ["", "ftp://x", "unix://", "http://", "nonsense"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not unix:///path"):
        parse_address(url)


@pytest.mark.parametrize(
    ("login", "sent"),
    [
        ("mon:secret", "mon:secret"),
        ("mon", "mon:"),
        (":token", ":token"),
        ("mon:p%40ss%20w%C3%B6rd", "mon:p@ss wörd"),
        ("a%40b:p@ss", "a@b:p@ss"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https", "tcp"])
def test_a_login_in_a_url_is_sent_and_never_shown(login: str, sent: str, scheme: str) -> None:
    url = f"{scheme}://{login}@nas:8080/a?b=c"
    address = parse_address(url)
    assert address.authorization == f"Basic {base64.b64encode(sent.encode()).decode()}"
    assert (address.host, address.port) == ("nas", 8080)
    assert address.authorization not in repr(address)
    assert str(address) == "nas:8080"
    assert without_login(url) == f"{scheme}://nas:8080/a"


@pytest.mark.parametrize(
    ("url", "host", "asked_for"),
    [
        ("http://nas/", "nas", "nas"),
        ("http://nas:8080/", "nas", "nas:8080"),
        ("https://nas:443/", "nas", "nas"),
        ("http://bücher.lan:81/", "bücher.lan", "xn--bcher-kva.lan:81"),
        ("http://xn--bcher-kva.lan/", "xn--bcher-kva.lan", "xn--bcher-kva.lan"),
        ("http://[fe80::1%25eth0]:8080/", "fe80::1%eth0", "[fe80::1]:8080"),
        ("http://[fe80::1%eth0]/", "fe80::1%eth0", "[fe80::1]"),
        ("unix:///run/s.sock", "localhost", "localhost"),
    ],
)
def test_a_host_is_looked_up_as_it_is_meant_and_asked_for_in_ascii(url: str, host: str, asked_for: str) -> None:
    address = parse_address(url)
    assert (address.host, address.host_header) == (host, asked_for)


def test_without_a_login_nothing_is_sent_and_ipv6_stays_readable() -> None:
    assert parse_address("http://[::1]:8080/").authorization == ""
    assert without_login("http://u:p@[::1]:8080/x") == "http://[::1]:8080/x"
    assert without_login("unix:///run/s.sock") == "unix:///run/s.sock"


@pytest.mark.parametrize(
    "url",
    [
        "http://u:geheim@a..b/",
        "ftp://u:geheim@x/",
        "http://u:geheim@x:99999/",
        "http://u%3Ax:geheim@x/",
        "http:/u:geheim@x",
    ],
)
def test_a_refusal_shows_no_password(url: str) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        parse_address(url)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(("url", "word"), [("http://u:1#2@nas/", "%23"), ("http://https://nas/", "two schemes")])
def test_what_would_be_read_otherwise_than_it_is_meant_is_refused(url: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        parse_address(url)


@pytest.mark.parametrize("port", ["0", "65536", "99999", "http", "-1"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(ValueError, match="1 to 65535"):
        parse_address(f"http://nas:{port}/")


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a..b",
        ".a",
        "x" * 64,
        "a." + "b" * 64 + ".c",
        ".",
        "a b",
        "a\0b",
        "a/b",
        "a@b",
        "ü" * 60,
        "::g",
        "1::2::3",
        "256.1.1.1",
        "1.2.3.4.5",
        "192.168.1.",
        "a." * 130,
    ],
)
def test_a_name_that_no_resolver_takes_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="is no "):
        checked_host(host)


@pytest.mark.parametrize(
    "host",
    ["nas", "nas.local.", "my_db", "192.168.1.2", "::1", "fe80::1%eth0", "müller.example", "例え.jp", "x" * 63, "-odd"],
)
def test_a_name_that_may_exist_is_taken(host: str) -> None:
    assert checked_host(host) == host


def test_a_path_that_would_be_left_out_is_refused() -> None:
    refuse_path(parse_address("tcp://engine:2375"))
    refuse_path(parse_address("http://h:9001/RPC2"), "/RPC2")
    with pytest.raises(ValueError, match="/v1"):
        refuse_path(parse_address("tcp://engine:2375/v1"))
