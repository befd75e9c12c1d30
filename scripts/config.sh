#!/usr/bin/env bash
# What all build commands share: set it here or in the environment. Run it to see it.
#   REGISTRY  host:port of the registry; default: the stack's
#   STACK     the stack whose settings count; default: what `make setup` chose
#   BUILDER   a builder of docker buildx, or an endpoint (see `codeopen build --help`); default: the stack's
CODEOPEN_CHECKOUT=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd -P)
cd -- "$CODEOPEN_CHECKOUT"
if [ ! -f .codeopen/env ]; then
  echo "${0##*/}: this checkout is not set up; run: make setup" >&2
  exit 1
fi
. .codeopen/env
CODEOPEN_STACK=${STACK:-$CODEOPEN_STACK}
export CODEOPEN_STACK
CODEOPEN_OPTIONS=()
if [ -n "${REGISTRY:-}" ]; then CODEOPEN_OPTIONS+=(--registry "$REGISTRY"); fi
if [ -n "${BUILDER:-}" ]; then CODEOPEN_OPTIONS+=(--builder "$BUILDER"); fi
if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  printf 'stack %s\nversion %s\noptions %s\n' "$CODEOPEN_STACK" "$(cat VERSION)" "${CODEOPEN_OPTIONS[*]:-none}"
fi
