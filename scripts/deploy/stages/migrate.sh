# shellcheck shell=bash
# The folders of the mesh on the node, with the owners and modes that keep the promise. Adds and corrects; removes nothing.

migrate() {
  local words
  stage migrate
  words=$(on_node_script folders "$RELEASE" "$NODE" 2>&1) || fail 40 "its folders or files are not ready for this version: $(printf '%s\n' "$words" | sed -n 's/^error=//p' | tail -n 1); what runs there is untouched"
  case $words in
    *changed=*) ok "$(printf '%s\n' "$words" | sed -n 's/^changed=//p' | paste -sd , - )" ;;
    *) same "folders and modes" ;;
  esac
}
