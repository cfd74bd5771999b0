"""Whether the triggers of a PostgreSQL database, and the functions that they run, are those of this version.

What they should be is read from the migrations, which write their statements down instead of running them; what they
are, from PostgreSQL, which words them in its own way. Both are brought into one form.
"""

import re
from collections.abc import Iterator
from functools import cache
from io import StringIO
from typing import NamedTuple

from sqlalchemy.engine import Connection

from registry.platform.database.migrate import alembic_config

_TRIGGER = re.compile(
    r"CREATE TRIGGER (?P<name>\w+) (?P<when>BEFORE|AFTER|INSTEAD OF) (?P<events>[\w ,]+?) ON (?:\w+\.)?(?P<table>\w+) "
    r"FOR EACH (?P<each>ROW|STATEMENT) (?:WHEN \((?P<condition>.+)\) )?EXECUTE FUNCTION (?P<runs>.+\))",
    re.DOTALL,
)
_DROPPED = re.compile(r"DROP TRIGGER (?:IF EXISTS )?(?P<name>\w+) ON (?:\w+\.)?(?P<table>\w+)")
_FUNCTION = re.compile(r"CREATE (?:OR REPLACE )?FUNCTION (?P<name>\w+)\(\).*?\$\$(?P<body>.*)\$\$", re.DOTALL)
_TRIGGERS_THERE = (
    "SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
    "WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace"
)
_FUNCTIONS_THERE = (
    "SELECT p.proname, p.prosrc FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace "
    "AND p.prorettype = 'trigger'::regtype"
)


class Guards(NamedTuple):
    """The definition of each trigger, by table and name, and the body of each function that triggers run."""

    triggers: dict[str, tuple[str, ...]]
    functions: dict[str, str]


def faults_of_triggers(connection: Connection) -> Iterator[str]:
    """Each trigger and function that is missing, was added, or says something else."""
    there, wanted = _there(connection), expected()
    for kind, here, said in (
        ("trigger", there.triggers, wanted.triggers),
        ("function", there.functions, wanted.functions),
    ):
        for name in sorted(here.keys() | said.keys()):
            if here.get(name) != said.get(name):
                yield f"schema: {kind} {name} is not as this version has it"


@cache
def expected() -> Guards:
    """What this version's migrations make."""
    found = Guards({}, {})
    for statement in _statements():
        if (trigger := _TRIGGER.search(statement)) is not None:
            found.triggers[_name(trigger)] = _form(trigger)
        elif (dropped := _DROPPED.search(statement)) is not None:
            found.triggers.pop(_name(dropped), None)
        elif (function := _FUNCTION.search(statement)) is not None:
            found.functions[function["name"]] = function["body"].replace("%%", "%")
    return found


def _statements() -> Iterator[str]:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(alembic_config())
    for script in reversed(list(scripts.walk_revisions())):
        written = StringIO()
        opts = {"as_sql": True, "output_buffer": written}
        with Operations.context(MigrationContext.configure(dialect_name="postgresql", opts=opts)):
            script.module.upgrade()
        yield from written.getvalue().split(";\n\n")


def _there(connection: Connection) -> Guards:
    triggers: dict[str, tuple[str, ...]] = {}
    for (words,) in connection.exec_driver_sql(_TRIGGERS_THERE).all():
        if (found := _TRIGGER.search(str(words))) is None:
            triggers[str(words)[:100]] = (str(words),)  # none that a migration makes
        else:
            triggers[_name(found)] = _form(found)
    functions = {str(name): str(body) for name, body in connection.exec_driver_sql(_FUNCTIONS_THERE).all()}
    return Guards(triggers, functions)


def _name(found: re.Match[str]) -> str:
    return f"{found['table']}.{found['name']}"


def _form(found: re.Match[str]) -> tuple[str, ...]:
    """One form for what a migration says and what PostgreSQL says of it.

    It sorts events, adds brackets, and leaves out the cast of what is text already.
    """
    events = "".join(sorted(re.split(r" OR ", found["events"])))
    plain = re.sub(r"[\s()]|::text\b", "", found["condition"] or "").lower()
    return found["when"], events, found["each"], plain, found["runs"]
