#!/bin/sh
# Builds the dashboard: services/observer/page -> services/observer/src/observer/web/dist. Called by `make env` and
# `make page`; does nothing when nothing changed. Without npm's registry the old page stays, or none: all else works.
set -eu
say() { printf '%s\n' "$*"; }

page=services/observer/page
dist=services/observer/src/observer/web/dist
bin="$PWD/$VENV/bin"
export PATH="$bin:$PATH" NPM_CONFIG_UPDATE_NOTIFIER=false

later() {
  say "the dashboard is not built: $1"
  say "  everything else works, and the page says how to build it; try again with: make page"
  # `make env` goes on; `make page` was asked for just this
  [ "${PAGE_MUST:-}" = 1 ] && exit 1
  exit 0
}

sums() { find "$page" -path "$page/node_modules" -prune -o -type f -exec sha256sum {} + | sort | sha256sum; }
wanted=$(sums)
[ -f "$dist/index.html" ] && [ "$(cat "$dist/.made-from" 2>/dev/null)" = "$wanted" ] && exit 0

if ! [ -x "$bin/node" ]; then
  "$bin/uv" pip install -q --python "$bin/python" --no-deps --require-hashes -r requirements-web.lock \
    || later "Node.js could not be fetched from the package index"
fi
say "building the dashboard ..."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
lock=$(sha256sum <"$page/package-lock.json")
if [ "$(cat "$page/node_modules/.made-from" 2>/dev/null)" != "$lock" ]; then
  # ci: exactly what the lock says, by its hashes; no package runs a script of its own
  (cd "$page" && npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --loglevel=error) >"$log" 2>&1 \
    || { tail -n 5 "$log"; later "npm could not fetch its packages"; }
  printf '%s\n' "$lock" >"$page/node_modules/.made-from"
fi
(cd "$page" && node node_modules/vite/bin/vite.js build --logLevel warn) >"$log" 2>&1 \
  || { tail -n 20 "$log"; later "the build failed"; }
printf '%s\n' "$wanted" >"$dist/.made-from"
say "the dashboard is built."
