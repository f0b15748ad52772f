"""The real parts under the tests, known to every test folder. The fixtures live in tests/parts, nothing here."""

pytest_plugins = [
    "parts.report",
    "parts.again",
    "parts.kinds",
    "parts.side_by_side",
    "parts.redis",
    "parts.redis_acl",
    "parts.model",
    "parts.scripted",
    "parts.disk",
    "parts.docker",
    "parts.product",
    "parts.far_node",
    "parts.playing",
    "parts.nodes",
    "parts.prometheus",
]
