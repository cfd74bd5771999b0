"""Archives of a registry: made, checked and put back."""
