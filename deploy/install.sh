#!/usr/bin/env bash
# Install what the lock files pin into the environment whose bin/ is $1. Every file's hash is checked.
# uv takes seconds where pip takes minutes; where uv can not be had, pip does the same work.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$1
log=$(mktemp)
trap 'rm -f "$log"' EXIT

quiet() {
    "$@" >"$log" 2>&1
}

export PIP_DISABLE_PIP_VERSION_CHECK=1
if quiet "$bin/pip" install --quiet --require-hashes -r requirements-installer.lock &&
    VIRTUAL_ENV=$(cd "$bin/.." && pwd) quiet "$bin/uv" pip install --require-hashes -r requirements.lock; then
    exit 0
fi
printf '(with pip, this takes a few minutes) … '
if ! quiet "$bin/pip" install --quiet --require-hashes -r requirements.lock; then
    printf 'failed:\n' >&2
    tail -20 "$log" >&2
    exit 1
fi
