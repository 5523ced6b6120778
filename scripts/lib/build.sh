# shellcheck shell=bash
# Configures a build folder once and builds in it, showing output only when something goes wrong.

# configure FOLDER MESON-OPTION...: does nothing when the folder was configured with the same options before.
configure() {
  local folder=$1 log stamp=$1/configured-with
  shift
  lock_build "$folder"
  if [ -f "$folder/build.ninja" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$*" ]; then
    return
  fi
  rm -rf "$folder"
  mkdir -p "$folder"
  log=$folder/configure.log
  if ! meson setup "$folder" "${project_root:?}" "$@" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    fail "meson could not configure $folder"
  fi
  printf '%s\n' "$*" >"$stamp"
}

# configure_for_tests FOLDER MESON-OPTION...: optimized, with every contract checked. Of what debuggers want to know only
# the lines, which is what backtraces tell: a third of the time to compile a test goes into the rest.
configure_for_tests() {
  configure "$@" --buildtype=debugoptimized -Db_ndebug=false -Dc_args=-g1 -Dcpp_args=-g1
}

# lock_build FOLDER: two builds in one folder would destroy each other. Held until unlock_build or the script's end.
lock_build() {
  mkdir -p "$(dirname "$1")"
  exec {build_lock}>"$1.lock"
  if ! flock -n "$build_lock"; then
    say "waiting for another build in ${1#"$project_root"/}"
    flock "$build_lock"
  fi
}

unlock_build() {
  exec {build_lock}>&-
}

# build FOLDER [TARGET...]: in a folder that was configured.
build() {
  local folder=$1 log=$1/build.log
  shift
  # Compiler processes of this code base stay below 1 GiB each.
  if ! ninja -C "$folder" "$@" >"$log" 2>&1; then
    grep -E -A 12 'error|FAILED' "$log" | head -n 60 >&2 || true
    fail "the build failed; all of its output is in $log"
  fi
}
