# Two commands do all the set-up: `make demo` and `make test`. Everything lands in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: all demo test check bench fuzz clean typing

all: test

$(VENV)/made: pyproject.toml setup.py $(wildcard ext/*.py ext/*.c ext/*.h ext/automata/*.c ext/automata/*.h)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/made-test: $(VENV)/made
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,dev]'
	@touch $@

demo: $(VENV)/made
	$(BIN)/python -m pybpf demo flights

test: $(VENV)/made-test
	tests/run $(BIN)/python

# mypy cannot follow setup.py's folder map, so it reads a folder of links laid out as the package is imported.
typing:
	@rm -rf .typing && mkdir -p .typing/pybpf
	@ln -s $(CURDIR)/compiler .typing/pybpf/compiler && ln -s $(CURDIR)/kernel_progs .typing/pybpf/kernel_progs
	@for entry in pybpf/*; do ln -s $(CURDIR)/$$entry .typing/$$entry; done

check: $(VENV)/made-test typing
	$(BIN)/ruff check .
	$(BIN)/mypy .typing/pybpf tests bench
	$(BIN)/python -m pytest -q tests/test_house.py

fuzz: $(VENV)/made-test
	PYBPF_FUZZ=1 $(BIN)/python -m pytest -q tests/fuzz tests/http/test_agreement.py tests/kernel/test_one_value.py tests/kernel/test_policy_packets.py tests/kernel/test_never_open.py tests/kernel/test_installation.py

bench: $(VENV)/made-test
	$(BIN)/python -m pytest -q bench --benchmark-enable --benchmark-only --benchmark-sort=name

clean:
	rm -rf $(VENV) .typing build *.egg-info
