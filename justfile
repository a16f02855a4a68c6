# `just` lists what there is. Each recipe is one command that works without just as well.

set positional-arguments := true

# List the recipes
default:
    @just --list

# Build the program as it is released: target/release/brigade
build:
    cargo build --locked --release

# Run all tests
test:
    cargo test --locked

# Run the tests whose name contains NAME; arguments of cargo test may follow, as in `just one a_copy --lib`
one name *arguments:
    cargo test --locked "$@"

# Check the format and the lints
lint:
    cargo fmt --all --check
    cargo clippy --locked --all-targets -- -D warnings

# Run destructive tests: the quick set, or what is named, as in `just chaos kills --count 20`
chaos *arguments="--quick":
    chaos/run {{ arguments }}

# Build the documentation of the code: target/doc/bucket_brigade/index.html
docs:
    cargo doc --locked --no-deps

# Run everything that has to pass before a change is merged
ci:
    bash .ci/run
