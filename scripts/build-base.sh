#!/usr/bin/env bash
# Builds the base image: ./scripts/build-base.sh [--dry-run]
set -euo pipefail
. "$(dirname -- "$(readlink -f -- "$0")")/config.sh"
exec codeopen build base "${CODEOPEN_OPTIONS[@]}" "$@"
