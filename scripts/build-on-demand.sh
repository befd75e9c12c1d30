#!/usr/bin/env bash
# Finds or makes the image of any combination, and prints its reference:
#   ./scripts/build-on-demand.sh --flavor=FLAVOR --addons=ADDON[,ADDON…] [--dry-run]
set -euo pipefail
. "$(dirname -- "$(readlink -f -- "$0")")/config.sh"
exec codeopen ensure "${CODEOPEN_OPTIONS[@]}" "$@"
