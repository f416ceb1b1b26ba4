"""The shape of the code: what importing does, what may be used where, how long things are."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import rotoline

SOURCE = Path(rotoline.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))


def modules_loaded_by(statements, names):
    """Run statements in a new interpreter: which of the modules it has then, and its errors."""
    program = f"import sys; {statements}; print([m for m in {names} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return done.stdout.strip(), done.stderr


def test_importing_the_package_does_nothing():
    found = modules_loaded_by("import rotoline; dir(rotoline)", ("numpy", "torch", "av", "PIL"))
    assert found == ("[]", "")


def test_help_does_not_load_the_networks():
    loaded, _ = modules_loaded_by("from rotoline.cli import app", ("torch", "scipy", "av"))
    assert loaded == "[]"


def test_public_names_exist():
    for name in rotoline.__all__:
        assert getattr(rotoline, name).__doc__ is not None


def test_only_one_module_unpickles():
    users = []
    for path in MODULES:
        text = path.read_text()
        assert not re.search(r"^\s*(import|from) (pickle|dill|joblib)\b", text, re.MULTILINE), path
        assert "allow_pickle" not in text, path
        if re.search(r"(?<!safetensors\.)torch\.load\(", text):
            users.append(path.name)
            assert "weights_only=True" in text
    assert users == ["published.py"]


def test_only_io_and_cli_touch_the_network():
    network = r"^\s*(import|from) (urllib\.request|http|socket|ssl|requests|httpx)\b"
    for path in MODULES:
        if path.relative_to(SOURCE).parts[0] not in ("io", "cli"):
            assert not re.search(network, path.read_text(), re.MULTILINE), path


def test_modules_and_functions_stay_short():
    for path in MODULES:
        text = path.read_text()
        assert len(text.splitlines()) <= 400, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                docstring = ast.get_docstring(node, clean=False) or ""
                length = node.end_lineno - node.lineno - len(docstring.splitlines())
                assert length <= 60, f"{path}: {node.name} has {length} lines"


def test_every_stage_shows_its_place_in_the_picture():
    order = ("foreground", "adapt", "score", "propagate", "regions", "fuse")
    for name in order:
        strip = " ─► ".join(["frames", *(f"[{x}]" if x == name else x for x in order), "labels"])
        assert strip in (SOURCE / "stages" / f"{name}.py").read_text()
    strip = " ─► ".join(["frames", *order, "labels"])
    assert strip in (SOURCE / "pipeline.py").read_text()


def test_method_page_names_code_that_exists():
    page = (SOURCE.parent.parent / "docs" / "method.md").read_text()
    named = re.findall(r"`([^`\s]+\.py):([^`\s]+)`", page)
    assert len(named) >= 40
    definitions = (ast.FunctionDef, ast.ClassDef)
    for file, name in named:
        inner = ast.parse((SOURCE / file).read_text())
        for part in name.split("."):
            found = {node.name: node for node in inner.body if isinstance(node, definitions)}
            assert part in found, f"{file}:{name}"
            inner = found[part]
