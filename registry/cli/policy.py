"""`registry policy`: declares the commands that work on policies. What they do is imported when they are called."""

from pathlib import Path
from uuid import UUID

import click

from registry.cli import POLICIES


@click.command(name="test")
@click.argument(
    "tested", metavar="[DIR|FILE]", type=click.Path(path_type=Path), default=POLICIES, envvar="REGISTRY_POLICIES_DIR"
)
@click.option(
    "--cases",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Cases in YAML or JSON for an agency's own FILE, in place of those that it holds.",
)
@click.option(
    "--beside",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=POLICIES,
    envvar="REGISTRY_POLICIES_DIR",
    help="The policies beside which an agency's own FILE is asked.",
)
def test_policies(tested: Path, cases: Path | None, beside: Path) -> None:
    """Run the cases beside the policies in DIR, and fail unless all pass and each policy is exercised both ways.

    Of an agency's own policies, in a FILE as for `registry policy check`, the cases that it holds are run, or --cases.
    No database is needed.

    \b
    Examples:
      registry policy test policies
      registry policy test winter.cedar --cases winter-cases.yaml
    """
    from registry.cli import policies, publishing

    if tested.is_file():
        policies.test_file(tested, beside, cases)
    elif cases is not None:
        raise click.UsageError("--cases is for an agency's own FILE: beside the policies in DIR stand their own.")
    else:
        publishing.test_policies(tested)


@click.command(name="check")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument(
    "folder", metavar="[DIR]", type=click.Path(path_type=Path), default=POLICIES, envvar="REGISTRY_POLICIES_DIR"
)
@click.option("--strict", is_flag=True, help="Exit 1 where anything is probably not meant, too.")
def check_policies(file: Path, folder: Path, strict: bool) -> None:  # a flag
    """Say what is wrong with an agency's own policies in FILE, and where, as `validate` of a policy set does.

    Then it warns of policies that are satisfied never or always, that do nothing alone, or that leave one another no
    case, as far as cases show that are made up of the values in the policies.

    FILE is Cedar (*.cedar), or YAML with the members of a policy set: `title`, `rules`, `cedar`, `tests`. DIR holds the
    policies beside which they are asked. Codes of categories and purposes are looked up among those that all share.
    Exits 1 when something is wrong. Nothing is stored.

    \b
    Examples:
      registry policy check winter.cedar
      registry policy check winter.yaml --strict
    """
    from registry.cli import policies

    policies.check(file, folder, strict=strict)


@click.command(name="diff")
@click.argument("then", metavar="OLD", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument(
    "now", metavar="[NEW]", type=click.Path(path_type=Path), default=POLICIES, envvar="REGISTRY_POLICIES_DIR"
)
def diff_policies(then: Path, now: Path) -> None:
    """Say what the policies in NEW change against those in OLD: which are new, gone or changed, and in what.

    The cases beside NEW are decided by both, and those that come out otherwise are named. Exits 1 when anything
    differs, 2 when a set cannot be read. No database is needed.

    \b
    Example:
      registry policy diff /srv/registry-1.2/policies policies
    """
    from registry.cli import policies

    policies.diff(then, now)


@click.command(name="impact")
@click.argument("tried", metavar="SET|FILE")
@click.option("--agency", help="ORI or id of the agency whose FILE it is.")
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="Decisions of so many days.")
@click.option("--show", type=click.IntRange(0), default=20, show_default=True, help="Name so many of the latest.")
@click.option("--fail-on-flips", is_flag=True, help="Exit 1 where a decision would have come out otherwise.")
def policy_impact(tried: str, agency: str | None, days: int, show: int, fail_on_flips: bool) -> None:  # a flag
    """Tell what an agency's own policies would have changed of what it was asked for in the last days.

    The policies are a set that the registry has, by its id, or a FILE as for `registry policy check`, which is examined
    first. Each decision is made again on its own facts, by what is active now and by these. Nothing is stored. Exits 1
    where FILE has faults, 2 where there is no such set, agency or file.

    \b
    Examples:
      registry policy impact 01920000-0000-7000-8000-00000000c0de --days 90
      registry policy impact winter.yaml --agency MN0270000 --fail-on-flips
    """
    from registry.cli import policies

    policies.impact(tried, agency, days=days, show=show, fail_on_flips=fail_on_flips)


@click.command(name="explain")
@click.argument("decision", type=click.UUID)
def explain_decision(decision: UUID) -> None:
    """Tell how DECISION came out and why: each policy that spoke with its layer, what it needs, and by which policies.

    \b
    Example:
      registry policy explain 01920000-0000-7000-8000-00000000c0de
    """
    from registry.cli import policies

    policies.explain(decision)


@click.command(name="vocabulary")
@click.argument(
    "folder", metavar="[DIR]", type=click.Path(path_type=Path), default=POLICIES, envvar="REGISTRY_POLICIES_DIR"
)
@click.option("--write", metavar="PATH", help="Write the page there instead of printing it.")
def policy_vocabulary(folder: Path, write: str | None) -> None:
    """Tell what policies may ask about: each attribute's meaning, unit, source, and what its absence means.

    It is read from the annotations of the Cedar schema in DIR.

    \b
    Examples:
      registry policy vocabulary
      registry policy vocabulary --write docs/policy-vocabulary.md
    """
    from registry.cli import publishing

    publishing.publish_vocabulary(folder, write)


@click.command(name="seal")
@click.argument(
    "folder", metavar="[DIR]", type=click.Path(path_type=Path), default=POLICIES, envvar="REGISTRY_POLICIES_DIR"
)
def seal_policies(folder: Path) -> None:
    """Write the digests of the policies in DIR to DIR/digests.yaml: the service starts with these files and no others.

    \b
    Example:
      registry policy seal policies
    """
    from registry.cli import policies

    policies.seal(folder)


COMMANDS = {
    "test": test_policies,
    "check": check_policies,
    "diff": diff_policies,
    "impact": policy_impact,
    "explain": explain_decision,
    "vocabulary": policy_vocabulary,
    "seal": seal_policies,
}
