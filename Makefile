# Every command anybody types. The first use sets everything up in .venv.
PYTHON ?= python3
VENV ?= .venv

.PHONY: demo check test test-benchmarks docs bench dist clean static types

demo: $(VENV)/ready
	rm -rf demo-output
	$(VENV)/bin/rotoline demo --output demo-output

# Before every commit: what takes less than a minute once mypy has its cache.
check: static
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -m "not slow and not gpu" -n auto --maxprocesses 8

# Everything but the scripts of benchmarks/.
test: static
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -m "not benchmark" -n auto --maxprocesses 8
	$(VENV)/bin/mkdocs build --quiet

# That every script of benchmarks/ runs, on small inputs.
test-benchmarks: $(VENV)/ready
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -m benchmark -n auto --maxprocesses 8

static: $(VENV)/ready
	$(VENV)/bin/ruff format --check --quiet .
	$(VENV)/bin/ruff check --quiet .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

# The types in the comments of the studio's page; needs npm install -g typescript@5.
types:
	tsc -p tests/browser/tsconfig.json

# The generated pages, and the site in site/; open site/index.html. Its search needs a server:
# python3 -m http.server --directory site
docs: $(VENV)/ready
	$(VENV)/bin/python scripts/make_reference.py
	$(VENV)/bin/python scripts/make_licences.py
	$(VENV)/bin/mkdocs build --quiet

# What a release consists of, in dist/: docs/how-to/release.md.
dist:
	sh scripts/make_dist.sh $(PYTHON)

bench: $(VENV)/ready
	$(VENV)/bin/python benchmarks/frame.py

clean:
	rm -rf $(VENV) .venv-release .venv-sbom demo-output dist site

# MkDocs is pinned in requirements.txt; its theme announces a successor at every build.
export NO_MKDOCS_2_WARNING = 1

$(VENV)/ready: requirements.txt pyproject.toml scripts/setup.sh CMakeLists.txt $(wildcard src/rotoline/kernels/*/*.[ch]pp)
	sh scripts/setup.sh $(PYTHON) $(VENV)
