"""Runs imports: rows in batches, each in a transaction of its own with what became of it, so that a run can be resumed.

A run holds a token. Each batch asks for it and moves the cursor in its own transaction; whoever resumes an interrupted
run gives it another token, and a run that was only slow then stops by itself. A dry run does the same through the same
commands, and undoes each batch.
"""
