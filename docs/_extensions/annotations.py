"""Types in signatures with their full names, so that Sphinx links each to the class that the module means."""

import ast


class Annotations(ast.NodeTransformer):
    """Replaces the names that a module defines or imports by their full names, after ~: Sphinx shows the last part."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self.names: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                self.names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        for node in tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            defined = [node.name] if isinstance(node, ast.ClassDef) else [getattr(one, "id", "") for one in targets]
            self.names |= {name: f"{module}.{name}" for name in defined if name}

    def signature(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
        """The parameters with their types and defaults, and the type that is returned."""
        for node in ast.walk(function.args):
            if isinstance(node, ast.arg) and node.annotation:
                node.annotation = self.visit(node.annotation)
        return f"({ast.unparse(function.args)}){f' -> {self.returned(function)}' if function.returns else ''}"

    def returned(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
        """The type that is returned."""
        return ast.unparse(self.visit(function.returns)) if function.returns else ""

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(f"~{self.names[node.id]}" if node.id in self.names else node.id)

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """A type in quotes."""
        return self.visit(ast.parse(node.value, mode="eval").body) if isinstance(node.value, str) else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """The values of a Literal are no types."""
        return node if ast.unparse(node.value) == "Literal" else self.generic_visit(node)  # type: ignore[return-value]
