"""UK Open Banking: account information with redirect."""

from dataclasses import dataclass
from datetime import date

from partners.connectors.base import (
    AccountList,
    Authorisation,
    BalanceRecord,
    ConsentTerms,
    Grant,
    Steps,
    TransactionPage,
)
from partners.connectors.partner.connector import PartnerInterface
from partners.connectors.uk_open_banking import accounts, authorisation, transactions


@dataclass(frozen=True, slots=True)
class UkOpenBanking(PartnerInterface):
    """`version` is a step of the API's path; the words of 4.0 and 3.1 are read under either."""

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
