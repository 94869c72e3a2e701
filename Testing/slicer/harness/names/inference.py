"""Which class an expression has, as far as the source tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from Testing.slicer.harness.names.known import UTIL_RETURNS, class_info, returned_class

UI = "<ui>"  # what slicer.util.childWidgetVariables gives
_UI_NAMES = ("ui", "_ui")  # what it is called, wherever it is handed to
_MODULE_ATTRIBUTES = {
    "ScriptedLoadableModule": {"parent": "qSlicerScriptedLoadableModule"},
    "ScriptedLoadableModuleWidget": {"parent": "qSlicerScriptedLoadableModuleWidget", "layout": "QVBoxLayout"},
}


def dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` for a chain of names, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return f"{left}.{node.attr}" if left else ""
    return ""


def binding_class(name: str) -> str | None:
    """Return the class that ``qt.X``, ``ctk.X``, ``slicer.X`` or ``vtk.X`` names."""
    module, _, cls = name.partition(".")
    if module not in ("qt", "ctk", "slicer", "vtk") or "." in cls or not cls:
        return None
    return cls if class_info(cls) is not None else None


class Scope:
    """Variables of one function, falling back on those of the file."""

    def __init__(self, function: ast.AST, outer: Scope | None, owner: ast.ClassDef | None, types: FileTypes) -> None:
        self._outer, self._owner, self._types = outer, owner, types
        self._names: dict[str, set[str]] = {}
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for argument in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]:
                kind = types.annotation(argument.annotation)
                if kind:
                    self._names[argument.arg] = {kind}
        for target, value, annotation in assignments(function):
            if isinstance(target, ast.Name):
                kind = types.annotation(annotation) or (self.type_of(value) if value is not None else None)
                self._names.setdefault(target.id, set()).add(kind or "")

    def type_of(self, node: ast.AST) -> str | None:
        """Return the class of an expression, None when it is not known or not always the same."""
        if isinstance(node, ast.Name):
            return self._variable(node.id)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.IfExp):
            left, right = self.type_of(node.body), self.type_of(node.orelse)
            return left if left == right else None
        return self.type_of(node.value) if isinstance(node, ast.NamedExpr) else None

    def _variable(self, name: str) -> str | None:
        if name in self._names:
            kinds = self._names[name]
            return next(iter(kinds)) or None if len(kinds) == 1 else None
        if name in _UI_NAMES:
            return UI
        return self._outer.type_of(ast.Name(name)) if self._outer else None

    def _attribute(self, node: ast.Attribute) -> str | None:
        name = dotted(node)
        fixed = {"slicer.app": "qSlicerApplication", "slicer.mrmlScene": "vtkMRMLScene"}
        if name in fixed:
            return fixed[name]
        if node.attr in _UI_NAMES:
            return UI
        if self.type_of(node.value) == UI:
            return self._types.objects.get(node.attr)
        if isinstance(node.value, ast.Name) and node.value.id == "self" and self._owner is not None:
            return self._types.own_attribute(self._owner, node.attr)
        return None

    def _call(self, node: ast.Call) -> str | None:
        name = dotted(node.func)
        if binding_class(name):
            return name.partition(".")[2]
        if name == "slicer.util.childWidgetVariables":
            return UI
        if name.startswith("slicer.util."):
            return UTIL_RETURNS.get(name.rpartition(".")[2])
        if not isinstance(node.func, ast.Attribute):
            return self._types.returns.get(name)
        method, owner = node.func.attr, self.type_of(node.func.value)
        if method in ("AddNewNodeByClass", "CreateNodeByClass", "GetFirstNodeByClass") and node.args:
            first = node.args[0]
            literal = first.value if isinstance(first, ast.Constant) else None
            return literal if isinstance(literal, str) and class_info(literal) else None
        if method == "findChild" and node.args and binding_class(dotted(node.args[0])):
            return dotted(node.args[0]).partition(".")[2]
        if name.startswith("self."):
            return self._types.returns.get(method)
        return returned_class(owner, method) if owner and owner != UI else None


class FileTypes:
    """What one file tells about classes: attributes of its own classes, annotated returns."""

    def __init__(self, tree: ast.Module, objects: dict[str, str]) -> None:
        self.objects = objects
        self.returns: dict[str, str] = {}
        self._own: dict[ast.ClassDef, dict[str, str | None]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                kind = self.annotation(node.returns)
                if kind:
                    self.returns[node.name] = kind
        self.file_scope = Scope(tree, None, None, self)
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                self._read_class(node)

    def annotation(self, node: ast.AST | None) -> str | None:
        """Return the class of an annotation ``qt.QWidget``, ``"qt.QWidget"`` or ``qt.QWidget | None``."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except SyntaxError:
                return None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            sides = [side for side in (node.left, node.right) if not isinstance(side, ast.Constant)]
            return self.annotation(sides[0]) if len(sides) == 1 else None
        return binding_class(dotted(node).strip()) and dotted(node).partition(".")[2] if node is not None else None

    def own_attribute(self, owner: ast.ClassDef, name: str) -> str | None:
        return self._own.get(owner, {}).get(name)

    def _read_class(self, node: ast.ClassDef) -> None:
        bases = [dotted(base).rpartition(".")[2] for base in node.bases]
        own: dict[str, str | None] = {}
        for base in bases:
            own.update(_MODULE_ATTRIBUTES.get(base, {}))
        self._own[node] = own
        for function in (f for f in node.body if isinstance(f, ast.FunctionDef)):
            scope = Scope(function, self.file_scope, node, self)
            for target, value, annotation in assignments(function):
                if isinstance(target, ast.Attribute) and dotted(target) == f"self.{target.attr}":
                    kind = self.annotation(annotation) or (scope.type_of(value) if value is not None else None)
                    if isinstance(value, ast.Constant) and value.value is None:
                        continue  # made later
                    own[target.attr] = kind if own.get(target.attr, kind) == kind else None


def assignments(function: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None, ast.expr | None]]:
    """Yield target, value and annotation of the assignments of a function, not of functions inside it."""
    for node in own_nodes(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield target, node.value, None
        elif isinstance(node, ast.AnnAssign):
            yield node.target, node.value, node.annotation
        elif isinstance(node, ast.NamedExpr):
            yield node.target, node.value, None
        elif isinstance(node, (ast.For, ast.comprehension)) and isinstance(node.target, ast.Name):
            yield node.target, None, None
        elif isinstance(node, ast.With):
            for item in node.items:
                if isinstance(item.optional_vars, ast.Name):
                    yield item.optional_vars, item.context_expr, None


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function or file in order, leaving out functions and classes inside it."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        yield child
        yield from own_nodes(child)
