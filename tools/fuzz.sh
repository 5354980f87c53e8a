#!/usr/bin/env bash
# Fuzzes one decoder: tools/fuzz.sh BUILD TARGET SECONDS, e.g. tools/fuzz.sh build fuzz_ws 60
# New inputs stay in BUILD/fuzz; what is worth keeping is copied to tests/fuzz/corpus by hand.
set -eu
build=$1 target=$2 seconds=$3
mkdir -p "$build/fuzz/${target#fuzz_}"
clang -std=c17 -g -O1 -D_GNU_SOURCE -Iinclude -Itools -Itests -DSPACERELAY_VERSION='"fuzz"' \
    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
    -o "$build/fuzz/$target" "tests/fuzz/$target.c" src/codec/*.c src/model/*.c src/base/*.c \
    src/hub/address.c src/hub/proxy.c src/web/path.c tools/client/url.c \
    tools/bridge/{completion,completion_error,body,blame}.c "$build/gen/assets_table.c" \
    -ljansson -lsodium -lcrypto -lm -pthread
echo "$target for $seconds s"
"$build/fuzz/$target" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$build/fuzz/$target-" \
    "$build/fuzz/${target#fuzz_}" "tests/fuzz/corpus/${target#fuzz_}" 2>&1 |
    grep -E 'executed_units|ERROR|SUMMARY|Test unit written|Assertion|new_units' || true
[ -z "$(ls "$build/fuzz/$target-"crash* 2>/dev/null)" ]
