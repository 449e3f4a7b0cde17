# Short names for what the scripts do. `just` lists them.

_default:
    @just --list --unsorted

# what every submission must pass
test *groups:
    ./scripts/test {{groups}}

# the quick look before a commit: format, lints, unit tests
check:
    ./scripts/test lint
    cargo test --locked --lib

# a desk with demo data on this machine
run *options:
    ./scripts/run {{options}}

# the server and the console, ready to hand over
build:
    ./scripts/build

# the benchmark table of docs/PERFORMANCE.md
bench *options:
    ./scripts/bench {{options}}

# the generated files: docs/openapi.json and the console's types
gen:
    ./scripts/gen

# format the sources
fmt:
    cargo fmt
