# Every command anybody types. The first use sets everything up in .venv.
PYTHON ?= python3
VENV ?= .venv

.PHONY: demo test bench clean

demo: $(VENV)/ready
	rm -rf demo-output
	$(VENV)/bin/rotoline demo --output demo-output

test: $(VENV)/ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/python -m pytest

bench: $(VENV)/ready
	$(VENV)/bin/python benchmarks/frame.py

clean:
	rm -rf $(VENV) demo-output

$(VENV)/ready: requirements.txt pyproject.toml scripts/setup.sh CMakeLists.txt $(wildcard src/rotoline/kernels/*/*.[ch]pp)
	sh scripts/setup.sh $(PYTHON) $(VENV)
