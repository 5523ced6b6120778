# shellcheck shell=bash
# Debian's names for what Millrace needs, by group, and how to install those that are missing.

packages_build=(
  g++ meson ninja-build pkg-config
  libdpdk-dev libboost-dev libcli11-dev libfmt-dev libspdlog-dev libsodium-dev nlohmann-json3-dev
)
packages_run=(iproute2 iputils-ping curl wrk)
packages_test=(
  libgtest-dev libgmock-dev libbenchmark-dev
  python3 python3-pytest
  iproute2 iputils-ping curl wrk nginx-light netcat-openbsd nftables ethtool procps tshark
  clang-format shellcheck
)
packages_tutorial=(python3 iproute2 curl nftables procps tshark)
packages_lint=(clang-tidy-19)

# packages_of GROUP: prints the names in a group.
packages_of() {
  case $1 in
    build) printf '%s\n' "${packages_build[@]}" ;;
    run) printf '%s\n' "${packages_run[@]}" ;;
    test) printf '%s\n' "${packages_test[@]}" ;;
    tutorial) printf '%s\n' "${packages_tutorial[@]}" ;;
    lint) printf '%s\n' "${packages_lint[@]}" ;;
    *) return 1 ;;
  esac
}

# is_installed NAME
is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_packages NAME...: quiet unless it fails. Services that come with a package are not started.
install_packages() {
  local log policy=/usr/sbin/policy-rc.d made_policy=no status=0
  log=$(mktemp)
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && made_policy=yes
  fi
  {
    apt-get -qq update &&
      DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 \
        install --no-install-recommends "$@"
  } >"$log" 2>&1 </dev/null || status=$?
  [ "$made_policy" = no ] || rm -f "$policy"
  [ "$status" -eq 0 ] || tail -n 15 "$log" >&2
  rm -f "$log"
  return "$status"
}
