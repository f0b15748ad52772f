# shellcheck shell=sh
# The folders that this service needs on this node, their owners and modes: the table in mesh_core, by the release itself.
# Then the layout of the files in them, if a step is due. Arguments: release, node name.
main() {
  release=$1 node=$2
  tag=mendmesh/$SERVICE:$release
  words=$(as_root mesh_core.security.bootstrap --service "$SERVICE" --here "$node") || sorry "$(printf '%s\n' "$words" | tail -n 1)"
  case $words in
    *"nothing to do"*) ;;
    *) say "changed=folders: $(printf '%s\n' "$words" | grep -c .) made or corrected" ;;
  esac
  layout
  say "folders=yes"
}

# A version without the module has one layout only. What is due is done only while nothing runs on these files; by root,
# because the files of a node belong to several services.
layout() {
  words=$(as_root mesh_core.storage.migrations --dry-run) || case $words in
    *"No module named"*) return ;;
    *) sorry "$(printf '%s\n' "$words" | tail -n 1)" ;;
  esac
  case $words in *due:*) ;; *) return ;; esac
  words=$(as_root mesh_core.storage.migrations) || sorry "$(printf '%s\n' "$words" | tail -n 1); make a backup first (mend backup)"
  say "changed=files: $(printf '%s\n' "$words" | tail -n 1)"
}

as_root() {
  module=$1
  shift
  if [ "$KIND" = systemd ]; then "$RELEASES/$release/bin/python" -P -m "$module" "$@" "$RUNTIME" 2>&1; else
    mkdir -p "$RUNTIME"
    docker run --rm --pull never --network none --user 0:0 --cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE \
      --cap-add FOWNER --cap-add FSETID --entrypoint python -v "$RUNTIME:/opt/homelab" "$tag" -m "$module" "$@" /opt/homelab 2>&1
  fi
}
