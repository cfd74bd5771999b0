"""What depends on the code alone, not on a database: `registry openapi`, `law`, `events`, `metrics page`, policies."""

import asyncio
import sys
import tempfile
from pathlib import Path

import click
import msgspec
import yaml

from registry.app import create_app
from registry.cli.session import reporting_errors
from registry.outcomes.metrics.definitions import DEFINITIONS
from registry.outcomes.metrics.page import metrics_page
from registry.platform.http.openapi import check_examples
from registry.platform.ledger.page import events_page
from registry.platform.settings import load
from registry.sharing.policy.cedar import SCHEMA, load_policy_set
from registry.sharing.policy.testing import run_policy_tests
from registry.sharing.policy.vocabulary_page import read_vocabulary, vocabulary_page
from registry.shipped_rules import law_page, shipped_rules


def publish_contract(check: str | None, write: str | None) -> None:
    """Print the contract, write it to a path, or fail if a path holds another."""
    if check is not None and write is not None:
        raise click.UsageError("Give --check or --write, not both.")
    contract = _contract()
    with reporting_errors():
        if write is not None:
            Path(write).parent.mkdir(parents=True, exist_ok=True)
            Path(write).write_bytes(contract)
            click.echo(f"{write} is written.")
        elif check is None:
            sys.stdout.buffer.write(contract)
        elif Path(check).read_bytes() == contract:
            click.echo(f"{check} matches the service.")
        else:
            raise click.ClickException(f"{check} does not match the service: run `registry openapi --write {check}`.")


def _contract() -> bytes:
    """The contract, which depends only on the code and not on the environment.

    Raises ValidationError for an example that does not match its operation's request or response.
    """
    with tempfile.TemporaryDirectory() as empty:
        app = create_app(load({"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": empty})).app
        asyncio.run(app.state.database.close())
        check_examples(app)
        contract: bytes = app.state.contract.text
        return contract


def publish_law(policies: Path, write: str | None) -> None:
    """Print the page about the rules of law, or write it to a path."""
    _publish(law_page(shipped_rules(load_policy_set(policies))), write)


def publish_events(write: str | None) -> None:
    """Print the page about the types of events, or write it to a path."""
    _publish(events_page(), write)


def publish_vocabulary(policies: Path, write: str | None) -> None:
    """Print the page about the words of policies, or write it to a path."""
    with reporting_errors():
        schema = (policies / SCHEMA).read_text("utf-8")
    try:
        page = vocabulary_page(read_vocabulary(schema))
    except ValueError as error:
        raise click.ClickException(f"{policies / SCHEMA}: {error}") from None
    _publish(page, write)


def publish_metrics(write: str | None) -> None:
    """Print the page about the metrics, or write it to a path."""
    _publish(metrics_page(DEFINITIONS), write)


def _publish(page: str, write: str | None) -> None:
    with reporting_errors():
        if write is None:
            click.echo(page, nl=False)
        else:
            Path(write).write_text(page, "utf-8")
            click.echo(f"{write} is written.")


def test_policies(folder: Path) -> None:
    """Run the cases beside the policies of a folder, and print which fail and which policies no case exercises."""
    try:
        with reporting_errors():
            report = run_policy_tests(folder)
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise click.ClickException(f"{folder}: {error}") from None
    for failure in report.failures:
        click.echo(f"{failure.file}: {failure.name}\n  {failure.detail}")
    for rule in report.uncovered:
        lacking = "is satisfied in every case" if rule.determining else "decides in no case"
        click.echo(f"{rule.policy_id} ({rule.layer}) {lacking}")
    click.echo(
        f"{report.cases} cases, {len(report.failures)} failed; {report.coverage_percent} % of "
        f"{len(report.coverage)} policies covered."
    )
    if not report.is_green:
        raise SystemExit(1)
