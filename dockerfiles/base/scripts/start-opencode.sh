#!/bin/bash
# Starts OpenCode's server; OPENCODE_SERVER_PASSWORD, where it is set, turns on basic authentication.
set -euo pipefail

address=$(codeopen-bind-address OPENCODE_SERVER OPENCODE_HOST)
exec opencode serve --port "${OPENCODE_PORT:-4096}" --hostname "$address"
