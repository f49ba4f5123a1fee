"""Judgements about Postgres: its version, the schema, and who may do what."""

from collections.abc import Mapping, Sequence

from segue.doctor.finding import CheckFinding, ok, problem, warning

_OLDEST = 17


def version(number: int) -> CheckFinding:
    """Whether Postgres is new enough; the number is that of ``server_version_num``."""
    major, minor = divmod(number, 10_000)
    if major < _OLDEST:
        return problem("postgres", f"Postgres {major}.{minor}", f"Segue needs Postgres {_OLDEST} or newer: upgrade it")
    return ok("postgres", f"Postgres {major}.{minor}")


def schema(current: str | None, newest: str) -> CheckFinding:
    """Whether the tables are those of this version; ``current`` is None before the first migration."""
    if current == newest:
        return ok("schema", f"up to date ({newest})")
    if current is None:
        return problem("schema", "there are no tables yet", "run `segue migrate`")
    if current > newest:
        advice = "install the version of Segue that migrated the database, or a newer one"
        return problem("schema", f"at {current}, newer than this version's {newest}", advice)
    return problem("schema", f"at {current}, and this version needs {newest}", "run `segue migrate`")


def roles(missing: Sequence[str], lacking: Sequence[str]) -> CheckFinding:
    """Whether the roles exist and have their rights; ``lacking`` are rights such as ``segue_worker: INSERT ON x``."""
    if missing:
        text = f"missing: {', '.join(missing)}"
        return problem("roles", text, "run `segue migrate` as a user who may create roles")
    if lacking:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        return problem("roles", f"lacking: {', '.join(lacking[:3])}{more}", "run `segue migrate`")
    return ok("roles", "all roles exist and have their rights")


def public_rights(held: Sequence[str]) -> CheckFinding:
    """Whether everyone may create something; ``held`` are the statements that would revoke those rights."""
    if held:
        advice = f"run `segue migrate` as an administrator, or have this run: {'; '.join(held)}"
        return warning("rights of everyone", "every user may create temporary tables or large objects", advice)
    return ok("rights of everyone", "no user may create anything by default")


def workers(claimed: Mapping[int, int], newest: int) -> CheckFinding:
    """Whether an upgrade is finished; ``claimed`` has the schema version of the worker of each partition."""
    older = sorted(partition for partition, version in claimed.items() if version < newest)
    if older:
        versions = ", ".join(str(version or "unknown") for version in sorted({claimed[each] for each in older}))
        text = f"partitions {', '.join(map(str, older))} have workers of an older schema version ({versions})"
        return warning("upgrade", text, "restart these workers with this version to finish the upgrade")
    return ok("upgrade", f"no partition has a worker of an older schema version than {newest}")
