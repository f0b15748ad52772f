# shellcheck shell=bash
# What a release is made of. Its name is the digest of everything that goes in, so the same tree is the same release.

sha() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }

# Every file that decides what would run, one a line, relative to the checkout.
inputs() {
  (
    cd "$ROOT" || exit 1
    # the image builds the dashboard itself; without Docker it goes along as it was built here
    if [ "$KIND" = docker ]; then built=dist unit=mendmesh-$SERVICE.service; else built=.none unit=.none; fi
    find core/src core/pyproject.toml "services/$SERVICE" \
      \( -name __pycache__ -o -name tests -o -name node_modules -o -name "$built" -o -name '.*_cache' -o -name '*.egg-info' \) -prune \
      -o -type f ! -name '.env' ! -name '*.pyc' ! -name "$unit" -print
    for file in .dockerignore scripts/image/* requirements-collections.lock requirements-web.lock; do
      [ ! -f "$file" ] || echo "$file"
    done
  ) | LC_ALL=C sort
}

release_digest() {
  (cd "$ROOT" && inputs | tr '\n' '\0' | { xargs -0 cat; inputs; echo "$KIND ${BASE_IMAGE:-}"; } | sha | cut -c1-12)
}

# The packages of a service on a node without Docker: the lock says exactly which. Its processor and Python come to it there.
parts_digest() {
  (cd "$ROOT" && cat "services/$SERVICE/requirements.lock" requirements-collections.lock scripts/image/unpack_collections.py | sha | cut -c1-12)
}
