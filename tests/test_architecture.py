"""What the import graph cannot see. The rest is in .importlinter, run by `make check`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = sorted(path for top in ("shared", "services", "deploy") for path in (ROOT / top).rglob("*.py"))


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """The name of everything called in a file, with its line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = node.func
            name = (
                called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
            )
            yield name, node.lineno


def where(names: set[str], *, allowed: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} {name}()"
        for path in CODE
        if str(path.relative_to(ROOT)) not in allowed
        for name, line in calls(path)
        if name in names
    ]


def test_there_is_code_to_look_at() -> None:
    assert len(CODE) > 50


def test_only_the_transaction_of_shared_database_commits() -> None:
    # Kafka's own commit is only a bookmark, and lies in the adapter.
    assert where({"commit"}, allowed={"shared/database.py", "shared/kafka.py"}) == []


def test_nothing_is_imported_by_a_string() -> None:
    assert where({"__import__", "import_module"}, allowed=set()) == []


def test_whatever_a_call_depends_on_is_a_coroutine_for_fastapi_sends_any_other_function_to_a_thread() -> None:
    trees = {path: ast.parse(path.read_text()) for path in CODE if path.relative_to(ROOT).parts[0] != "deploy"}
    nodes = [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]
    methods = {part for _, node in nodes if isinstance(node, ast.ClassDef) for part in node.body}
    depended_on = {
        node.args[0].id
        for _, node in nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Depends"
        and isinstance(node.args[0], ast.Name)
    }
    assert "context" in depended_on
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path, node in nodes
        if isinstance(node, ast.FunctionDef)
        and (
            (node.name in depended_on and node not in methods)
            or "Depends(" in ast.unparse(node.args)
            or _is_endpoint(node)
        )
    ]
    assert found == []


def _is_endpoint(node: ast.FunctionDef) -> bool:
    called = [
        made.func.attr
        for made in node.decorator_list
        if isinstance(made, ast.Call) and isinstance(made.func, ast.Attribute)
    ]
    return not {"get", "head", "post", "put", "delete", "api_route"}.isdisjoint(called)


def test_services_and_shared_read_the_environment_in_settings_only() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in CODE
        if path.relative_to(ROOT).parts[0] != "deploy"
        and str(path.relative_to(ROOT)) not in {"shared/settings.py", "shared/failpoint.py"}
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    assert found == []


def test_no_warning_and_no_error_is_swallowed_by_a_bare_except() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "BaseException"))
        and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    ]
    assert found == []


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_its_one_idea(path: Path) -> None:
    if path.parent.name == "migrations" or path.stat().st_size == 0:
        return
    assert ast.get_docstring(ast.parse(path.read_text())), "a module docstring of one to three lines"
