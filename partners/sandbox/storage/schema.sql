-- One sandbox bank. Made at every start; each statement may run again.
CREATE TABLE IF NOT EXISTS bank_facts (
    name text PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE IF NOT EXISTS customers (
    id uuid PRIMARY KEY,
    position integer NOT NULL UNIQUE,
    login text NOT NULL UNIQUE,
    password text NOT NULL,
    name text NOT NULL,
    since date NOT NULL
);

CREATE TABLE IF NOT EXISTS accounts (
    id text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 40),
    kind text NOT NULL CHECK (kind IN ('current', 'card', 'savings')),
    name text NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    scheme text NOT NULL,
    identification text NOT NULL,
    opened_at timestamptz NOT NULL,
    opening_minor bigint NOT NULL DEFAULT 0,
    booked_minor bigint NOT NULL DEFAULT 0,
    pending_minor bigint NOT NULL DEFAULT 0,
    next_number integer NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS account_holders (
    account_id text NOT NULL REFERENCES accounts,
    customer_id uuid NOT NULL REFERENCES customers,
    position integer NOT NULL,
    PRIMARY KEY (customer_id, account_id)
);
CREATE INDEX IF NOT EXISTS account_holders_account ON account_holders (account_id);

CREATE TABLE IF NOT EXISTS cards (
    id text PRIMARY KEY,
    account_id text NOT NULL REFERENCES accounts,
    customer_id uuid NOT NULL REFERENCES customers,
    last4 text NOT NULL CHECK (last4 ~ '^[0-9]{4}$'),
    name text NOT NULL,
    frozen_at timestamptz
);
CREATE INDEX IF NOT EXISTS cards_account ON cards (account_id);

CREATE TABLE IF NOT EXISTS transactions (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id text NOT NULL REFERENCES accounts,
    transaction_id text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'booked', 'removed', 'declined')),
    kind text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    original_minor bigint,
    original_currency text,
    exchange_rate numeric(18, 6),
    occurred_at timestamptz NOT NULL,
    value_at timestamptz,
    book_at timestamptz,
    description text NOT NULL,
    merchant_name text NOT NULL DEFAULT '',
    merchant_category text NOT NULL DEFAULT '',
    merchant_country text NOT NULL DEFAULT '',
    card_id text REFERENCES cards,
    fraud_suspected boolean NOT NULL DEFAULT false,
    refund_of bigint REFERENCES transactions,
    source text NOT NULL,
    UNIQUE (account_id, transaction_id),
    CHECK ((original_minor IS NULL) = (original_currency IS NULL)),
    CHECK ((original_minor IS NULL) = (exchange_rate IS NULL)),
    CHECK ((status = 'pending') = (book_at IS NOT NULL))
);
-- A check of a card is a purchase of nothing: databases made before that was so let it in now.
ALTER TABLE transactions DROP CONSTRAINT IF EXISTS transactions_amount_minor_check;
CREATE INDEX IF NOT EXISTS transactions_page ON transactions (account_id, occurred_at DESC, key DESC);
CREATE INDEX IF NOT EXISTS transactions_due ON transactions (book_at) WHERE status = 'pending';
CREATE INDEX IF NOT EXISTS transactions_refunds ON transactions (refund_of) WHERE refund_of IS NOT NULL;

-- The judge's view. Rows are only ever added; one numbering, handed out under the ledger's lock, so
-- that reading "after number N" misses nothing.
CREATE TABLE IF NOT EXISTS history (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_key bigint REFERENCES transactions,
    account_id text NOT NULL REFERENCES accounts,
    card_id text REFERENCES cards,
    instruction_id text,
    what text NOT NULL CHECK (what IN ('pending', 'booked', 'removed', 'declined', 'frozen', 'unfrozen')),
    transaction_id text,
    amount_minor bigint,
    currency text,
    by text NOT NULL,
    at timestamptz NOT NULL,
    CHECK ((transaction_key IS NULL) = (what IN ('frozen', 'unfrozen')))
);
CREATE INDEX IF NOT EXISTS history_transaction ON history (transaction_key, seq);
CREATE INDEX IF NOT EXISTS history_account ON history (account_id, seq);
CREATE INDEX IF NOT EXISTS history_cards ON history (seq) WHERE what IN ('frozen', 'unfrozen');

