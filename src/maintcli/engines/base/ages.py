"""The ages that a run sweeps by: their names in ledger and plans, and where they were set."""

import re
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from zlib import crc32

from maintcli.engines.base.target import Target
from maintcli.runtime.context import Context

_CUTOFF = "{cutoff}"
_WHERE = " where "
_QUOTED = re.compile(r"""('[^']*'|"[^"]*")""")
_HARD_TO_READ = re.compile(r"[\\$]|--|/\*")  # other ways to quote, and comments
# Beside these a space means nothing, unless it keeps two operators apart; NUL is what is quoted.
_MEANS_NOTHING = re.compile(r"(?<=[\w)\0]) (?=[(),<>=~!*/%^|])|(?<=[(),<>=~!*/%^|]) (?=[\w()\0])")


def column(target: Target) -> str:
    """The age column with its table: `public.events.occurred_at`."""
    return f"{target.table}.{target.by.name}"


def condition(target: Target) -> str:
    """What makes a row stale, as SQL in which the cutoff, which every run has anew, is a hole."""
    return spaced(target.predicate.as_string().replace(target.bound.as_string(), _CUTOFF))


def spaced(text: str) -> str:
    """The condition with its spaces as any other that differs in them alone has them."""
    if _HARD_TO_READ.search(text):
        return text.strip()
    pieces = _QUOTED.split(text)
    plain = " ".join("\0".join(pieces[::2]).split())
    pieces[::2] = _MEANS_NOTHING.sub("", plain).split("\0")
    return "".join(pieces)


def keys(targets: Sequence[Target]) -> list[str]:
    """A name for each target's age: its column, with a hash of the condition that the user gave.

    Where a job's own conditions share a column, a checksum tells them apart.
    """
    shared = Counter(map(_name, targets))
    return [_key(target, alone=shared[_name(target)] == 1) for target in targets]


def has_condition(key: str) -> bool:
    """Whether a condition of the user's is behind a name."""
    return _WHERE in key


def recorded(targets: Sequence[Target]) -> dict[str, str]:
    """The ages by their names, as the ledger keeps them."""
    return {key: str(target.older_than) for key, target in zip(keys(targets), targets, strict=True)}


def origin(context: Context, target: Target) -> str:
    """Where the age was set: a flag, a variable, a file and its key, or the job's own default."""
    if target.origin is not None:
        return target.origin
    sources = context.order.values.values()
    found = [source.origin for source in sources if source.value is target.older_than]
    return next((place for place in found if place != "default"), "the job's default")


def _key(target: Target, *, alone: bool) -> str:
    if alone:
        return _name(target)
    return f"{_name(target)} {crc32(condition(target).encode()):08x}"


def _name(target: Target) -> str:
    if target.also is None:
        return column(target)
    return f"{column(target)}{_WHERE}{sha256(spaced(target.also).encode()).hexdigest()[:12]}"
