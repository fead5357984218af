"""What a run gives to the way of working that does its work."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from maintcli.config.model import Config
from maintcli.db.catalog.tables import Table, describe
from maintcli.db.names import Name
from maintcli.runtime.deadline import Deadline
from maintcli.runtime.job import Order
from maintcli.runtime.lease import Lease
from maintcli.runtime.log import Log
from maintcli.runtime.session import Session
from maintcli.runtime.shard import Shard
from maintcli.runtime.stop import Stop


@dataclass(kw_only=True)
class Context:
    """A run in progress. `lease` is None in a dry run and with --no-ledger.

    `counts` are figures known so far: they reach the report however the run ends. `retention` are
    the ages that the run was let through with, for the ledger. `variables` are those of the
    environment that the job declares. `has_database` is False where the run does without.
    `names` are the tables that it has looked for. `make_run`
    makes what the job is given, of this and its engine, in place of api.Run.
    """

    job: str
    order: Order
    session: Session
    stop: Stop
    deadline: Deadline
    log: Log
    lease: Lease | None = None
    backlog: int | None = None
    counts: dict[str, Any] = field(default_factory=dict[str, Any])
    retention: dict[str, str] = field(default_factory=dict[str, str])
    variables: frozenset[str] = frozenset()
    has_database: bool = True
    names: list[Name] = field(default_factory=list[Name])
    make_run: Callable[["Context", Any], Any] | None = None

    def describe(self, name: Name) -> Table | None:
        """Describe the table called `name`, and remember it: others may lock it later, or now."""
        self.names.append(name)
        return describe(self.session, name)

    @property
    def dry_run(self) -> bool:
        """Whether to show only: a dry run sends no statement that writes."""
        return self.order.dry_run

    @property
    def shard(self) -> Shard | None:
        """The part of the work that is this run's; None: all of it."""
        return self.order.shard

    @property
    def config(self) -> Config:
        """The configuration of this run."""
        return self.order.config
