"""Every connector, by the name that an integration keeps."""

from collections.abc import Callable, Mapping
from functools import partial

from partners.connectors.base import BankAddress, Connector
from partners.connectors.berlin_group.connector import BerlinGroup
from partners.connectors.cursor_sync.connector import CursorSync
from partners.connectors.uk_open_banking.connector import UkOpenBanking

# What these tell is one list of changes from its beginning on: what is new is read after the history alone.
IN_ONE_LINE = frozenset({"cursor_sync"})

CONNECTORS: Mapping[str, Callable[[BankAddress], Connector]] = {
    "berlin_group": BerlinGroup,
    "cursor_sync": CursorSync,
    "uk_open_banking": UkOpenBanking,
    "uk_open_banking_3_1": partial(UkOpenBanking, version="v3.1"),
}
