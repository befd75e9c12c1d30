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
trap '[ "${#sides[@]}" = 0 ] || kill "${sides[@]}" 2>/dev/null || true; rm -rf "$logs"' EXIT
# Starts what runs beside the next steps, under a name. What it says is printed at its end: `joined` waits for that.
beside() {
  local name=$1 title=$2
  shift 2
  step "$title" "$@" >"$logs/$name" 2>&1 &
  sides[$name]=$!
}
joined() {
  local name=$1 code=0
  wait "${sides[$name]}" || code=$?
  unset "sides[$name]"
  cat "$logs/$name"
  return "$code"
}

step "ruff" ruff check --quiet .
step "format" ruff format --check --quiet .
# It waits more than it works. Each process has a control plane of its own, for one file of tests after the other.
beside cluster "a real control plane" pytest -q -n 2 --dist loadfile -m "not heavy" tests/cluster
step "types" mypy
step "Dockerfiles" hadolint --no-color $(git ls-files '*Dockerfile')
step "site of the documentation" env NO_MKDOCS_2_WARNING=1 mkdocs build
step "values and components" pytest -q -n 2 -m "not heavy" tests/unit tests/components tests/docs tests/service
# Two runs side by side, each with a stack of its own: one builds and runs images, the other kills and breaks things.
first=(tests/engine/test_main_job.py tests/engine/test_compose_for_real.py tests/engine/test_ensure_cli_for_real.py
  tests/engine/test_chains_for_real.py)
beside plugins "real parts: plugins and interruptions" \
  pytest -q -m "not heavy" tests/engine "${first[@]/#/--deselect=}"
status=0
step "real parts: the main job and its images" pytest -q -m "not heavy" "${first[@]}" tests/images || status=$?
joined plugins || status=$?
joined cluster || status=$?
exit "$status"
