"""Access to SQLite and PostgreSQL: engines, unit of work, column types, migrations.

Only this package knows how the two differ.
"""
