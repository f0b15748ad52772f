"""How a process of the mesh is known on a host, in a container or not: an agent and a look of the executor ask it.

Not the node agent's: it is on each host. A test holds it against the table of services.
"""

from __future__ import annotations

# Matched from the beginning of /proc/PID/cmdline: `python -m executor_agent`, or an entry point called so.
MESH_PROCESS = r"(?:.*[/\x00])?(?:observer|planner[_-]agent|executor[_-]agent)(?:\x00|$)"
