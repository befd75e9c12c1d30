#!/usr/bin/env bash
# Has the image of a flavor with add-ons made: ./scripts/build-addon.sh FLAVOR ADDON[,ADDON…] [--dry-run]
set -euo pipefail
if [ $# -lt 2 ]; then
  echo "usage: ${0##*/} FLAVOR ADDON[,ADDON…] [--dry-run], as in ${0##*/} python gui,code-server" >&2
  exit 2
fi
flavor=$1 addons=$2
shift 2
. "$(dirname -- "$(readlink -f -- "$0")")/config.sh"
exec codeopen ensure --flavor "$flavor" --addon "$addons" "${CODEOPEN_OPTIONS[@]}" "$@"
