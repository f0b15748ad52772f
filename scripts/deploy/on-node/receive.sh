#!/bin/sh
# Unpacks what comes on stdin into a folder that is there whole or not at all. Arguments: folder.
set -eu
folder=$1
part=$folder.part
umask 022
mkdir -p "$(dirname "$folder")"
rm -rf "$part"
mkdir "$part"
if ! tar -xf - -C "$part" 2>"$part.err"; then
  sentence=$(tail -n 1 "$part.err")
  rm -rf "$part" "$part.err"
  case $sentence in
    *"No space left"*) echo "its disk ran full; nothing was kept" ;;
    *) echo "$sentence" ;;
  esac
  exit 1
fi
rm -f "$part.err"
if [ -d "$part/lib" ]; then python3 -m compileall -q "$part/lib" >/dev/null 2>&1 || true; fi # nobody may write there later
touch "$part/whole"
rm -rf "$folder"
mv "$part" "$folder"
