#!/bin/bash
# Starts every service of the image and keeps it running: OpenCode, the ACP gateway, and those of the add-ons.
# SIGTERM ends all of them.
set -uo pipefail

readonly SOCKET=/tmp/supervisor.sock
# The gateway keeps a file there for each turn that runs.
readonly TURNS="${ACP_GATEWAY_STATE_DIRECTORY:-${XDG_STATE_HOME:-$HOME/.local/state}/codeopen/acp-gateway}/running"

# supervisord stops one program after the other, the gateway first, which lets running turns end: what they work with, such
# as a database, goes on until then. After that, told all at once, programs need the time of the slowest.
stop_services() {
  local service
  trap '' TERM INT
  kill -TERM "$supervisor" 2>/dev/null
  while compgen -G "$TURNS/*" >/dev/null && pgrep --parent "$supervisor" --full acp-gateway >/dev/null; do sleep 0.1; done
  for service in $(pgrep --parent "$supervisor"); do kill -TERM -- "-$service" 2>/dev/null; done
  wait "$supervisor"
  exit 0
}

# A restarted container still has the socket of its last run.
rm -f "$SOCKET"
supervisord --configuration /etc/supervisor/supervisord.conf &
supervisor=$!
trap stop_services TERM INT
# It first looks at its programs a second after its own start, unless somebody speaks to it before.
for _ in {1..60}; do
  if curl --silent --max-time 1 --output /dev/null --unix-socket "$SOCKET" http://localhost/; then break; fi
  sleep 0.05
done
wait "$supervisor"
