#!/bin/sh
# Unpacks what comes on stdin into a folder that is there whole or not at all. Arguments: folder.
set -eu
folder=$1
part=$folder.part
umask 022
mkdir -p "$(dirname "$folder")"
rm -rf "$part"
mkdir "$part"
if ! words=$(tar -xf - -C "$part" 2>&1); then
  rm -rf "$part"
  case $words in
    *"No space left"* | *"Wrote only"*) echo "its disk ran full; nothing was kept" ;;
    *) printf '%s\n' "$words" | head -n 1 ;;
  esac
  exit 1
fi
if [ -d "$part/lib" ]; then python3 -m compileall -q "$part/lib" >/dev/null 2>&1 || true; fi # nobody may write there later
touch "$part/whole"
rm -rf "$folder"
mv "$part" "$folder"
