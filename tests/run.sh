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
declare -A sides=()
# Starts what runs beside the steps: it waits more than it works. What it says comes at the end.
beside() {
  local title=$1
  shift
  step "$title" "$@" >"$logs/$title" 2>&1 &
  sides[$title]=$!
}
trap '[ ${#sides[@]} = 0 ] || kill "${sides[@]}" 2>/dev/null || true; rm -rf "$logs"' EXIT

step "ruff" ruff check --quiet .
step "format" ruff format --check --quiet .
# Each file of tests finds a control plane of its process, and nothing that another one left half done.
beside "a real control plane" pytest -q -n 2 --dist loadfile -m "not heavy" tests/cluster
step "types" mypy
step "Dockerfiles" hadolint --no-color $(git ls-files '*Dockerfile')
step "values and components" pytest -q -n 2 tests/unit tests/components tests/docs
# Two runs side by side, each with a stack of its own: one builds and runs images, the other kills and breaks things.
first=(tests/engine/test_main_job.py tests/engine/test_compose_for_real.py tests/engine/test_ensure_cli_for_real.py
  tests/engine/test_chains_for_real.py)
beside "real parts: plugins and interruptions" pytest -q -m "not heavy" tests/engine "${first[@]/#/--deselect=}"
status=0
step "real parts: the main job and its images" pytest -q -m "not heavy" "${first[@]}" tests/images || status=$?
for title in "${!sides[@]}"; do
  wait "${sides[$title]}" || status=$?
  unset "sides[$title]"
  cat "$logs/$title"
done
exit "$status"
