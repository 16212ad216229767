"""Berlin Group NextGenPSD2 1.3: account information, a consent object, redirect by OAuth."""

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
from partners.connectors.berlin_group import accounts, authorisation, transactions
from partners.connectors.partner.connector import PartnerInterface


@dataclass(frozen=True, slots=True)
class BerlinGroup(PartnerInterface):
    """The standard's `/v1/...` lies below `/psd2` of the bank's base address, as in its own examples."""

    def begin_authorisation(
        self,
        *,
        terms: ConsentTerms,
        state: str,
        nonce: str,
        code_verifier: str,
        customer_ip: str = "",
    ) -> Steps[Authorisation]:
        return authorisation.begin(
            self.address,
            terms=terms,
            state=state,
            nonce=nonce,
            code_verifier=code_verifier,
            customer_ip=customer_ip,
        )

    def revoke_consent(self, *, bank_consent_id: str) -> Steps[None]:
        return authorisation.revoke(self.address, bank_consent_id=bank_consent_id)

    def calls_a_day(self, *, grant: Grant) -> Steps[int | None]:
        return authorisation.read_calls_a_day(self.address, grant=grant)

    def accounts(self, *, grant: Grant) -> Steps[AccountList]:
        return accounts.read_accounts(self.address, grant=grant)

    def balances(
        self, *, grant: Grant, account_external_id: str
    ) -> Steps[tuple[BalanceRecord, ...]]:
        return accounts.read_balances(
            self.address, grant=grant, account_external_id=account_external_id
        )

    def transactions(
        self, *, grant: Grant, account_external_id: str, since: date
    ) -> Steps[TransactionPage]:
        return transactions.read_first(
            self.address, grant=grant, account_external_id=account_external_id, since=since
        )

    def more_transactions(
        self, *, grant: Grant, account_external_id: str, cursor: str
    ) -> Steps[TransactionPage]:
        return transactions.read_more(
            self.address, grant=grant, account_external_id=account_external_id, cursor=cursor
        )
