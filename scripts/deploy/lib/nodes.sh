# shellcheck shell=bash
# Which hosts there are and how each is reached: the mesh's own Ansible inventory, the one truth about hosts.

INVENTORY=${INVENTORY:-${RUNTIME_PATH:-$ROOT/var}/config/inventory.yml}
NODES='' # one line per host, fields as in lib/inventory.py

read_inventory() {
  local python=$ROOT/.venv/bin/python listing
  [ -x "$python" ] || usage_error "there is no $ROOT/.venv; run 'make env' once"
  [ -r "$INVENTORY" ] || usage_error "$INVENTORY cannot be read; it is the Ansible inventory that names your hosts (see --help, --inventory)"
  listing=$(ANSIBLE_NOCOLOR=1 ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=True "$ROOT/.venv/bin/ansible-inventory" -i "$INVENTORY" --list 2>"$WORK/inventory.err") \
    || usage_error "$INVENTORY is no inventory that Ansible understands: $(grep -v '^ *$' "$WORK/inventory.err" | head -n 1 | cut -c1-200)"
  NODES=$(printf '%s' "$listing" | "$python" "$HERE/lib/inventory.py" 2>"$WORK/inventory.err") \
    || usage_error "$INVENTORY: $(tail -n 1 "$WORK/inventory.err")"
  [ -n "$NODES" ] || usage_error "$INVENTORY names no host; add one under all: hosts:"
}

# The names, one a line: of every host, or of those whose mendmesh_services has this service.
node_names() {
  printf '%s\n' "$NODES" | while IFS=$'\x1f' read -r name services _; do
    case ",$services," in *",${1:-},"* | *",all,"*) echo "$name" ;; *) [ -n "${1:-}" ] || echo "$name" ;; esac
  done
}

# Where a person named none: the one host that should run this service, the one host that there is, or this machine.
# Nothing where none of these is one.
default_node() {
  local names
  for names in "$(listed_for "$SERVICE")" "$(node_names)" "$(local_names)"; do
    [ -n "$names" ] && [ "$(printf '%s\n' "$names" | wc -l)" -eq 1 ] || continue
    echo "$names"
    return
  done
}

# The hosts whose inventory names this service: what a host runs unless told otherwise (the node agent) is no choice.
listed_for() { printf '%s\n' "$NODES" | awk -F '\037' -v name="$1" '$10 == "listed" && index("," $2 ",", "," name ",") { print $1 }'; }
local_names() { printf '%s\n' "$NODES" | awk -F '\037' '$8 == "local" { print $1 }'; }

# Sets what lib/ssh.sh reaches the node with. The name has to be in the inventory.
choose_node() {
  local found
  found=$(printf '%s\n' "$NODES" | awk -F '\037' -v name="$1" '$1 == name')
  [ -n "$found" ] || usage_error "$1 is not in $INVENTORY; hosts there: $(node_names | tr '\n' ' ')"
  IFS=$'\x1f' read -r NODE _ SSH_HOST SSH_PORT SSH_USER SSH_KEY SSH_MORE CONNECTION NODE_RUNTIME _ <<<"$found"
}
