#!/bin/sh
# Make a virtual environment with pinned versions and rotoline in it: setup.sh PYTHON FOLDER
set -eu
python=$1
folder=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "$python is $("$python" --version); rotoline needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2
    exit 2
}
"$python" -m venv "$folder"
pip="$folder/bin/python -m pip --disable-pip-version-check install --quiet"

# Linux wheels of PyTorch bring gigabytes of CUDA unless the CPU build is asked for.
if [ "$(uname -s)" = Linux ] && ! nvidia-smi -L >/dev/null 2>&1; then
    # What it needs is in requirements.txt.
    $pip --retries 1 --no-deps torch==2.13.0+cpu --extra-index-url https://download.pytorch.org/whl/cpu
    # The other build brings its own. Here Triton's interpreter runs the tests of the GPU kernels.
    $pip --no-deps triton==3.9.0
else
    $pip torch==2.13.0
fi
# The list is complete, so nothing has to be resolved.
$pip --no-deps -r requirements.txt
$pip --no-deps --no-build-isolation -e .

touch "$folder/ready"
