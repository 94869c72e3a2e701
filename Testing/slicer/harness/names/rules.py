"""The rules: what real Slicer does not have, and what it has but must not be used."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

import qt
import slicer
import vtk

from Testing.slicer.harness.api_lists import widget_lists
from Testing.slicer.harness.names.inference import UI, FileTypes, Scope, binding_class, dotted, own_nodes
from Testing.slicer.harness.names.known import (
    PACKAGING,
    SLICER_NAMES,
    UTIL,
    class_info,
    is_qt_class,
    util_parameters,
)

_HEAVY = {"nnunetv2", "skimage", "torch"}
_INSTALLERS = ("pip_install", "pip_ensure", "pip_uninstall", "executePythonModule")
_GONE = {"QRegExp": "QRegularExpression", "QDesktopWidget": "QScreen"}
_CONNECTS = ("connect", "disconnect")


class Finding(NamedTuple):
    """One thing real Slicer would refuse."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def check_source(source: str, path: str = "<source>", objects: dict[str, str] | None = None) -> list[Finding]:
    """Check one Python source; ``objects`` gives the class of each object of the .ui files."""
    tree = ast.parse(source)
    checker = _Checker(path, FileTypes(tree, objects or {}))
    checker.check(tree, checker.types.file_scope, None)
    checker.check_file_scope(tree)
    return sorted(set(checker.findings), key=lambda finding: (finding.line, finding.text))


