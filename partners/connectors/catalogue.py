"""Every connector, by the name that an integration keeps."""

from collections.abc import Callable, Mapping
from functools import partial

from partners.connectors.base import BankAddress, Connector
from partners.connectors.berlin_group.connector import BerlinGroup
from partners.connectors.cursor_sync.connector import CursorSync
from partners.connectors.uk_open_banking.connector import UkOpenBanking

CONNECTORS: Mapping[str, Callable[[BankAddress], Connector]] = {
    "berlin_group": BerlinGroup,
    "cursor_sync": CursorSync,
    "uk_open_banking": UkOpenBanking,
    "uk_open_banking_3_1": partial(UkOpenBanking, version="v3.1"),
}
