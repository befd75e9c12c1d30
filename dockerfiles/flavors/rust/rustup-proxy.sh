#!/bin/bash
# rustup-proxy.sh: rustup, or one of the programs that it chooses a toolchain for, by the name that it is called by.
# rustup keeps its toolchains in the home, which starts empty: the first call links the image's there, as `image`.
home=${RUSTUP_HOME:-$HOME/.rustup}
if [ ! -e "$home/toolchains" ] && mkdir -p "$home"; then
  new=$(mktemp -d "$home/.toolchains.XXXXXX") \
    && chmod 0755 "$new" \
    && ln -s /usr/local/rustup/toolchains/* "$new/image" \
    && { mv -T "$new" "$home/toolchains" 2>/dev/null || rm -r "$new"; }
fi
exec -a "${0##*/}" /usr/bin/rustup "$@"
