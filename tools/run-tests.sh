#!/usr/bin/env bash
# Runs the C tests: tools/run-tests.sh BUILD TEST... -- FUZZ...
# Each TEST is a cmocka program; each FUZZ replays its corpus. Prints what failed, and the counts at the end.
set -u
build=$1
shift
passed=0 failed=0 fuzz=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

count() { # adds up cmocka's own closing lines
    local ok bad
    ok=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{n+=$1} END {print n+0}')
    bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{n+=$1} END {print n+0}')
    passed=$((passed + ok))
    failed=$((failed + bad))
    echo "$ok passed, $bad failed: $1"
    [ $((ok + bad)) -gt 0 ]
}

for name in "$@"; do
    if [ "$name" = -- ]; then
        fuzz=1
        continue
    fi
    if [ "$fuzz" = 1 ]; then
        set -- "tests/fuzz/corpus/${name##*/fuzz_}"
    else
        set --
    fi
    CMOCKA_MESSAGE_OUTPUT=stdout "$build/$name" "$@" >"$log" 2>&1
    status=$?
    if [ "$fuzz" = 1 ]; then
        tail -n 1 "$log"
        ok=$([ $status = 0 ] && echo 1 || echo 0)
        passed=$((passed + ok))
        failed=$((failed + 1 - ok))
    else
        count "$name" || status=1
    fi
    if [ $status != 0 ]; then
        grep -v '^\[ *\(OK\|RUN\) *\]' "$log" | tail -n 60
        echo "FAILED: $name (status $status)"
        [ "$fuzz" = 1 ] || grep -q '^\[  FAILED' "$log" || failed=$((failed + 1))
    fi
done
echo "C tests: $passed passed, $failed failed"
[ "$failed" = 0 ]
