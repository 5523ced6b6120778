# shellcheck shell=bash
# What every script needs: where the project is, how to speak, how to give up.

# shellcheck disable=SC2034  # For the scripts that source this.
project_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
script_name=$(basename "$0")

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "$script_name" "$*" >&2; }
fail() {
  warn "$*"
  exit 1
}
usage_error() {
  warn "$* (see $script_name --help)"
  exit 2
}

is_root() { [ "$(id -u)" -eq 0 ]; }
# need_root WHY
need_root() { is_root || fail "must run as root: $1 (try: sudo $0)"; }

# Prints the comment block at the top of the calling script, which is its help text.
print_help() { sed -n '2,/^[^#]/{/^#/{s/^# \{0,1\}//;p}}' "$0"; }
