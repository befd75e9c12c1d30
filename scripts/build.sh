#!/usr/bin/env bash
# Builds base, all flavors (in parallel where one doesn't need the other) and the popular combinations:
#   ./scripts/build.sh [--dry-run] [NAME…]
set -euo pipefail
. "$(dirname -- "$(readlink -f -- "$0")")/config.sh"
exec codeopen build "${CODEOPEN_OPTIONS[@]}" "$@"
