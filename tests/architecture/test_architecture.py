"""The shape of the code: what importing does, what may be used where, how long things are."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rotoline

SOURCE = Path(rotoline.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in MODULES}


def name_of(path):
    return path.relative_to(SOURCE).as_posix()


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


def test_public_names_are_sorted_and_documented():
    assert rotoline.__all__ == sorted(rotoline.__all__)
    for name in rotoline.__all__:
        value = getattr(rotoline, name)
        # FAST and PAPER are values, which have the docstring of their class.
        assert len(value.__doc__.split()) >= 4, name


def test_only_one_module_unpickles():
    users = []
    for path in MODULES:
        text = path.read_text()
        assert not re.search(r"^\s*(import|from) (pickle|dill|joblib)\b", text, re.MULTILINE), path
        assert "allow_pickle" not in text, path
        if re.search(r"(?<!safetensors\.)torch\.load\(", text):
            users.append(name_of(path))
            assert "weights_only=True" in text
    assert users == ["weights/pretrained.py"]


def test_only_io_weights_and_cli_touch_the_network():
    network = r"^\s*(import|from) (urllib\.request|http|socket|ssl|requests|httpx)\b"
    users = {
        path.relative_to(SOURCE).parts[0]
        for path in MODULES
        if re.search(network, path.read_text(), re.MULTILINE)
    }
    assert users <= {"io", "weights", "cli"}


def test_modules_and_functions_stay_short():
    for path, tree in TREES.items():
        assert len(path.read_text().splitlines()) <= 400, path
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = ast.get_docstring(node, clean=False) or ""
                length = node.end_lineno - node.lineno - len(docstring.splitlines())
                assert length <= 60, f"{path}: {node.name} has {length} lines"


PRESET_NAMES = {"fast", "paper"}


def names_in(node):
    """Names of presets written out in an expression, also inside lists and tuples."""
    return {
        inner.value
        for inner in ast.walk(node)
        if isinstance(inner, ast.Constant) and inner.value in PRESET_NAMES
    }


def decides_by_preset(node):
    """Whether a comparison, a `match` case, or a look-up in a table is by a preset's name."""
    if isinstance(node, ast.Compare):
        return any(names_in(part) for part in (node.left, *node.comparators))
    if isinstance(node, ast.match_case):
        return bool(names_in(node.pattern))
    if isinstance(node, ast.Dict):
        return {key.value for key in node.keys if isinstance(key, ast.Constant)} >= PRESET_NAMES
    return False


def test_preset_names_are_compared_in_the_registry_alone():
    users = {
        f"{name_of(path)}:{node.lineno}"
        for path, tree in TREES.items()
        if path.name != "presets.py"
        for node in ast.walk(tree)
        if decides_by_preset(node)
    }
    assert users == set()


@pytest.mark.parametrize(
    ("statement", "is_found"),
    [
        ("if config.preset == 'paper': pass", True),
        ("if preset in ('fast', 'other'): pass", True),
        ("match name:\n    case 'fast': pass", True),
        ("{'fast': 1, 'paper': 2}", True),
        ("load(preset='fast')", False),
        ("if method == 'craf': pass", False),
    ],
)
def test_comparisons_of_preset_names_are_recognised(statement, is_found):
    assert any(map(decides_by_preset, ast.walk(ast.parse(statement)))) is is_found


BOXES = ("encode", "score", "limit", "propagate", "filter", "fuse")
MODULES_OF_STAGES = {
    "stages/foreground.py": "limit",
    "stages/regions/__init__.py": "filter",
    "stages/fuse.py": "fuse",
    "systems/fast/encoder.py": "encode",
    "systems/fast/scoring.py": "score",
    "systems/fast/propagation.py": "propagate",
    "systems/paper/segmentation.py": "score",
    "systems/paper/spn.py": "propagate",
}


def picture(box=""):
    marked = (f"[{name}]" if name == box else name for name in BOXES)
    return " ─► ".join(["frame", *marked, "labels"])


def test_every_stage_shows_its_place_in_the_picture():
    for module, box in MODULES_OF_STAGES.items():
        docstring = ast.get_docstring(TREES[SOURCE / module])
        assert f"    {picture(box)}\n" in docstring, module
    assert f"    {picture()}\n" in ast.get_docstring(TREES[SOURCE / "tracker.py"])


def test_tracker_runs_the_stages_in_the_order_of_the_picture():
    (tracker,) = (
        node
        for node in TREES[SOURCE / "tracker.py"].body
        if isinstance(node, ast.ClassDef) and node.name == "Tracker"
    )
    methods = {node.name: node for node in tracker.body if isinstance(node, ast.FunctionDef)}
    calls = [
        node.args[0].value
        for method in ("track", "result")
        for node in ast.walk(methods[method])
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
    ]
    assert [call for call in calls if call != "update"] == list(BOXES)
    assert calls.count("update") == 2


def definitions_in(node):
    """Functions, classes and constants defined in a module or a class, by name."""
    found = {}
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef | ast.ClassDef):
            found[inner.name] = inner
        elif isinstance(inner, ast.Assign | ast.AnnAssign):
            targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
            found |= {target.id: inner for target in targets if isinstance(target, ast.Name)}
    return found


def test_pages_of_the_method_name_code_that_exists():
    named = []
    for page in sorted((SOURCE.parent.parent / "docs" / "method").glob("*.md")):
        found = re.findall(r"`([^`\s]+\.py):([^`\s]+)`", page.read_text())
        named += [(page.name, *pair) for pair in found]
    assert {page for page, *_ in named} >= {"fast.md", "paper.md"}
    assert len(named) >= 40
    for page, file, name in named:
        assert (SOURCE / file).is_file(), f"{page}: {file}"
        inner = TREES[SOURCE / file]
        for part in name.split("."):
            found = definitions_in(inner)
            assert part in found, f"{page}: {file}:{name}"
            inner = found[part]
