#!/bin/sh
# unpack-rust.sh ARCHIVE TOOLCHAINS: installs the Rust project's archive, without its documentation, as rustup would.
set -eu

archive=$1 toolchains=$2
mkdir /tmp/rust
tar --extract --file "$archive" --directory /tmp/rust --strip-components 1 --no-same-owner
cd /tmp/rust
components=$(grep -E '^(rustc|cargo|rust-std-.*|clippy-preview|rustfmt-preview|rust-analyzer-preview)$' components | paste -sd , -)
triple=$(sed -n 's/^rust-std-//p' components)
./install.sh --prefix="$toolchains/stable-$triple" --components="$components" --disable-ldconfig
rm -rf "$toolchains/stable-$triple/lib/rustlib/install.log" "$toolchains/stable-$triple/lib/rustlib/uninstall.sh" /tmp/rust
