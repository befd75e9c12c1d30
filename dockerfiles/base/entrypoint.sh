#!/bin/bash
# Prepares the home and runs the command: the services, unless the container was given another one.
set -euo pipefail

. /usr/local/lib/codeopen/common-setup.sh
hide_gateway_password
prepare_home
cd "$WORKSPACE"
exec "$@"
