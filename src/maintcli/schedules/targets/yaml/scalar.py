"""Text as a YAML scalar, whatever is in it, that each reader of YAML 1.1 and 1.2 takes for text."""

import json
import re
from typing import Final

_PLAIN: Final = re.compile(r"-{0,2}[A-Za-z/][A-Za-z0-9_./@=-]*(?::[A-Za-z0-9_./@=-]+)*")
_WORDS: Final = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
_WIDEST: Final = 88
# JSON is YAML but for these: not printable in YAML, or ends of a line there.
_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def scalar(text: str) -> str:
    """`text` as it is where that can only be text, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def listed(key: str, texts: tuple[str, ...]) -> str:
    """`key: [a, b]`, or a line for each where that were too long."""
    # In brackets a text with a colon is a key with its value for some readers.
    parts = [
        json.dumps(text) if _PLAIN.fullmatch(text) and ":" in text else scalar(text)
        for text in texts
    ]
    line = f"{key}: [{', '.join(parts)}]"
    if len(line) <= _WIDEST:
        return line
    return "\n".join([f"{key}:", *(f"  - {part}" for part in parts)])
