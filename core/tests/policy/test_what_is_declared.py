"""Where a container is declared, that it is not there, and that it is not what was declared, in many shapes (decision
0209)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import NOTIFY, REDEPLOY, RESTART, allows


@pytest.mark.parametrize(
    "said",
    [
        {"stack": "/opt/stacks/wiki/compose.yaml"},
        {"stack": "media", "file": "/srv/media/docker-compose.yml"},
        {"compose": "/srv/wiki/docker-compose.yml"},
        {"compose": "services: shop: image: shop:2"},
        {"compose_path": "/srv/wiki/compose.yml (unchanged)"},
        {"project_file": "/srv/wiki/podman-compose.yaml"},
        {"should_come_from": "/srv/wiki/compose.prod.yml"},
        {"source": "compose.yml, changed in June"},
        {"config_files": ["/srv/wiki/compose.yml"]},
        {"stack": {"name": "wiki", "path": "/srv/wiki/compose.yml"}},
        {"expected_services": ["shop", "cache"], "file": "/srv/compose.yml"},
    ],
)
def test_what_is_missing_and_has_a_compose_file_is_made_from_it(said: dict[str, Any]) -> None:
    assert allows("container_missing", said, service="shop", severity="error").preferred == REDEPLOY


@pytest.mark.parametrize(
    "said",
    [
        {"stack": "web", "stack_file": "unchanged"},  # a swarm's: compose makes none of its tasks
        {"compose": "none"},
        {"compose": False},
        {"previous_file": "/srv/wiki/compose.yml"},  # it moved
        {"logs": ["/srv/wiki/compose.yml"]},
        {"message": "/srv/wiki/compose.yml (line 3)"},
    ],
)
def test_what_is_missing_and_has_none_is_told(said: dict[str, Any]) -> None:
    assert allows("container_missing", said, service="shop", severity="error").preferred == NOTIFY


DOCKER = {"runtime": "docker", "container": "shop"}
PROJECT = {"compose": {"project": "web", "service": "shop"}}


@pytest.mark.parametrize(
    "said",
    [
        {"declared_services": ["shop", "cache"], "running": ["cache"]},
        {"expected": ["web-shop-1", "web-cache-1"], "present": ["web-cache-1"]},
        {"services": {"shop": "absent", "cache": "running"}},
        {"inspect": "Error: No such object: shop"},
        {"engine": "no such container: shop"},
        {"docker": "Error response from daemon: No such container: web-shop-1"},
        {"container_exists": False},
        {"deklariert": ["shop", "cache"], "vorhanden": ["cache"]},
        {"déclarés": ["web-shop-1"], "présents": []},
        {"docker ps -a": ["web-cache-1 Up 6 days", "web-db-1 Exited (0) 2 days ago"]},
        {"podman start shop": "Error: no such container: shop"},
        {"container": {"exists": "no"}},
    ],
)
def test_what_its_fields_say_is_not_there_is_gone(said: dict[str, Any]) -> None:
    assert allows("service_trouble", PROJECT | said, service="shop", severity="error").preferred == REDEPLOY


@pytest.mark.parametrize(
    "said",
    [
        {"declared_services": ["shop", "cache"], "running": ["shop"]},  # another one
        {"services": {"shop": "running", "cache": "absent"}},
        {"inspect": "Error: No such object: cache"},
        {"logs": ["Error: No such object: shop"]},
        {"message": "no such container: shop"},
        {"expected": ["shop"], "present": "unknown"},
        {"docker ps -a": ["web-shop-1 Exited (1) 2 hours ago"]},
        {"docker ps -a": []},  # nobody says that it is all
    ],
)
def test_what_is_said_of_another_or_in_a_sentence_is_not_gone(said: dict[str, Any]) -> None:
    assert REDEPLOY not in allows("service_trouble", PROJECT | said, service="shop", severity="error").actions


@pytest.mark.parametrize(
    "said",
    [
        {"expected_image": "shop:1.2", "actual_image": "shop:1.1"},
        {"image_declared": "shop:1.2", "image_running": "shop:1.1"},
        {"desired": {"image": "shop:1.2"}, "current": {"image": "shop:1.1"}},
        {"compose_ports": ["80:80"], "container_ports": ["8080:80"]},
        {"differs": {"command": {"file": "serve --quic", "running": "serve"}}},
        {"diff": {"ports": {"expected": [80], "actual": [8080]}}},
        {"drift": {"env.TZ": {"wanted": "Europe/Rome", "live": "UTC"}}},
        {"declared_restart": "unless-stopped", "restart_policy": "no"},
        {"declared_volumes": ["a:/a", "b:/b"], "volumes": ["a:/a"]},
        {"wanted_env": {"A": "1"}, "env": {"A": "2"}},
        {"declaredNetworks": ["edge"], "liveNetworks": []},
        {"spec": {"image": "shop:2"}, "running": {"image": "shop:1"}},
        {"declared": "registry.lan/shop:1.4", "running": "registry.lan/shop:1.2"},
    ],
)
def test_what_is_not_what_was_declared_is_made_anew(said: dict[str, Any]) -> None:
    assert allows("config_drift", DOCKER | said, service="shop", severity="warning").preferred == REDEPLOY


@pytest.mark.parametrize(
    "said",
    [
        {"expected_temperature": 21, "actual_temperature": 18},
        {"expected_status": 200, "actual_status": 502},
        {"expected_image": "shop:1.2", "actual_image": "shop:1.2"},
        {"diff": {"ports": {"expected": [80], "actual": [80]}}},
        {"previous": {"image": "shop:1"}, "running": {"image": "shop:2"}},
        {"latest_version": "2.1", "running_version": "2.0"},
        {"declared": "up", "running": "no"},
        {"logs": [{"declared_image": "shop:1"}, {"image": "shop:2"}]},
    ],
)
def test_what_differs_otherwise_is_no_drift(said: dict[str, Any]) -> None:
    assert REDEPLOY not in allows("service_trouble", DOCKER | said, service="shop", severity="warning").actions


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"error": "joining network namespace of container: No such container: 4b1e77"}, REDEPLOY),
        ({"error": "cannot join network of a non running container: 4b1e77 (gone)"}, REDEPLOY),
        ({"error": "cannot join network of a non running container: 4b1e77"}, RESTART),  # it may be started again
    ],
)
def test_whose_network_is_not_there_any_more_is_made_anew(said: dict[str, Any], wanted: str) -> None:
    payload = PROJECT | {"state": "Exited (128)"} | said
    assert allows("network_lost", payload, service="shop", severity="error").preferred == wanted


@pytest.mark.parametrize(
    "said",
    [
        {"image_have": "lan/shop:1.1", "image_want (compose of the new release)": "lan/shop:1.2"},
        {"宣言": "lan/shop:1.2", "実行中": "lan/shop:1.1"},
        {"imagen declarada": "lan/shop:1.2 (revisada)", "imagen en ejecución": "lan/shop:1.1"},
        {"declared": "main: lan/shop:1.2, merged in May", "running": "lan/shop:1.1"},
        {"Config.Image": "lan/shop:2", "expected by its owner": "registry.example/new/shop:2"},
    ],
)
def test_an_image_that_should_run_is_known_by_a_word_of_its_key(said: dict[str, Any]) -> None:
    assert allows("image_old", said, service="shop", severity="warning").preferred == REDEPLOY


@pytest.mark.parametrize(
    "said",
    [
        {"image_have": "lan/shop:1.1", "image_want": "lan/shop:1.1 (same)"},
        {"declared as image": "lan/cache:1.2", "running image": "lan/shop:1.1"},
        {"latest": "lan/shop:1.2", "running": "lan/shop:1.1"},
        {"image in compose": "lan/shop:1.2 or lan/shop:1.3", "image that runs": "lan/shop:1.1"},
        {"declared and running": "lan/shop:1.2", "running": "lan/shop:1.1"},
    ],
)
def test_two_images_of_which_nobody_says_what_should_run_are_no_drift(said: dict[str, Any]) -> None:
    assert REDEPLOY not in allows("image_old", said, service="shop", severity="warning").actions


def test_where_the_engine_went_back_by_itself_a_person_is_told() -> None:
    images = {"image_declared": "lan/shop:1.2", "image_running": "lan/shop:1.1"}
    went_back = images | {"log": ["Health check failed, initiating rollback"]}
    assert allows("update_failed", went_back, service="shop", severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    "said",
    [
        {"error": "failed to set up container networking: network 77ab12 not found"},
        {"err": "Error response from daemon: network shop_back not found"},
        {"docker": {"Error": "network shop_back not found"}},
        {"erreur": "failed to create endpoint shop on network back: bridge br-77ab: device does not exist"},
    ],
)
def test_what_hangs_on_a_network_that_is_not_found_is_made_anew(said: dict[str, Any]) -> None:
    payload = PROJECT | {"state": "Exited (128)"} | said
    assert allows("start_failed", payload, service="shop", severity="error").preferred == REDEPLOY
    beside = PROJECT | {"log": str(said), "message": str(said), "neighbour": said}
    assert REDEPLOY not in allows("start_failed", beside, service="shop", severity="error").actions
