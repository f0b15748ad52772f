"""`docker compose up` of the whole product on a real engine: healthy, small, separated, and it heals after a `mv`."""

from __future__ import annotations

from parts.product import UP_SECONDS, Product


def test_everything_is_healthy_in_time(product: Product) -> None:
    assert product.up_seconds <= UP_SECONDS
    states = product.compose.health()
    assert states.pop("permissions") == "exited"
    assert set(states.values()) == {"healthy"}, states
    assert set(states) == {"redis", "planner-agent", "executor-agent", "node-agent", "observer"}