CREATE TABLE IF NOT EXISTS instructions (
    id text NOT NULL,
    client_id text NOT NULL,
    consent_id text NOT NULL,
    account_id text NOT NULL,
    card_id text,
    action text NOT NULL CHECK (action IN ('freeze', 'unfreeze')),
    reason text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'done', 'failed')),
    failure_reason text,
    received_at timestamptz NOT NULL,
    settled_at timestamptz,
    settle_at timestamptz,
    times_received integer NOT NULL DEFAULT 1,
    PRIMARY KEY (client_id, id),
    CHECK ((status = 'pending') = (settle_at IS NOT NULL)),
    CHECK ((status = 'failed') = (failure_reason IS NOT NULL)),
    CHECK ((status = 'done') = (settled_at IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS instructions_due ON instructions (settle_at) WHERE status = 'pending';

-- What a shop gave with a purchase. Not issued yet while `issue_at` stands; revision 0 says the same.
CREATE TABLE IF NOT EXISTS receipts (
    id text PRIMARY KEY,
    account_id text NOT NULL REFERENCES accounts,
    transaction_key bigint REFERENCES transactions,
    transaction_id text NOT NULL,
    revision integer NOT NULL DEFAULT 0,
    issue_at timestamptz,
    body jsonb NOT NULL,
    CHECK ((revision = 0) = (issue_at IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS receipts_due ON receipts (issue_at) WHERE issue_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS receipts_transaction ON receipts (transaction_key);

-- A parcel on its way: `way` is all that will be said of it, `step` what was said last.
CREATE TABLE IF NOT EXISTS parcels (
    id text PRIMARY KEY,
    account_id text NOT NULL REFERENCES accounts,
    transaction_key bigint NOT NULL REFERENCES transactions,
    merchant text NOT NULL,
    carrier text NOT NULL,
    tracking_code text NOT NULL,
    way text[] NOT NULL,
    step integer NOT NULL,
    expected_on date,
    revision integer NOT NULL DEFAULT 1,
    events jsonb NOT NULL,
    move_at timestamptz
);
CREATE INDEX IF NOT EXISTS parcels_due ON parcels (move_at) WHERE move_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS parcels_transaction ON parcels (transaction_key);

-- What was told of receipts and parcels, in order: clients read on after the last number they have.
-- Numbers are handed out under the ledger's lock, so reading on misses nothing.
CREATE TABLE IF NOT EXISTS updates (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('receipt', 'shipment')),
    account_id text NOT NULL REFERENCES accounts,
    about text NOT NULL,
    revision integer NOT NULL,
    transaction_key bigint REFERENCES transactions,
    transaction_id text NOT NULL,
    body jsonb NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS updates_page ON updates (account_id, kind, seq);
CREATE INDEX IF NOT EXISTS updates_about ON updates (about, revision);

-- What customers said about payments by way of programs. Without a key: there was no such payment.
CREATE TABLE IF NOT EXISTS decisions (
    id text NOT NULL,
    client_id text NOT NULL,
    consent_id text NOT NULL,
    account_id text NOT NULL,
    transaction_id text NOT NULL,
    transaction_key bigint REFERENCES transactions,
    word text NOT NULL CHECK (word IN ('was_me', 'not_me')),
    decided_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    status text NOT NULL CHECK (status IN ('done', 'failed')),
    settled_at timestamptz,
    failure_reason text,
    times_received integer NOT NULL DEFAULT 1,
    PRIMARY KEY (client_id, id),
    CHECK ((status = 'done') = (transaction_key IS NOT NULL)),
    CHECK ((status = 'done') = (settled_at IS NOT NULL)),
    CHECK ((status = 'failed') = (failure_reason IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS decisions_transaction ON decisions (transaction_key);
-- The customer's last word on it.
ALTER TABLE transactions ADD COLUMN IF NOT EXISTS decision text CHECK (decision IN ('was_me', 'not_me'));
-- When that was, in the numbering of the history: those who read changes alone are told of it.
ALTER TABLE transactions ADD COLUMN IF NOT EXISTS decided_seq bigint;
CREATE INDEX IF NOT EXISTS transactions_decided ON transactions (account_id, decided_seq)
    WHERE decided_seq IS NOT NULL;

CREATE TABLE IF NOT EXISTS clients (
    id text PRIMARY KEY,
    secret_hash text NOT NULL,
    redirect_uris text[] NOT NULL,
    notify_url text,
    notify_host text
);
ALTER TABLE clients ADD COLUMN IF NOT EXISTS name text NOT NULL DEFAULT '';
-- How a client has to prove who it is, and by what: public keys, or the fingerprint of a certificate.
ALTER TABLE clients ADD COLUMN IF NOT EXISTS proof text NOT NULL DEFAULT 'client_secret_basic';
ALTER TABLE clients ADD COLUMN IF NOT EXISTS jwks jsonb;
ALTER TABLE clients ADD COLUMN IF NOT EXISTS certificate text;
-- Where the client publishes its keys itself, and the Host to name there.
ALTER TABLE clients ADD COLUMN IF NOT EXISTS jwks_uri text;
ALTER TABLE clients ADD COLUMN IF NOT EXISTS jwks_host text;
-- Assertions that were taken: each once.
CREATE TABLE IF NOT EXISTS assertions (
    client_id text NOT NULL REFERENCES clients ON DELETE CASCADE,
    jti text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, jti)
);

CREATE TABLE IF NOT EXISTS consents (
    id text PRIMARY KEY,
    client_id text NOT NULL REFERENCES clients ON DELETE CASCADE,
    permissions text[] NOT NULL,
    expires_at timestamptz,
    transactions_from timestamp,
    transactions_to timestamp,
    expires_text text,
    from_text text,
    to_text text,
    status text NOT NULL CHECK (status IN ('AWAU', 'AUTH', 'RJCT', 'CANC')),
    created_at timestamptz NOT NULL,
    status_at timestamptz NOT NULL,
    customer_id uuid REFERENCES customers,
    all_accounts boolean NOT NULL DEFAULT false
);

CREATE TABLE IF NOT EXISTS consent_accounts (
    consent_id text NOT NULL REFERENCES consents ON DELETE CASCADE,
    account_id text NOT NULL REFERENCES accounts,
    PRIMARY KEY (consent_id, account_id)
);
CREATE INDEX IF NOT EXISTS consent_accounts_account ON consent_accounts (account_id);

-- A browser on its way through the sign-in and consent pages.
CREATE TABLE IF NOT EXISTS authorisations (
    id text PRIMARY KEY,
    consent_id text NOT NULL REFERENCES consents ON DELETE CASCADE,
    redirect_uri text NOT NULL,
    state text NOT NULL,
    code_challenge text NOT NULL,
    customer_id uuid REFERENCES customers,
    expires_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS authorisation_codes (
    code_hash text PRIMARY KEY,
    consent_id text NOT NULL REFERENCES consents ON DELETE CASCADE,
    redirect_uri text NOT NULL,
    code_challenge text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE TABLE IF NOT EXISTS tokens (
    token_hash text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('client', 'access', 'refresh')),
    client_id text NOT NULL REFERENCES clients ON DELETE CASCADE,
    consent_id text REFERENCES consents ON DELETE CASCADE,
    expires_at timestamptz,
    CHECK ((kind = 'client') = (consent_id IS NULL))
);
CREATE INDEX IF NOT EXISTS tokens_consent ON tokens (consent_id);
CREATE INDEX IF NOT EXISTS tokens_expiry ON tokens (expires_at);

CREATE TABLE IF NOT EXISTS notifications (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    jti uuid NOT NULL UNIQUE,
    client_id text NOT NULL REFERENCES clients ON DELETE CASCADE,
    account_id text NOT NULL,
    caused_by bigint,
    happened_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'delivered', 'withheld')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    delivered_at timestamptz
);
CREATE INDEX IF NOT EXISTS notifications_due ON notifications (next_attempt_at) WHERE state = 'waiting';

CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of a ledger is only ever added to';
END
$$;
CREATE OR REPLACE TRIGGER history_is_append_only
    BEFORE UPDATE OR DELETE ON history FOR EACH ROW EXECUTE FUNCTION refuse_change();
