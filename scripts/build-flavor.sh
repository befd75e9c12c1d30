#!/usr/bin/env bash
# Builds a flavor's image, and the base where it is missing: ./scripts/build-flavor.sh FLAVOR [--dry-run]
set -euo pipefail
if [ $# -lt 1 ]; then
  echo "usage: ${0##*/} FLAVOR [--dry-run], as in ${0##*/} python" >&2
  exit 2
fi
. "$(dirname -- "$(readlink -f -- "$0")")/config.sh"
exec codeopen build "${CODEOPEN_OPTIONS[@]}" "$@"
