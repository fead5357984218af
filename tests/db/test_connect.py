"""Connection parameters out of a database URL."""

from pathlib import Path

import pytest

from maintcli.db.connect import parameters

BASE = Path("/etc/maint")


@pytest.mark.parametrize(
    ("given", "base", "path"),
    [
        ("ca.pem", BASE, "/etc/maint/ca.pem"),
        ("./ca.pem", BASE, "/etc/maint/ca.pem"),
        ("/ca.pem", BASE, "/ca.pem"),
        ("system", BASE, "system"),
        ("ca.pem", None, "ca.pem"),
    ],
)
def test_a_certificate_lies_beside_maint_toml(given: str, base: Path | None, path: str) -> None:
    """A path in a URL of maint.toml does not depend on where maint is started."""
    for url in (f"postgresql://h/x?sslrootcert={given}", f"host=h sslrootcert={given}"):
        found = parameters(url, "a test", base)
        assert (found["host"], found["sslrootcert"]) == ("h", path)
