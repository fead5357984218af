"""maint plugins"""

from maintcli import registry
from maintcli.cli.location import ConfigLocation
from maintcli.cli.operator import Json, operator
from maintcli.output.show import show
from maintcli.output.table import Table


@operator("plugins")
def plugins(location: ConfigLocation, *, json: Json = False) -> None:
    """List jobs of other packages, and which may run."""
    config = location.read_aloud()
    found = [
        {
            "job": name,
            "package": distribution,
            "target": target,
            "listed": registry.is_listed(distribution, config.plugins),
        }
        for distribution, name, target in sorted(registry.plugins())
    ]
    rows = [
        (str(p["job"]), str(p["package"]), "yes" if p["listed"] else "no", str(p["target"]))
        for p in found
    ]
    table = Table(
        ("job", "package", "listed", "target"), rows, "No package with jobs is installed."
    )
    unlisted = sorted({str(p["package"]) for p in found if not p["listed"]})
    advice = [f"To trust a package, add it to maint.toml: plugins = {_toml(unlisted)}"]
    show({"plugins": found}, lambda: [table, *(advice if unlisted else [])], json=json)


def _toml(names: list[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"
