# shellcheck shell=sh
# After the proof: remembers that this release was healthy, removes what nobody can roll back to. Argument: release.
KEEP=3 # the running release and two that were proven before it
main() {
  touch "$RELEASES/$1/verified"
  kept=$(ls -t "$RELEASES"/*/verified | head -n "$KEEP" | xargs -n 1 dirname | xargs -n 1 basename)
  for folder in "$RELEASES"/*; do
    id=$(basename "$folder")
    printf '%s\n' "$kept" "$(current)" | grep -qx "$id" && continue
    rm -rf "$folder"
    [ "$KIND" = systemd ] || docker rmi "mendmesh/$SERVICE:$id" >/dev/null 2>&1
  done
  for folder in "$BASE"/parts/*; do
    [ -d "$folder" ] || continue
    grep -qrs "$(basename "$folder")" "$RELEASES"/*/parts.id || rm -rf "$folder"
  done
  say "settled=yes"
}
