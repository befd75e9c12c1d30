#!/usr/bin/env bash
# What `make test` runs once the machine is set up: linters, types, tests of values, then tests with the real parts.
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
  local start=$SECONDS title=$1
  shift
  printf '\n== %s\n' "$title"
  "$@"
  printf -- '-- %s: %d s\n' "$title" $((SECONDS - start))
}

step "ruff" ruff check --quiet .
step "format" ruff format --check --quiet .
step "types" mypy
step "values and components" pytest -q -n 2 tests/unit tests/components tests/docs
step "real parts" pytest -q tests/engine tests/images
