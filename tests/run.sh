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
step "Dockerfiles" hadolint --no-color $(git ls-files '*Dockerfile')
step "values and components" pytest -q -n 2 tests/unit tests/components tests/docs
step "a real control plane" pytest -q -m "not heavy" tests/cluster
# Two runs side by side, each with a stack of its own: one builds and runs images, the other kills and breaks things.
first=(tests/engine/test_main_job.py tests/engine/test_compose_for_real.py tests/engine/test_ensure_cli_for_real.py
  tests/engine/test_chains_for_real.py)
breaking() { pytest -q -m "not heavy" tests/engine "${first[@]/#/--deselect=}"; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
breaking >"$log" 2>&1 &
side=$!
status=0
step "real parts: the main job and its images" pytest -q -m "not heavy" "${first[@]}" tests/images || status=$?
wait "$side" || status=$?
printf '\n== real parts: plugins and interruptions\n'
cat "$log"
exit "$status"
