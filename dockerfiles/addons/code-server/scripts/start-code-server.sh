#!/bin/bash
# Starts code-server on the workspace. CODE_SERVER_PASSWORD, where it is set, turns on authentication whatever
# CODE_SERVER_AUTH says. `none` is the image's default: the page has no password, and only this container reaches it.
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
if [[ ${CODE_SERVER_PASSWORD:-} =~ [^[:space:]] ]]; then
  auth=password
  # code-server takes it from here and hides it from the terminals that it starts.
  export PASSWORD="$CODE_SERVER_PASSWORD"
elif [[ ! ${PASSWORD:-} =~ [^[:space:]] ]]; then
  unset PASSWORD
fi
# With `password` and none given, code-server makes one up.
if [ "$auth" = password ]; then
  address=${CODE_SERVER_HOST:-0.0.0.0}
else
  address=$(codeopen-bind-address CODE_SERVER CODE_SERVER_HOST)
fi
unset CODE_SERVER_PASSWORD

# First settings of a new home; they are the user's from then on.
settings="${XDG_DATA_HOME:-$HOME/.local/share}/code-server/User/settings.json"
if [ ! -e "$settings" ]; then
  mkdir -p "${settings%/*}"
  cp "$program/settings.json" "$settings"
fi

# Not --bind-addr: the variables PORT, which a project's own server may have, and CODE_SERVER_HOST count more than it.
exec code-server --host "$address" --port "${CODE_SERVER_PORT:-8080}" --auth "$auth" \
  --disable-telemetry --disable-update-check --disable-getting-started-override "$WORKSPACE"
