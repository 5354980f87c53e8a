#!/usr/bin/env bash
# Installs what is missing, and nothing when nothing is: tools/deps.sh run|test|check|bench|torture
# An entry is a Debian package; `package@command` is fine too when the command exists, wherever it came from.
set -eu

run="gcc libc6-dev make libcivetweb-dev libevent-dev libsqlite3-dev libjansson-dev libsodium-dev libssl-dev uthash-dev libcurl4-openssl-dev"
test="$run libcmocka-dev python3 python3-pytest python3-websockets python3-requests python3-socketio python3-websocket python3-jsonschema python3-pytest-xdist openssl@openssl curl@curl nodejs@node npm@npm chromium@chromium
      fonts-dejavu-core"
check="$run python3 python3-pytest clang@clang libclang-rt-14-dev clang-format@clang-format"

bench="$run python3 gearman-job-server libgearman-dev python3-flask-socketio python3-eventlet nodejs@node npm@npm"

case "${1-}" in
run) wanted=$run ;;
test) wanted=$test ;;
check) wanted=$check ;;
bench) wanted=$bench ;;
torture) wanted="$test $check slowhttptest@slowhttptest" ;;
*)
    echo "usage: tools/deps.sh run|test|check|bench|torture" >&2
    exit 2
    ;;
esac

is_there() { # package[@command]
    case "$1" in
    *@*) command -v "${1#*@}" >/dev/null && return 0 ;;
    esac
    [ "$(dpkg-query -W -f='${db:Status-Status}' "${1%@*}" 2>/dev/null)" = installed ]
}

missing=()
for entry in $wanted; do
    is_there "$entry" || missing+=("${entry%@*}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "This is made for Debian 12 and its apt-get. Please install what these packages hold: ${missing[*]}" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
    as_root=(sudo)
    if ! command -v sudo >/dev/null; then
        echo "Please install these as root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    echo "These packages are missing: ${missing[*]}"
    echo "They are installed with sudo apt-get now; sudo may ask for your password."
else
    echo "Installing what is missing: ${missing[*]}"
fi
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
