"""How each database is reached: engines, unit of work, column types, migrations. The only room that knows."""
