"""The product and a second node of it, up for the tests of this folder and no longer: at rest, too, its containers and
their health checks take the machine a tenth of a core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from parts.engine import Engine
from parts.far_node import FarNode, second_node
from parts.product import Product, product_up


@pytest.fixture(scope="package")
def product(engine: Engine, product_images: Mapping[str, str], compose_plugin: Path) -> Iterator[Product]:
    """One for all tests of this folder: put back what you broke."""
    with product_up(engine, product_images, compose_plugin) as product:
        yield product


@pytest.fixture(scope="package")
def far_node(product: Product) -> Iterator[FarNode]:
    with second_node(product) as node:
        yield node
