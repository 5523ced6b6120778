# shellcheck shell=bash
# Debian's names for what Millrace needs, by group, and how to install those that are missing.

packages_build=(
  g++ meson ninja-build pkg-config
  libdpdk-dev libboost-dev libcli11-dev libfmt-dev libspdlog-dev libsodium-dev libc-ares-dev nlohmann-json3-dev
)
# What installed programs run on: libraries, and DPDK's drivers, which no program names.
packages_runtime=(
  libsodium23 libc-ares2 libfmt9 libspdlog1.10
  librte-ethdev23 librte-meta-bus librte-meta-mempool librte-meta-net
)
packages_run=(iproute2 iputils-ping curl wrk)
packages_test=(
  libgtest-dev libgmock-dev libbenchmark-dev valgrind
  python3 python3-pytest
  iproute2 iputils-ping curl wrk nginx-light dnsmasq-base netcat-openbsd nftables ethtool procps tshark
  clang-format shellcheck cmake doxygen libsystemd-dev
)
packages_tutorial=(python3 iproute2 curl nftables procps tshark)
packages_plots=(python3 python3-matplotlib)
# What scripts/bench measures beside Millrace: testpmd is in dpdk-dev.
packages_measure=(dpdk-dev iperf3 sockperf nginx-light wrk iproute2 ethtool python3)
packages_lint=(clang-tidy-19)
packages_browser=(chromium fonts-dejavu-core)
# As the folder build/test is configured with the tests, theirs are among them.
packages_bench=(libgtest-dev libgmock-dev libbenchmark-dev valgrind python3)
packages_container=(debootstrap)

# packages_of GROUP: prints the names in a group.
packages_of() {
  case $1 in
    build) printf '%s\n' "${packages_build[@]}" ;;
    runtime) printf '%s\n' "${packages_runtime[@]}" ;;
    run) printf '%s\n' "${packages_run[@]}" ;;
    test) printf '%s\n' "${packages_test[@]}" ;;
    bench) printf '%s\n' "${packages_bench[@]}" ;;
    container) printf '%s\n' "${packages_container[@]}" ;;
    tutorial) printf '%s\n' "${packages_tutorial[@]}" ;;
    measure) printf '%s\n' "${packages_measure[@]}" ;;
    plots) printf '%s\n' "${packages_plots[@]}" ;;
    lint) printf '%s\n' "${packages_lint[@]}" ;;
    browser) printf '%s\n' "${packages_browser[@]}" ;;
    *) return 1 ;;
  esac
}

# is_installed NAME
is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_packages NAME...: quiet unless it fails. Services that come with a package are not started.
# A subshell, so that its traps clean up however it ends.
install_packages() (
  policy=/usr/sbin/policy-rc.d made_policy=no status=0
  log=$(mktemp)
  trap '[ "$made_policy" = no ] || rm -f "$policy"; rm -f "$log"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  if [ ! -e "$policy" ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  {
    apt-get -qq -o DPkg::Lock::Timeout=600 update &&
      DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 \
        install --no-install-recommends "$@"
  } >"$log" 2>&1 </dev/null || status=$?
  [ "$status" -eq 0 ] || tail -n 15 "$log" >&2
  exit "$status"
)
