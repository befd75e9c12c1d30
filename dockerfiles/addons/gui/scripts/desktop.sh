#!/bin/bash
# desktop.sh bus|windows|panel: runs one of the programs around the X server.
set -euo pipefail

. /usr/local/lib/codeopen/gui/session.sh
# What is started from the desktop need not know it.
unset KASMVNC_PASSWORD
case $1 in
  bus)
    exec dbus-daemon --session --nofork --nopidfile --address="$DBUS_SESSION_BUS_ADDRESS"
    ;;
  windows)
    wait_for_display
    hsetroot -solid '#3d4f63'
    exec openbox --sm-disable
    ;;
  panel)
    wait_for_display
    # Without a file by name tint2 copies the image's into the home, where it would never change again.
    config=$HOME/.config/tint2/tint2rc
    if [ ! -r "$config" ]; then config=/etc/xdg/tint2/tint2rc; fi
    exec tint2 -c "$config"
    ;;
  *)
    echo "desktop.sh: $1 is none of bus, windows, panel" >&2
    exit 2
    ;;
esac
