"""What is told of a container that does not exist, in the place of its state or as an engine's answer, and what
declares it in more words (decision 0220)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import NOTIFY, REDEPLOY, allows

PROJECT = {"compose": {"project": "web", "service": "shop"}}


@pytest.mark.parametrize(
    "said",
    [
        {"docker ps -a": "no container named web-shop-1"},
        {"podman ps -a": ["shop: not found"]},
        {"docker ps -a --filter name=shop": []},
        {"check": "docker ps --filter name=shop", "found": False},
        {"container": "pruned by the nightly job"},
        {"conteneur": "supprimé par le nettoyage"},
        {"kontener": "web-shop-1: brak"},
        {"容器": "已删除"},
        {"docker": {"contenedor": "eliminado"}},
        {"service shop": "not in docker ps -a"},
        {"missing": "shop"},
        {"output": "shop: not found [CRITICAL]"},
        {"docker start": "Error: No such container: 4f1c2e8aa90b"},
        {"docker events": ["02:00 container destroy shop (docker container prune)"]},
        {"incus list": "no instance named shop"},
    ],
)
def test_what_is_said_to_be_absent_is_made_anew(said: dict[str, Any]) -> None:
    assert allows("service_trouble", PROJECT | said, service="shop", severity="error").preferred == REDEPLOY


@pytest.mark.parametrize(
    "said",
    [
        {"docker ps -a": "no container named web-cache-1"},
        {"docker ps -a --filter status=exited": ["web-shop-1"]},
        {"check": "GET /health", "found": False},
        {"container": "removed by the operator"},
        {"old_container": "removed"},
        {"previous": {"container": "gone"}},
        {"container": "web-cache-1: gone"},
        {"docker start": "Error: No such container: cache"},
        {"docker events": ["02:00 container destroy shop"]},  # somebody may have done that
        {"docker events": ["02:00 container destroy cache (docker container prune)"]},
        {"message": "shop: not found", "log": "container: removed"},
        {"missing": "cache"},
        {"file": "not found"},
    ],
)
def test_what_is_another_or_before_or_a_sentence_is_not_absent(said: dict[str, Any]) -> None:
    assert REDEPLOY not in allows("service_trouble", PROJECT | said, service="shop", severity="error").actions


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"compose.yml": "shop is in it, with restart: always"}, REDEPLOY),
        ({"docker-compose.yaml": "unchanged since May"}, REDEPLOY),
        ({"declared_in": "infra.git, host file of this node"}, REDEPLOY),
        ({"deklaration": "/srv/shop, seit Mai unverändert"}, REDEPLOY),
        ({"宣言": "shop:3.2"}, REDEPLOY),
        ({"compose.yml": "not there"}, NOTIFY),
        ({"declared_in": "nowhere"}, NOTIFY),
        ({"declaración": "ninguna"}, NOTIFY),
        ({"deklaration": "keine"}, NOTIFY),
    ],
)
def test_a_declaration_is_one_where_it_is_not_denied(said: dict[str, Any], wanted: str) -> None:
    assert allows("container_missing", said, service="shop", severity="error").preferred == wanted
