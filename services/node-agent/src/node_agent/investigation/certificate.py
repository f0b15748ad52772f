"""A certificate near its end: who got it, is a newer one on the disk already, and which unit shows it?

Reads files that hold no secret (the names of what a manager keeps, certificates), and connects to the target once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import Runtime
from node_agent.host import systemctl
from node_agent.investigation.listeners import unit_listening_on
from node_agent.investigation.question import MOST_ROWS, Question, shown
from node_agent.protocols.certificate import Certificate, certificate_in
from node_agent.protocols.connection import Endpoint, certificate_at

SECONDS = 1.0  # for one connection
MAX_BYTES = 64 * 1024
CERTBOT = Path("/etc/letsencrypt")
ACME_SH = Path("/root/.acme.sh")
STEP = Path("/etc/step/certs")
STEP_UNIT = "cert-renewer@.service"  # as its makers' own manual sets renewing up
UNIT_FOLDERS = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"))
_COPY = re.compile(r"-\d{4}$")  # certbot: a second lineage of the same name


class Lineage(NamedTuple):
    """What a manager keeps. `file`: the certificate in PEM, which this user may perhaps not read."""

    manager: str
    name: str
    file: Path


def fits(question: Question) -> bool:
    return question.type == EventType.CERTIFICATE_EXPIRING and endpoint_of(question) is not None


def endpoint_of(question: Question) -> Endpoint | None:
    host, _, port = str(question.facts.get("address", "")).rpartition(":")
    return Endpoint(host=host, port=int(port)) if host and port.isdigit() else None


def look(question: Question) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    with contextlib.suppress(OSError):  # no time, no systemctl: what was found by then is what there is
        question.answered(_look(question, facts))
    return facts


async def _look(question: Question, facts: dict[str, Any]) -> None:
    endpoint = endpoint_of(question)
    certificate = certificate_in(await certificate_at(endpoint, SECONDS)) if endpoint else None
    if endpoint is None or certificate is None:
        return
    facts["left_seconds"] = max(0, int(certificate.ends_at - time.time()))
    facts["names"] = [shown(name) for name in certificate.names[:MOST_ROWS]]
    if not question.host_files:
        return
    if lineage := lineage_of(certificate, [*_by_certbot(CERTBOT), *_by_acme_sh(ACME_SH), *_by_step(STEP)]):
        facts |= {"manager": lineage.manager, "lineage": lineage.name}
        if on_disk := certificate_at_path(lineage.file):
            facts["newer_on_disk"] = on_disk.ends_at > certificate.ends_at
    if place := await _place_here(endpoint, certificate):
        facts |= {"address": place, "port": endpoint.port, "host": endpoint.host}
        for told in await systemctl.show(list(filter(None, [_unit_behind(question, endpoint)])), "Id,CanReload"):
            facts |= {"unit": told["Id"], "can_reload": told.get("CanReload") == "yes"}


def lineage_of(certificate: Certificate, kept: list[Lineage]) -> Lineage | None:
    """The one that holds this very certificate, else the newest for the same names; an unread one by its own name."""
    on_disk = {one: certificate_at_path(one.file) for one in kept}
    same = [
        (its.digest == certificate.digest, its.ends_at, one)
        for one, its in on_disk.items()
        if its is not None and set(its.names) == set(certificate.names)
    ]
    if same:
        return max(same)[2]
    return next((one for one, its in on_disk.items() if its is None and _called_as(one, certificate)), None)


def _called_as(lineage: Lineage, certificate: Certificate) -> bool:
    name = _COPY.sub("", lineage.name)
    return not {name, f"*.{name}"}.isdisjoint(certificate.names)


def certificate_at_path(file: Path) -> Certificate | None:
    """The first one in a PEM file; None where there is none for us."""
    try:
        with file.open("rb") as handle:
            text = handle.read(MAX_BYTES).decode("ascii", "replace")
        first = text[text.index("-----BEGIN CERT") : text.index("-----END CERTIFICATE-----")]
        return certificate_in(ssl.PEM_cert_to_DER_cert(f"{first}-----END CERTIFICATE-----\n"))
    except (OSError, ValueError):
        return None


def _by_certbot(folder: Path) -> Iterator[Lineage]:
    for file in _files(folder / "renewal", "*.conf"):
        yield Lineage("certbot", file.stem, folder / "live" / file.stem / "cert.pem")


def _by_acme_sh(folder: Path) -> Iterator[Lineage]:
    for file in _files(folder, "*/*.conf"):
        if file.parent.name.removesuffix("_ecc") == file.stem:
            yield Lineage("acme.sh", file.stem, file.with_suffix(".cer"))


def _by_step(folder: Path) -> Iterator[Lineage]:
    if not any((units / STEP_UNIT).exists() for units in UNIT_FOLDERS):
        return
    for file in _files(folder, "*.crt"):
        yield Lineage("step", file.stem, file)


def _files(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))[:1000]
    except OSError:
        return []


async def _place_here(endpoint: Endpoint, certificate: Certificate) -> str:
    """Where on this very host it is shown; '' where it is another's. Its name may lead around over a router."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    if any(_is_ours(family, str(address[0])) for family, _, _, _, address in found):
        return endpoint.host
    near = replace(endpoint, host="127.0.0.1", server_name=endpoint.host)
    its = certificate_in(await certificate_at(near, SECONDS))
    return near.host if its is not None and its.digest == certificate.digest else ""


def _is_ours(family: int, address: str) -> bool:
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as one:
        one.bind((address, 0))
        return True
    return False


def _unit_behind(question: Question, endpoint: Endpoint) -> str:
    """What a person says, else what the kernel knows."""
    said = question.facts.get("backed_by")
    if isinstance(said, dict):
        return str(said["name"]) if said.get("runtime") == Runtime.SYSTEMD.value else ""
    with contextlib.suppress(OSError):
        return unit_listening_on(endpoint.port)
    return ""
