"""What several targets render alike: header, comments, scalars of YAML, a Dockerfile.

Railway and Render start from a repository, and build the Dockerfile where it is not that of maint.
"""

import json
import re
import shlex
from collections.abc import Iterable
from itertools import takewhile
from string import Template
from textwrap import fill
from typing import Final

from maintcli.config.scheduler import Settings
from maintcli.schedules.model import DATABASE_URL, Entry, Note

KEPT: Final = "## kept below"  # the comments of what is rendered begin with a single #
_WIDTH: Final = 100
_HEADER: Final = re.compile(
    r"# (\S+): rendered from maint\.toml: maint schedule render --target (\S+)"
)
_PLAIN: Final = re.compile(r"-{0,2}[A-Za-z/][A-Za-z0-9_./@=-]*(?::[A-Za-z0-9_./@=-]+)*")
_WORDS: Final = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
_WIDEST_LIST: Final = 88
# JSON is YAML but for these: not printable in YAML, or ends of a line there.
_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_ROOT: Final = "deploy"  # where these targets write; a platform counts from the repository's root
_FROM_IMAGE: Final = Template("FROM $image\n")
_BY_PIP: Final = Template("""\
FROM $base
RUN pip install --no-cache-dir --root-user-action=ignore $install
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
""")
_COPY_SETTINGS: Final = "COPY maint.toml /etc/maint/\n"
_END_OF_DOCKERFILE: Final = """\
WORKDIR /etc/maint
USER 65532:65532
# The platform says the whole command, which begins with maint.
ENTRYPOINT []
"""


def header(path: str, target: str) -> str:
    """A comment for the file at `path` below the folder of `target`."""
    return f"# {path}: rendered from maint.toml: maint schedule render --target {target}"


def path_of(target: str, text: str) -> str | None:
    """The path in the header of a file that was rendered for `target`; None for any other file.

    The header is among the comments at the top: the user may have added a line above it.
    """
    comments = takewhile(lambda line: not line or line.startswith("#"), text.splitlines())
    found = (match for line in comments if (match := _HEADER.fullmatch(line)))
    return next((match[1] for match in found if match[2] == target), None)


def is_ours(path: str, target: str, text: str) -> bool:
    """Whether `text` is the file rendered to `path`; a copy under another name is not."""
    return path_of(target, text) == path


def split(text: str) -> tuple[str, str]:
    """The rendered part, and what follows from the line `## kept below` on."""
    lines = text.splitlines(keepends=True)
    at = next((n for n, line in enumerate(lines) if line.rstrip() == KEPT), None)
    if at is None:
        return text, ""
    return "".join(lines[:at]).rstrip() + "\n", "\n" + "".join(lines[at:])


def comment(text: str) -> str:
    """`text` as one line of a comment, without what is not printable."""
    line = " ".join(text.split())
    return "# " + "".join(c if c.isprintable() else "?" for c in line)


def noted(notes: Iterable[Note]) -> str:
    """A comment for each note, each line with its end; blank without notes."""
    return "".join(_wrapped(comment(f"Note: {note}").removeprefix("# "), "#   ") for note in notes)


def further(entries: Iterable[Entry]) -> list[str]:
    """The variables, except the database's URL, that any of `entries` needs; each once."""
    names = dict.fromkeys(name for entry in entries for name in entry.needs)
    names.pop(DATABASE_URL, None)
    return [*names]


def held(where: str, names: Iterable[str]) -> str:
    """A comment that `where` must hold these variables, too; blank without any."""
    listed_names = ", ".join(names)
    return _wrapped(f"{where} these, too: {listed_names}.", "# ") if listed_names else ""


def _wrapped(text: str, following: str) -> str:
    lines = fill(
        text,
        width=_WIDTH,
        initial_indent="# ",
        subsequent_indent=following,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{lines}\n"


def secret_key(variable: str) -> str:
    """The name of `variable` where names are in lowercase, with hyphens."""
    return variable.lower().replace("_", "-")


def scalar(text: str) -> str:
    """`text` as a YAML scalar: plain where every reader of YAML 1.1 and 1.2 takes it for text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def listed(name: str, texts: tuple[str, ...]) -> str:
    """`name: [a, b]` in YAML, or a line for each text where that line would be too long."""
    # In brackets, some readers take a text with a colon for a key with its value.
    parts = [
        json.dumps(text) if _PLAIN.fullmatch(text) and ":" in text else scalar(text)
        for text in texts
    ]
    line = f"{name}: [{', '.join(parts)}]"
    if len(line) <= _WIDEST_LIST:
        return line
    return "\n".join([f"{name}:", *(f"  - {part}" for part in parts)])


def needs_dockerfile(settings: Settings) -> bool:
    """Whether maint comes from elsewhere than from the repository itself."""
    return bool(settings.install or settings.image)


def missing_install(settings: Settings) -> Iterable[Note]:
    """What is wanted before anything can be rendered for another repository than that of maint."""
    if not settings.is_home and not needs_dockerfile(settings):
        what = "this is not the repository of maint, so say where maint comes from"
        near = '[schedule] install = "git+https://…@COMMIT" or "maintcli==…", or image = "…"'
        yield Note("install", what, near)


def dockerfile_path(target: str) -> str:
    """Where it is, from the root of the repository."""
    return f"{_ROOT}/{_dockerfile_name(target)}"


def dockerfile(settings: Settings, target: str) -> dict[str, str]:
    """The file by its path below the target's folder; none where the repository has its own."""
    if not needs_dockerfile(settings):
        return {}
    if settings.install:
        base = "python:3.13" if settings.install.startswith("git+") else "python:3.13-slim"
        begin = _BY_PIP.substitute(base=base, install=shlex.quote(settings.install))
    else:
        begin = _FROM_IMAGE.substitute(image=settings.image)
    head = header(_dockerfile_name(target), target)
    return {
        _dockerfile_name(
            target
        ): f"{head}\n{begin}{_COPY_SETTINGS if settings.config else ''}{_END_OF_DOCKERFILE}"
    }


def _dockerfile_name(target: str) -> str:
    return f"{target}/Dockerfile"


def misplaced_config(settings: Settings) -> Iterable[Note]:
    """That the settings are not where a run will look for them: at the root of the repository."""
    if settings.elsewhere:
        what = f"the jobs read maint.toml at the root of the repository, not {settings.elsewhere}"
        yield Note("maint.toml", what, "copy it there, or they run with their defaults")
