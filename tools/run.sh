#!/usr/bin/env bash
# `make run`: a relay to try things with, in ./run, with a demo user, a demo space and a mock app connected to it.
# PORT picks another port. Ctrl+C ends all of it; what is in ./run stays for the next time.
set -eu
umask 077
cd "$(dirname "$0")/.."
build=${BUILD:-build}
port=${PORT:-5001}
run=run data=run/data password=run/demo-password token=run/demo-token running=run/running
server='' app='' stopped=''

mkdir -p "$run"
chmod 700 "$run"

relay() { # a command of spacerelay's on our data; what it says is shown when it fails
    "$build/spacerelay" "$@" --data "$data" 2>"$run/said" || { cat "$run/said" >&2; return 1; }
}

has() { # user|space, name
    "$build/spacerelay" "$1" list --data "$data" --json 2>/dev/null | grep -qF "\"name\": \"$2\""
}

# Another `make run` has left its process and address, and is that still a relay?
end_beside_another() {
    local pid='' at=''
    [ ! -s "$running" ] || read -r pid at <"$running"
    case "$(readlink "/proc/$pid/exe" || true)" in
    */spacerelay*) ;; # also one whose file was built anew meanwhile
    *) return 0 ;;
    esac
    echo "It is running already at $at, with the password in ./$password" >&2
    exit 1
}

make_user() {
    local new=''
    if [ ! -s "$password" ]; then
        head -c 12 /dev/urandom | base64 | tr '+/' 'xy' >"$password"
        new=1
    fi
    if ! has user demo; then
        relay user add demo --admin --password-stdin <"$password"
    elif [ "$new" ]; then
        relay user passwd demo --password-stdin <"$password"
    fi
}

make_space() {
    if ! has space demo; then
        relay space add demo --description "Says your words back. It is no model, only something to try things with."
        rm -f "$token" # an older one is for another space
    fi
    [ -s "$token" ] || relay token issue --space demo --note "make run" >"$token"
}

# Each signal once: the relay ends without waiting at the second.
stop() {
    stopped=1
    [ ! "$app" ] || kill -TERM "$app" 2>/dev/null || true
    [ ! "$server" ] || kill -TERM "$server" 2>/dev/null || true
}

wait_for() { # pid; a trapped signal interrupts wait
    local status=0
    while :; do
        wait "$1" && status=0 || status=$?
        kill -0 "$1" 2>/dev/null || return $status
    done
}

# In sessions of their own, so that the terminal's Ctrl+C reaches only this script.
start_server() {
    local line=''
    rm -f "$run/said" "$run/listening"
    mkfifo "$run/listening"
    setsid "$build/spacerelay" serve --listen "127.0.0.1:$port" --data "$data" --log-level warn >"$run/listening" &
    server=$!
    exec 3<"$run/listening"
    rm -f "$run/listening"
    if ! read -r line <&3; then
        wait_for "$server" || true
        [ "$stopped" ] && exit 0
        echo "The relay did not start. If the port is taken, choose another: make run PORT=5002" >&2
        exit 1
    fi
    url=${line#listening on }
    port=${url##*:}
    echo "$server http://localhost:$port" >"$running"
}

show_box() {
    cat <<END

  ------------------------------------------------------------------
   spacerelay is running     http://localhost:$port
   log in as                 demo
   with the password         $(cat "$password")

   Try: open the space "demo", send a prompt, and watch the answer.
        Stop the mock app (kill $app) and see the space notice.
   Ctrl+C ends everything. Your data stays in ./$run
  ------------------------------------------------------------------

END
}

end_beside_another
[ -e "$data/relay.db" ] || rm -f "$token" # signed with a key that is gone
make_user
make_space
trap stop INT TERM HUP
start_server
SPACERELAY_TOKEN=$(cat "$token") setsid "$build/mock-app" --host "http://127.0.0.1:$port" --space demo &
app=$!
show_box
status=0
wait_for "$server" || status=$?
server=''
rm -f "$running"
[ "$stopped" ] || echo "The relay has ended with status $status." >&2
kill -TERM "$app" 2>/dev/null || true
wait_for "$app" || true
[ ! "$stopped" ] || status=0
exit "$status"
