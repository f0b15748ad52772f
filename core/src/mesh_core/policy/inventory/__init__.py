"""The hosts that may ever be touched: config/inventory.yml (YAML or INI), and group_vars/ and host_vars/ beside it.

Reads what Ansible would read and runs nothing: no plugins, no scripts, no templates, no vault. A host of which
something cannot be used here is refused alone, with the line; the others stay.
"""

from mesh_core.policy.inventory.inventory import Inventory as Inventory
from mesh_core.policy.inventory.inventory import InventoryError as InventoryError
