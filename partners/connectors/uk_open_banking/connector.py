"""UK Open Banking: account information with redirect; freezes, receipts, shipments by the partner API beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from partners.connectors.base import (
    AccountList,
    Authorisation,
    BalanceRecord,
    BankAddress,
    BankNotification,
    ConsentTerms,
    FraudDecision,
    Grant,
    InstructionOutcome,
    ReceiptPage,
    ShipmentPage,
    Steps,
    TokenSet,
    TransactionPage,
)
from partners.connectors.partner import card_freezes, fraud_decisions, receipts, shipments
from partners.connectors.uk_open_banking import (
    accounts,
    authorisation,
    notifications,
    transactions,
)


@dataclass(frozen=True, slots=True)
class UkOpenBanking:
    """`version` is a step of the API's path; the words of 4.0 and 3.1 are read under either."""

    address: BankAddress
    version: str = "v4.0"

    def begin_authorisation(
        self,
        *,
        terms: ConsentTerms,
        state: str,
        nonce: str,
        code_verifier: str,
        customer_ip: str = "",  # noqa: ARG002  # the standard does without, so it stays with us
    ) -> Steps[Authorisation]:
        return authorisation.begin(
            self.address,
            self.version,
            terms=terms,
            state=state,
            nonce=nonce,
            code_verifier=code_verifier,
        )

    def exchange(self, *, code: str, code_verifier: str, at: datetime) -> Steps[TokenSet]:
        return authorisation.exchange(self.address, code=code, code_verifier=code_verifier, at=at)

    def refresh(self, *, refresh_token: str, at: datetime) -> Steps[TokenSet]:
        return authorisation.refresh(self.address, refresh_token=refresh_token, at=at)

    def revoke_consent(self, *, bank_consent_id: str) -> Steps[None]:
        return authorisation.revoke(self.address, self.version, bank_consent_id=bank_consent_id)

    def accounts(self, *, grant: Grant) -> Steps[AccountList]:
        return accounts.read_accounts(self.address, self.version, grant=grant)

    def balances(
        self, *, grant: Grant, account_external_id: str
    ) -> Steps[tuple[BalanceRecord, ...]]:
        return accounts.read_balances(
            self.address,
            self.version,
            grant=grant,
            account_external_id=account_external_id,
        )

    def transactions(
        self, *, grant: Grant, account_external_id: str, since: date
    ) -> Steps[TransactionPage]:
        return transactions.read_first(
            self.address,
            self.version,
            grant=grant,
            account_external_id=account_external_id,
            since=since,
        )

    def more_transactions(
        self, *, grant: Grant, account_external_id: str, cursor: str
    ) -> Steps[TransactionPage]:
        return transactions.read_more(
            self.address,
            self.version,
            grant=grant,
            account_external_id=account_external_id,
            cursor=cursor,
        )

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