class _Checker:
    def __init__(self, path: str, types: FileTypes) -> None:
        self.path, self.types = path, types
        self.findings: list[Finding] = []

    def note(self, node: ast.AST, text: str) -> None:
        self.findings.append(Finding(self.path, getattr(node, "lineno", 0), text))

    def check(self, block: ast.AST, scope: Scope, owner: ast.ClassDef | None) -> None:
        """Check a file, class or function, then what is inside it."""
        written = {id(n) for n in own_nodes(block) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
        for node in own_nodes(block):
            if isinstance(node, ast.Attribute):
                self._check_attribute(node, scope, is_written=id(node) in written)
            elif isinstance(node, ast.Call):
                self._check_call(node, scope, owner)
            elif isinstance(node, ast.ImportFrom):
                self._check_import_from(node)
        for child in _inner_blocks(block):
            if isinstance(child, ast.ClassDef):
                self.check(child, scope, child)
            else:
                self.check(child, Scope(child, scope, owner, self.types), owner)

    def _check_attribute(self, node: ast.Attribute, scope: Scope, *, is_written: bool) -> None:
        name = dotted(node)
        if name.count(".") >= 1 and name.split(".")[0] in ("qt", "ctk", "slicer", "vtk"):
            self._check_binding_name(node, name)
        kind = binding_class(dotted(node.value)) or scope.type_of(node.value)
        if kind == UI:
            if self.types.objects and node.attr not in self.types.objects and not is_written:
                self.note(node, f"no .ui file has an object {node.attr}")
            return
        info = class_info(kind) if kind else None
        if info is None or node.attr.startswith("__"):
            return
        if node.attr not in info.members:
            self.note(node, f"{kind} has no {node.attr}")
        elif is_written and info.qt_class and node.attr not in info.properties:
            self.note(node, f"{node.attr} of {kind} is no property and cannot be set")

    def _check_binding_name(self, node: ast.Attribute, name: str) -> None:
        module, first, *rest = name.split(".")
        if module == "slicer" and first == "util" and len(rest) == 1:
            if rest[0] not in UTIL:
                self.note(node, f"slicer.util has no {rest[0]} in Slicer 5.10 and 5.12")
        elif module == "slicer" and first == "packaging" and len(rest) == 1:
            if rest[0] not in PACKAGING:
                self.note(node, f"slicer.packaging has no {rest[0]}")
        elif not rest and not _binding_has(module, first):
            instead = f"; use {_GONE[first]}" if first in _GONE else ""
            self.note(node, f"{module} has no {first}{instead}")

    def _check_call(self, node: ast.Call, scope: Scope, owner: ast.ClassDef | None) -> None:
        name = dotted(node.func)
        if name in ("isinstance", "issubclass") and len(node.args) == 2:
            self._check_isinstance(node, name)
        if node.keywords and self._is_qt_call(node, name, scope, owner):
            self.note(node, "a Qt call with keyword arguments can hang the application: positional only")
        if name.startswith("slicer.util.") and name.count(".") == 2:
            self._check_util_keywords(node, name.rpartition(".")[2])
        if not isinstance(node.func, ast.Attribute):
            return
        kind = scope.type_of(node.func.value)
        info = class_info(kind) if kind and kind != UI else None
        if node.func.attr in _CONNECTS:
            self._check_connect(node, kind)
        elif info is not None and info.qt_class and node.func.attr in info.properties:
            self.note(node, f"{node.func.attr} of {kind} is a property: no parentheses")

    def _check_isinstance(self, node: ast.Call, name: str) -> None:
        second = node.args[1]
        for choice in second.elts if isinstance(second, ast.Tuple) else [second]:
            kind = binding_class(dotted(choice))
            if kind and is_qt_class(kind):
                self.note(node, f'{name} with {kind} is False for its subclasses: use x.inherits("{kind}")')

    def _is_qt_call(self, node: ast.Call, name: str, scope: Scope, owner: ast.ClassDef | None) -> bool:
        made = binding_class(name)
        if made is not None:
            return is_qt_class(made)
        if not isinstance(node.func, ast.Attribute):
            return False
        kind = binding_class(dotted(node.func.value)) or scope.type_of(node.func.value)
        if kind is not None and kind != UI:
            return is_qt_class(kind)
        value = node.func.value
        is_super = isinstance(value, ast.Call) and dotted(value.func) == "super"
        bases = [binding_class(dotted(base)) for base in owner.bases] if owner and is_super else []
        return bool(bases and bases[0] and is_qt_class(bases[0]))

    def _check_util_keywords(self, node: ast.Call, function: str) -> None:
        accepted = util_parameters(function) if function in UTIL else None
        for keyword in node.keywords:
            if accepted is not None and keyword.arg and keyword.arg not in accepted:
                self.note(node, f"slicer.util.{function} takes no {keyword.arg} in Slicer 5.10")

    def _check_connect(self, node: ast.Call, kind: str | None) -> None:
        first = node.args[0] if node.args else None
        if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
            return
        signature = first.value.replace(" ", "")
        if signature == "currentIndexChanged(QString)":
            self.note(node, "currentIndexChanged(QString) is gone in Qt 6: use currentIndexChanged(int)")
            return
        info = class_info(kind) if kind and kind != UI else None
        if info is not None and info.qt_class and not info.has_signal(signature):
            self.note(node, f"{kind} has no signal {signature}")

    def _check_import_from(self, node: ast.ImportFrom) -> None:
        known = {"slicer.util": UTIL, "slicer.packaging": PACKAGING}
        for alias in node.names:
            is_binding = node.module in ("qt", "ctk", "slicer", "vtk")
            missing = is_binding and not _binding_has(node.module or "", alias.name)
            if missing or alias.name not in known.get(node.module or "", {alias.name: ""}):
                self.note(node, f"{node.module} has no {alias.name}")

    def check_file_scope(self, tree: ast.Module) -> None:
        """Nothing heavy is imported and nothing installed while Slicer starts."""
        for node in _import_time_nodes(tree):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                if module.split(".")[0] in _HEAVY:
                    self.note(node, f"{module} is imported while Slicer starts: import it where it is used")
            if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in _INSTALLERS:
                self.note(node, "packages are installed while Slicer starts: ask the user first")


def _binding_has(module: str, name: str) -> bool:
    if name == "*" or name.startswith("__"):
        return True
    if module == "qt":
        return hasattr(qt, name)
    if module == "vtk":
        return hasattr(vtk, name)
    if name in widget_lists():
        return name.startswith("ctk") is (module == "ctk")
    return module == "slicer" and (name in SLICER_NAMES or (name.startswith("vtk") and hasattr(slicer, name)))


def _inner_blocks(block: ast.AST) -> Iterator[ast.AST]:
    """Yield the functions and classes directly inside a block, however deep in its statements."""
    for child in ast.iter_child_nodes(block):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield child
        else:
            yield from _inner_blocks(child)


def _import_time_nodes(block: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs at import: everything outside functions and ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(block):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and dotted(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from _import_time_nodes(child)
