#!/usr/bin/env bash
# What `make test` runs once the machine is set up: linters, types, tests of values, and tests with the real parts.
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
  local start=$SECONDS title=$1 code=0
  shift
  printf '\n== %s\n' "$title"
  "$@" || code=$?
  printf -- '-- %s: %d s\n' "$title" $((SECONDS - start))
  return "$code"
}

logs=$(mktemp -d)
side=
trap '[ -z "$side" ] || kill "$side" 2>/dev/null || true; rm -rf "$logs"' EXIT
# Starts what runs beside the next steps, and what it says is printed at its end: `joined` waits for that.
beside() {
  local title=$1
  shift
  step "$title" "$@" >"$logs/side" 2>&1 &
  side=$!
}
joined() {
  local code=0
  wait "$side" || code=$?
  side=
  cat "$logs/side"
  return "$code"
}

step "ruff" ruff check --quiet .
step "format" ruff format --check --quiet .
# It waits more than it works. Each process has a control plane of its own, for one file of tests after the other.
beside "a real control plane" pytest -q -n 2 --dist loadfile -m "not heavy" tests/cluster
step "types" mypy
step "Dockerfiles" hadolint --no-color $(git ls-files '*Dockerfile')
step "values and components" pytest -q -n 2 tests/unit tests/components tests/docs
joined
# Two runs side by side, each with a stack of its own: one builds and runs images, the other kills and breaks things.
first=(tests/engine/test_main_job.py tests/engine/test_compose_for_real.py tests/engine/test_ensure_cli_for_real.py
  tests/engine/test_chains_for_real.py)
beside "real parts: plugins and interruptions" pytest -q -m "not heavy" tests/engine "${first[@]/#/--deselect=}"
status=0
step "real parts: the main job and its images" pytest -q -m "not heavy" "${first[@]}" tests/images || status=$?
joined || status=$?
exit "$status"
