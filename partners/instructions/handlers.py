"""What moves an instruction beside the bank's answers. Each may be heard twice."""

from partners.events import AccountsLinked, InstructionOverdue
from partners.instructions.actions import ask_again, note_overdue
from portal.outbox.events import Delivered


def on_instruction_overdue(event: InstructionOverdue, delivered: Delivered) -> None:
    """The customer is told that we do not know, even where whoever asks the bank is dead or hangs."""
    note_overdue(instruction_id=event.instruction_id, at=delivered.occurred_at)


def on_accounts_linked(event: AccountsLinked, delivered: Delivered) -> None:
    """The bank takes us again: it is asked what became of what it never said."""
    ask_again(
        customer_id=event.customer_id,
        account_ids=event.account_ids,
        at=delivered.occurred_at,
    )
