"""What every REST dialect has in common: OAuth tokens; and our own interface beside it (freezes, receipts, events ...)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from partners.connectors import oauth
from partners.connectors.base import (
    BankAddress,
    BankNotification,
    FraudDecision,
    Grant,
    InstructionOutcome,
    ReceiptPage,
    ShipmentPage,
    Steps,
    TokenSet,
)
from partners.connectors.partner import (
    card_freezes,
    fraud_decisions,
    notifications,
    receipts,
    shipments,
)


@dataclass(frozen=True, slots=True)
class PartnerInterface:
    """The half of a connector that does not depend on how a bank lists accounts."""

    address: BankAddress

    def exchange(self, *, code: str, code_verifier: str, at: datetime) -> Steps[TokenSet]:
        return oauth.exchange(self.address, code=code, code_verifier=code_verifier, at=at)

    def refresh(self, *, refresh_token: str, at: datetime) -> Steps[TokenSet]:
        return oauth.refresh(self.address, refresh_token=refresh_token, at=at)

    def calls_a_day(self, *, grant: Grant) -> Steps[int | None]:  # noqa: ARG002  # the interface's
        """No protocol says it beforehand, but the one that does."""
        yield from ()
        return None

    def receipts(
        self, *, grant: Grant, account_external_id: str, after: str
    ) -> Steps[ReceiptPage]:
        return receipts.read(
            self.address,
            grant=grant,
            account_external_id=account_external_id,
            after=after,
        )

    def shipments(
        self, *, grant: Grant, account_external_id: str, after: str
    ) -> Steps[ShipmentPage]:
        return shipments.read(
            self.address,
            grant=grant,
            account_external_id=account_external_id,
            after=after,
        )

    def freeze(
        self,
        *,
        grant: Grant,
        instruction_id: str,
        account_external_id: str,
        card_id: str | None,
        reason: str,
    ) -> Steps[InstructionOutcome]:
        return card_freezes.put(
            self.address,
            action="freeze",
            grant=grant,
            instruction_id=instruction_id,
            account_external_id=account_external_id,
            card_id=card_id,
            reason=reason,
        )

    def unfreeze(
        self,
        *,
        grant: Grant,
        instruction_id: str,
        account_external_id: str,
        card_id: str | None,
        reason: str,
    ) -> Steps[InstructionOutcome]:
        return card_freezes.put(
            self.address,
            action="unfreeze",
            grant=grant,
            instruction_id=instruction_id,
            account_external_id=account_external_id,
            card_id=card_id,
            reason=reason,
        )

    def freeze_status(self, *, grant: Grant, instruction_id: str) -> Steps[InstructionOutcome]:
        return card_freezes.get(self.address, grant=grant, instruction_id=instruction_id)

    def report_decision(
        self,
        *,
        grant: Grant,
        decision_id: str,
        account_external_id: str,
        transaction_external_id: str,
        decision: FraudDecision,
        decided_at: datetime,
    ) -> Steps[InstructionOutcome]:
        return fraud_decisions.put(
            self.address,
            grant=grant,
            decision_id=decision_id,
            account_external_id=account_external_id,
            transaction_external_id=transaction_external_id,
            decision=decision,
            decided_at=decided_at,
        )

    def decision_status(self, *, grant: Grant, decision_id: str) -> Steps[InstructionOutcome]:
        return fraud_decisions.get(self.address, grant=grant, decision_id=decision_id)

    def signing_keys(self) -> Steps[Mapping[str, object]]:
        return notifications.read_keys(self.address)

    def read_notification(
        self, *, body: bytes, jwks: Mapping[str, object], at: datetime
    ) -> BankNotification:
        return notifications.read(self.address, body=body, jwks=jwks, at=at)
