"""Acts of the operator that a second operator approves before they are done."""
