#!/bin/bash
# Runs KasmVNC: the X server with its web page in one program.
set -euo pipefail

. /usr/local/lib/codeopen/gui/session.sh
clear_display
check_login
address=$(codeopen-bind-address KASMVNC)

# What KasmVNC writes is made anew at each start, so that a changed password counts and none stays in the volume.
state=$XDG_RUNTIME_DIR/kasmvnc
rm -rf "$state"
mkdir -m 0700 "$state"
options=(-SecurityTypes None)
if [ -n "${KASMVNC_PASSWORD:-}" ]; then
  printf '%s\n%s\n' "$KASMVNC_PASSWORD" "$KASMVNC_PASSWORD" \
    | kasmvncpasswd -u "${KASMVNC_USERNAME:-opencode}" -r -w "$state/.kasmpasswd"
else
  options+=(-disableBasicAuth)
fi

# kasmvncserver would start the X server in the background and write to a log file. As a dry run it only turns the
# settings into the X server's command line, with the redirection to that file at its end.
settings=/usr/share/kasmvnc/kasmvnc_defaults.yaml,/etc/kasmvnc/kasmvnc.yaml
if [ -r "$HOME/.vnc/kasmvnc.yaml" ]; then settings+=",$HOME/.vnc/kasmvnc.yaml"; fi
command=$(env -u XAUTHORITY HOME="$state" kasmvncserver "$DISPLAY" -dry-run -config "$settings" "${options[@]}")
# Without the cookie that it made, the X server admits its own user and nobody else, whatever started the program.
rm -f "$state/.Xauthority"
server=()
eval "server=(${command% >> *})"
# The last one counts: without a password the user's own settings don't open the page either.
if [ "$address" != 0.0.0.0 ]; then server+=(-interface "$address"); fi
exec env -u KASMVNC_PASSWORD "${server[@]}"
