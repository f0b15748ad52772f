# shellcheck shell=bash
# Which hosts there are and how each is reached: the mesh's own Ansible inventory, the one truth about hosts.

INVENTORY=${INVENTORY:-${RUNTIME_PATH:-$ROOT/var}/config/inventory.yml}
NODES=''   # one line per host, fields as in lib/inventory.py
REFUSED='' # the hosts that cannot be used, each with its reason

read_inventory() {
  local python=$ROOT/.venv/bin/python
  [ -x "$python" ] || usage_error "there is no $ROOT/.venv; run 'make env' once"
  [ -r "$INVENTORY" ] || usage_error "$INVENTORY cannot be read; it is the Ansible inventory that names your hosts (see --help, --inventory)"
  NODES=$("$python" "$HERE/lib/inventory.py" "$INVENTORY" 2>"$WORK/inventory.err") \
    || usage_error "$INVENTORY is no inventory that can be used: $(tail -n 1 "$WORK/inventory.err" | cut -c1-300)"
  REFUSED=$(cat "$WORK/inventory.err")
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
  [ -n "$found" ] || usage_error "$(why_not "$1")"
  IFS=$'\x1f' read -r NODE _ SSH_HOST SSH_PORT SSH_USER SSH_KEY SSH_MORE CONNECTION NODE_RUNTIME _ <<<"$found"
}

why_not() {
  local reason
  reason=$(printf '%s\n' "$REFUSED" | awk -F '\037' -v name="$1" '$1 == name { print $2 }')
  echo "${reason:-$1 is not in $INVENTORY; hosts there: $(node_names | tr '\n' ' ')}"
}

# One line for each host that cannot be used.
refused_hosts() { printf '%s\n' "$REFUSED" | sed -n $'s/\x1f/: /p'; }
