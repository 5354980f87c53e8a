#!/usr/bin/env bash
# The long forms of what `make test` runs briefly: `make torture [PART="crash chaos ..."] [NAME=value ...]`
#
#   histories  a million random histories of the core against its rules      HISTORIES=1000000
#   crash      SIGKILL at random moments under load, and a ledger            KILLS=200
#   memory     small allocations that fail under load, and the same ledger   OOMS=100
#   disk       the nth write, sync, truncate and open fails                  FAULT_N=200
#   chaos      a network that cuts and swallows; an app that dies all the time   CHAOS_S=300
#   load       everything at once, in a build with ThreadSanitizer           LOAD_S=60
#   slow       1,000 and then 5,000 slow and silent peers                    SLOW_N="1000 5000" SLOW_S=30
#   fuzz       each decoder under libFuzzer                                  FUZZ_S=600
#
# With these numbers all of it takes about three hours on two cores. SEED=n repeats a run of crash, memory, chaos or load.
# Each part ends with one line; what it said stays in BUILD/torture/PART.log. Exit status 1 when one has failed.
set -u
export HISTORIES=${HISTORIES:-1000000} KILLS=${KILLS:-200} OOMS=${OOMS:-100} FAULT_N=${FAULT_N:-200}
export CHAOS_S=${CHAOS_S:-300} LOAD_S=${LOAD_S:-60} FUZZ_S=${FUZZ_S:-600}
export SPACERELAY_BUILD=$BUILD
parts=${PART:-histories crash memory disk chaos load slow fuzz}
logs=$BUILD/torture
mkdir -p "$logs"

build() { ${MAKE:-make} --no-print-directory -s "$@"; }
program() { /usr/bin/python3 -m pytest -q -s -p no:cacheprovider "$@"; }

histories() { build "$BUILD/tests/core/test_histories" && "$BUILD/tests/core/test_histories"; }
crash() { program tests/program/test_crash.py; }
memory() { program tests/program/test_memory.py; }
disk() { program tests/program/test_storage.py; }
chaos() { program tests/program/test_chaos.py; }
load() {
    build BUILD=build-tsan SAN=thread OPT=-O1 all || return 1
    SPACERELAY_BUILD=build-tsan SPACERELAY_PATIENCE=120 program tests/program/test_everything.py
}
slow() {
    local n
    for n in ${SLOW_N:-1000 5000}; do
        env N="$n" SECONDS="${SLOW_S:-30}" /usr/bin/python3 tests/torture/slow_peers.py || return 1
    done
}
fuzz() { build fuzz; }

build all fault || exit 1
failed=0
for part in $parts; do
    if ! declare -F "$part" >/dev/null; then
        echo "torture: there is no part $part" >&2
        exit 2
    fi
    SECONDS=0
    if "$part" >"$logs/$part.log" 2>&1; then
        echo "torture: $part passed in $SECONDS s: $(grep -v '^[.[:space:]]*$' "$logs/$part.log" | tail -n 1 | cut -c1-200)"
    else
        echo "torture: $part FAILED after $SECONDS s; the end of $logs/$part.log:"
        tail -n 40 "$logs/$part.log"
        failed=1
    fi
done
exit $failed
