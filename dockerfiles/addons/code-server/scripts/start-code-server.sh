#!/bin/bash
# Starts code-server on the workspace. CODE_SERVER_PASSWORD, where it is set, turns on authentication whatever
# CODE_SERVER_AUTH says: `none` is the image's default, and means that the port has no password of its own.
set -euo pipefail

readonly program=/opt/codeopen/code-server
auth=${CODE_SERVER_AUTH:-none}
case $auth in
  none | password) ;;
  *)
    echo "code-server: CODE_SERVER_AUTH is $auth: write none or password" >&2
    exit 1
    ;;
esac
if [ -n "${CODE_SERVER_PASSWORD:-}" ]; then
  auth=password
  # code-server takes it from here and hides it from the terminals that it starts.
  export PASSWORD="$CODE_SERVER_PASSWORD"
fi
unset CODE_SERVER_PASSWORD

# First settings of a new home; they are the user's from then on.
settings="${XDG_DATA_HOME:-$HOME/.local/share}/code-server/User/settings.json"
if [ ! -e "$settings" ]; then
  mkdir -p "${settings%/*}"
  cp "$program/settings.json" "$settings"
fi

exec code-server --bind-addr "0.0.0.0:$CODE_SERVER_PORT" --auth "$auth" \
  --disable-telemetry --disable-update-check --disable-getting-started-override "$WORKSPACE"
