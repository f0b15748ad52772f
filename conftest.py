"""The real parts under the tests, known to every test folder. The fixtures live in tests/parts, nothing here."""

from importlib.util import find_spec

from hypothesis import settings

settings.register_profile("mesh", deadline=None)  # other work on the machine is no bug
settings.load_profile("mesh")

pytest_plugins = [
    "parts.report",
    "parts.last_words",
    "parts.garbage",
    "parts.again",
    "parts.shake",
    "parts.stall",
    "parts.kinds",
    "parts.rows",
    "parts.qualified",
    "parts.side_by_side",
    "parts.register",
    "parts.redis",
    "parts.redis_acl",
    "parts.model",
    "parts.scripted",
    "parts.disk",
    "parts.docker",
    "parts.product",
    "parts.nodes",
    "parts.prometheus",
    # The virtual environment of one service (docs/seeds.md) has no executor to play with.
    *(["parts.playing"] if find_spec("executor_agent") else []),
]
