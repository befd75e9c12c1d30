"""The project's own provider ``codeopen``: objects that no other provider has."""
