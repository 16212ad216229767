"""One latch a customer: nothing that they took back is released after that is committed.

Whoever releases holds the latch open until its transaction ends, and looks at what is allowed only then.
Whoever takes something back closes it before anything else: that waits for those who are at it, and those
who come later find what is so by then. Readers never wait for one another.

Closed first, and for one customer alone: so nobody who waits for it holds a row that its keeper needs.
"""

import hashlib
from uuid import UUID

from django.db import connection
from django.db.models import BigIntegerField, Func, TextField, Value

from portal.tenancy.blocks import current_bank_id, served

# For a statement that is written out; it takes `latch_number`. Part of one that is asked anyway, so that
# a hot read goes to the database no more often for it.
HELD_OPEN = "pg_advisory_xact_lock_shared(%s::bigint)"
_CLOSE = "SELECT pg_advisory_xact_lock(%s::bigint)"


def held_open() -> Func:
    """The same for a query of the ORM: holds the latch of the open block's customer until the block ends."""
    number = Value(latch_number(served().customer_id), output_field=BigIntegerField())
    return Func(number, function="pg_advisory_xact_lock_shared", output_field=TextField())


def close_latch(customer_id: UUID) -> None:
    """Wait until nobody is releasing under what the customer allows; then nobody begins to until we commit."""
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE, [latch_number(customer_id)])


def latch_number(customer_id: UUID | None) -> int:
    """Two customers with one number would wait for one another, and that is all."""
    name = f"latch {current_bank_id()} {customer_id or ''}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
