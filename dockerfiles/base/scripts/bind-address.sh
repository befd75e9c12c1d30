#!/bin/bash
# bind-address.sh CREDENTIAL [VARIABLE]: prints the address that a service listens on. With a password in
# CREDENTIAL_PASSWORD it is what VARIABLE says, or 0.0.0.0, every address of the container. Without one nobody outside
# of the container gets at the service: it is 127.0.0.1, and another address that VARIABLE names is refused.
set -euo pipefail

password=$1_PASSWORD
variable=${2:-}
address=${variable:+${!variable:-}}
address=${address:-0.0.0.0}

# A password of blanks is an accident of whoever wrote it, and the first that anybody tries.
if [[ ! ${!password:-} =~ [^[:space:]] && ! $address =~ ^(localhost|::1|127(\.[0-9]{1,3}){3})$ ]]; then
  if [ "$address" != 0.0.0.0 ]; then
    echo "codeopen: $variable is $address, which others can reach, and $password is not set or blank: set a password," \
      "or leave $variable out to listen on 127.0.0.1" >&2
    exit 1
  fi
  # 0.0.0.0 is what the images themselves say, so that nobody may have asked for it.
  echo "codeopen: $password is not set or blank, so its service listens on 127.0.0.1 only; set a password to let" \
    "clients outside of this container in" >&2
  address=127.0.0.1
fi
printf '%s\n' "$address"
