"""How much of a customer the bank's own pages show."""

_SHOWN = "•" * 4


def masked_name(name: str) -> str:
    """The first letter of each part of a name, and nothing of its length: `G•••• F••••`."""
    parts = name.split()
    return " ".join(part[0] + _SHOWN for part in parts) or _SHOWN
