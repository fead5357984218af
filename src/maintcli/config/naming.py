"""Names from the file that become commands, files of units, and labels."""

from string import ascii_lowercase, digits


def is_plain(name: str, longest: int) -> bool:
    """Whether it is made of lowercase letters, digits and single hyphens, and begins with no digit.

    `longest` is how many characters it may have.
    """
    plain = all(name.split("-")) and not set(name) - set(ascii_lowercase + digits + "-")
    return plain and name[0] not in digits and len(name) <= longest
