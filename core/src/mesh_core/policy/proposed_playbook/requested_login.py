"""May a playbook log in as it says? Where it leaves that to the inventory, always. Pure.

Asked where it is drafted, where it is edited, and once more before it runs.
"""

from __future__ import annotations

from mesh_core.models.proposals import Playbook
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.inventory.connection import ConnectionKind, connection_of, filled_in
from mesh_core.policy.policy import Policy


def login_problem(playbook: Playbook, node: str, policy: Policy, inventory: Inventory | None = None) -> str:
    """A sentence, '' where it may. `inventory` for whoever knows it: only a host reached over ssh has a login."""
    login = playbook.login
    if login is None:
        return ""
    if login.user is not None and login.user not in policy.users:
        may = f"only {', '.join(sorted(policy.users))}" if policy.users else "nobody"
        return (
            f"it would log in as {login.user}, and config/policy.yml lets {may} be named there (requests: users: [...])"
        )
    if login.port is not None and login.user is None:
        return f"it names the port {login.port} without a user; name both, or none"
    if inventory and inventory.is_host(node):
        reached = connection_of(node, filled_in(node, inventory.variables_of(node)))
        if reached.kind is not ConnectionKind.SSH:
            return f"{node} is reached by {reached.name} and not over ssh, so no user or key can be named for it"
    return ""
