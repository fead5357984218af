"""maint secret"""

from maintcli.cli.operator import Json, operator
from maintcli.output.show import show


@operator("secret")
def secret(*, json: Json = False) -> None:
    """Print a new secret: 32 random bytes in hex."""
    from secrets import token_hex

    text = token_hex(32)
    show({"secret": text}, lambda: [text], json=json)
