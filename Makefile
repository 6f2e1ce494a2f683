# Two commands: `make run` to see it work, `make test` to have it proved.

CARGO ?= cargo

.PHONY: run test soak lint bench screenshots install-test-tools clean

## Build and start the demonstration: a sample shop and mirror with the gateway in front.
run:
	$(CARGO) run --locked -- demo

## Install what the tests need, then run all of them.
test: install-test-tools lint
	$(CARGO) test --locked
	$(CARGO) test --locked --bench decision
	$(CARGO) test --locked --bench ledger
	$(CARGO) test --locked --bench registry

## Two hundred rounds of kill -9 under load, in a flood too, every system call of an append made to fail, and a hundred activations of
## policies at five thousand requests a second.
soak: install-test-tools
	INTERDICT_SOAK_ROUNDS=200 $(CARGO) test --locked --release --test integration -- --include-ignored --test-threads 1 again_and_again
	$(CARGO) test --locked --release --test integration -- --include-ignored --test-threads 1 system_calls:: full_disk::

## Format and lints, where the toolchain has the components.
lint:
	@if $(CARGO) fmt --version >/dev/null 2>&1; then $(CARGO) fmt --check; else echo "rustfmt is not installed: format not checked"; fi
	@if $(CARGO) clippy --version >/dev/null 2>&1; then $(CARGO) clippy --locked --all-targets -- -D warnings; else echo "clippy is not installed: lints not checked"; fi

## CPU per request against nginx and HAProxy doing equal work, and one decision of the engine.
bench: install-test-tools
	$(CARGO) bench --locked --bench decision
	$(CARGO) bench --locked --bench export
	$(CARGO) bench --locked --bench gateway
	$(CARGO) bench --locked --bench ledger
	$(CARGO) bench --locked --bench registry
	$(CARGO) bench --locked --bench screen
	$(CARGO) bench --locked --bench verify
	$(CARGO) bench --locked --bench sealing

## The pictures of docs/console.md, made anew by the browser's story.
screenshots: install-test-tools
	INTERDICT_SCREENSHOTS=docs/screenshots $(CARGO) test --locked --test integration -- browser::

install-test-tools:
	@sh tests/install.sh

clean:
	$(CARGO) clean
