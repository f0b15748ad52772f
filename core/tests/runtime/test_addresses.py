"""Where to listen, out of a setting."""

from __future__ import annotations

import pytest

from mesh_core.runtime.addresses import Address, address_for
from mesh_core.runtime.settings import BadSettings, WatchedSettings, read_settings


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1", Address("127.0.0.1", 8687)),
        ("0.0.0.0:9000", Address("0.0.0.0", 9000)),
        (":9000", Address("127.0.0.1", 9000)),
        ("[::1]:9000", Address("::1", 9000)),
        ("[::]", Address("::", 8687)),
        ("::1", Address("::1", 8687)),
        ("pi4.lan:9000", Address("pi4.lan", 9000)),
        (" Off ", None),
    ],
)
def test_an_address_is_read_in_the_ways_people_write_it(text: str, address: Address | None) -> None:
    assert address_for(text, 8687) == address
    if address is not None:
        assert address_for(str(address), 1) == address


@pytest.mark.parametrize("text", ["127.0.0.1:0", "127.0.0.1:99999", "host:port", "a b", "-x:1", "[::1", "[::1]9"])
def test_what_is_no_address_is_a_sentence_that_names_the_setting(text: str) -> None:
    with pytest.raises(ValueError):
        address_for(text, 8687)
    with pytest.raises(BadSettings, match="METRICS_LISTEN="):
        read_settings(WatchedSettings, {"METRICS_LISTEN": text})


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *(
            (host, True)
            for host in ("127.0.0.1", "127.9.9.9", "::1", "0:0::0:1", "::1%lo", "::ffff:127.0.0.1", "localhost")
        ),
        *(
            (host, False)
            for host in ("0.0.0.0", "::", "::ffff:10.0.0.1", "127.evil.example", "localhost.evil", "pi4", "")
        ),
        *((host, False) for host in ("127.1", "2130706433", "[::1]", "fe80::1%lo")),
    ],
)
def test_only_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert Address(host, 1).loopback is loopback
