#!/usr/bin/env bash
# Copies images of the stack's registry to another one, under their version:
#   ./scripts/push.sh --to ghcr.io/OWNER [--dry-run] [NAME…]
set -euo pipefail
. "$(dirname -- "$(readlink -f -- "$0")")/config.sh"
registry=()
if [ -n "${REGISTRY:-}" ]; then registry=(--registry "$REGISTRY"); fi
exec codeopen push "${registry[@]}" "$@"
