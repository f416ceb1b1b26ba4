"""What the command says to the threads of PyTorch."""

import os
import subprocess
import sys

import pytest

from rotoline.runtime.threads import SPINS, limit_spinning


@pytest.mark.parametrize(
    "given", [{"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "active"}, {"OMP_NUM_THREADS": "2"}]
)
def test_what_the_user_chose_stays(given):
    environment = dict(given)
    limit_spinning(environment)
    chosen = "OMP_NUM_THREADS" not in given
    assert environment == (given if chosen else given | {"GOMP_SPINCOUNT": str(SPINS)})


def test_command_sets_it_before_pytorch_is_loaded():
    code = (
        "import sys, os; sys.argv = ['rotoline', '--version']\n"
        "from rotoline.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print('torch' in sys.modules, os.environ['GOMP_SPINCOUNT'])"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == f"False {SPINS}"
