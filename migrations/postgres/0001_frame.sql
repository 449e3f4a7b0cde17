-- The frame. One text for both databases: ids are TEXT, numbers and times (milliseconds since 1970, UTC)
-- BIGINT, structured values TEXT holding JSON. Nothing here computes: the program owns clock and chance.

CREATE TABLE pools (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    event_seq BIGINT NOT NULL,
    settings TEXT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE desks (
    id TEXT PRIMARY KEY,
    pool_id TEXT NOT NULL REFERENCES pools (id),
    slug TEXT NOT NULL UNIQUE,
    name_ja TEXT NOT NULL,
    name_en TEXT NOT NULL,
    position BIGINT NOT NULL,
    active BOOLEAN NOT NULL,
    hours TEXT NOT NULL,
    settings TEXT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE day_overrides (
    day TEXT NOT NULL,
    desk_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    opens_min BIGINT,
    closes_min BIGINT,
    version BIGINT NOT NULL,
    PRIMARY KEY (day, desk_id)
);

CREATE TABLE topics (
    id TEXT PRIMARY KEY,
    parent_id TEXT,
    name_ja TEXT NOT NULL,
    name_en TEXT NOT NULL,
    position BIGINT NOT NULL,
    active BOOLEAN NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    pool_id TEXT NOT NULL REFERENCES pools (id),
    login TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    ui_language TEXT NOT NULL,
    desks TEXT NOT NULL,
    skills TEXT NOT NULL,
    capacity TEXT NOT NULL,
    translation BOOLEAN NOT NULL,
    password_hash TEXT NOT NULL,
    password_must_change BOOLEAN NOT NULL,
    totp_secret TEXT,
    totp_confirmed BOOLEAN NOT NULL,
    totp_last_step BIGINT NOT NULL,
    failed_count BIGINT NOT NULL,
    locked_until BIGINT NOT NULL,
    active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    csrf_hash TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    stage TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_account ON sessions (account_id);

CREATE TABLE agent_states (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id),
    pool_id TEXT NOT NULL REFERENCES pools (id),
    state TEXT NOT NULL,
    reason TEXT,
    since BIGINT NOT NULL,
    idle_since BIGINT NOT NULL,
    pending TEXT,
    paused_until BIGINT,
    connected BOOLEAN NOT NULL
);

CREATE TABLE contacts (
    id TEXT PRIMARY KEY,
    pool_id TEXT NOT NULL REFERENCES pools (id),
    desk_id TEXT NOT NULL REFERENCES desks (id),
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    outcome TEXT,
    inquirer TEXT NOT NULL,
    topic TEXT,
    language TEXT NOT NULL,
    language_source TEXT NOT NULL,
    language_confidence DOUBLE PRECISION,
    wanted TEXT NOT NULL,
    priority BIGINT NOT NULL,
    boosted BOOLEAN NOT NULL,
    insists BOOLEAN NOT NULL,
    preferred_agent TEXT,
    awaits_preferred_until BIGINT,
    agent_id TEXT,
    offer_id TEXT,
    offer_expires_at BIGINT,
    arrived_at BIGINT NOT NULL,
    waiting_since BIGINT,
    accepted_at BIGINT,
    ended_at BIGINT,
    wrap_up_until BIGINT,
    wrap_up_extensions BIGINT NOT NULL,
    closed_at BIGINT,
    ticket_id TEXT,
    token_hash TEXT UNIQUE,
    address_key TEXT,
    display_name TEXT,
    visitor_language TEXT,
    visitor_read_seq BIGINT NOT NULL,
    visitor_seen_seq BIGINT NOT NULL,
    agent_read_seq BIGINT NOT NULL,
    agent_seen_seq BIGINT NOT NULL DEFAULT 0,
    satisfaction BIGINT,
    last_seq BIGINT NOT NULL
);
CREATE INDEX contacts_open ON contacts (pool_id, state);
CREATE INDEX contacts_by_agent ON contacts (agent_id, state);
CREATE INDEX contacts_by_ticket ON contacts (ticket_id);
CREATE INDEX contacts_by_address ON contacts (address_key, state);
CREATE INDEX contacts_by_arrival ON contacts (pool_id, arrived_at);

CREATE TABLE offers (
    id TEXT PRIMARY KEY,
    contact_id TEXT NOT NULL REFERENCES contacts (id),
    agent_id TEXT NOT NULL REFERENCES accounts (id),
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    outcome TEXT,
    explanation TEXT NOT NULL
);
CREATE INDEX offers_by_contact ON offers (contact_id);
CREATE INDEX offers_open ON offers (agent_id, outcome);

-- The event log: append-only, one gap-free sequence for each pool. Holds what happened, never what was said.
CREATE TABLE contact_events (
    pool_id TEXT NOT NULL REFERENCES pools (id),
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    contact_id TEXT,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (pool_id, seq)
);
CREATE INDEX contact_events_by_contact ON contact_events (contact_id, seq);
CREATE INDEX contact_events_by_time ON contact_events (pool_id, at);

-- The board as of an event, so that a start need not read the whole log again.
CREATE TABLE boards (
    pool_id TEXT PRIMARY KEY REFERENCES pools (id),
    seq BIGINT NOT NULL,
    body TEXT NOT NULL
);

CREATE TABLE messages (
    id TEXT PRIMARY KEY,
    contact_id TEXT NOT NULL REFERENCES contacts (id),
    seq BIGINT NOT NULL,
    sender TEXT NOT NULL,
    account_id TEXT,
    client_id TEXT NOT NULL,
    body TEXT NOT NULL,
    language TEXT,
    language_confidence DOUBLE PRECISION,
    language_method TEXT,
    at BIGINT NOT NULL,
    UNIQUE (contact_id, sender, client_id)
);
CREATE INDEX messages_by_contact ON messages (contact_id, seq);

CREATE TABLE tickets (
    id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    pool_id TEXT NOT NULL REFERENCES pools (id),
    desk_id TEXT NOT NULL REFERENCES desks (id),
    channel TEXT NOT NULL,
    status TEXT NOT NULL,
    inquirer TEXT NOT NULL,
    inquirer_name TEXT NOT NULL,
    organisation TEXT NOT NULL,
    corporate_number TEXT NOT NULL,
    prefecture TEXT NOT NULL,
    nationality TEXT NOT NULL,
    reply_to TEXT NOT NULL,
    anonymous BOOLEAN NOT NULL,
    language TEXT NOT NULL,
    summary TEXT NOT NULL,
    answer TEXT NOT NULL,
    basis TEXT NOT NULL,
    referral TEXT NOT NULL,
    result TEXT NOT NULL,
    urgency TEXT NOT NULL,
    sensitive BOOLEAN NOT NULL,
    due_on TEXT,
    owner_id TEXT,
    folded TEXT NOT NULL,
    organisation_key TEXT NOT NULL,
    reply_key TEXT NOT NULL,
    family TEXT NOT NULL,
    -- Who made it by hand and under which id of its own; sent again, it is the same ticket.
    client_key TEXT UNIQUE,
    reply_waiting BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    closed_at BIGINT,
    version BIGINT NOT NULL
);
CREATE INDEX tickets_by_time ON tickets (pool_id, created_at, id);
CREATE INDEX tickets_by_update ON tickets (pool_id, updated_at, id);
CREATE INDEX tickets_by_due ON tickets (pool_id, (COALESCE(due_on, '9999-12-31')), id);
CREATE INDEX tickets_by_status ON tickets (pool_id, status, created_at, id);
CREATE INDEX tickets_by_owner ON tickets (owner_id, status);
CREATE INDEX tickets_by_family ON tickets (family);
CREATE INDEX tickets_by_reply ON tickets (reply_key);
CREATE INDEX tickets_by_corporate_number ON tickets (corporate_number);
CREATE INDEX tickets_by_organisation ON tickets (organisation_key);

-- Which fields each version of a ticket changed, and who did it: what merging and the timeline read.
CREATE TABLE ticket_changes (
    ticket_id TEXT NOT NULL REFERENCES tickets (id),
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    account_id TEXT,
    editor TEXT NOT NULL,
    fields TEXT NOT NULL,
    PRIMARY KEY (ticket_id, version)
);

CREATE TABLE ticket_topics (
    ticket_id TEXT NOT NULL REFERENCES tickets (id),
    topic_id TEXT NOT NULL REFERENCES topics (id),
    PRIMARY KEY (ticket_id, topic_id)
);
CREATE INDEX ticket_topics_by_topic ON ticket_topics (topic_id);

CREATE TABLE ticket_notes (
    id TEXT PRIMARY KEY,
    ticket_id TEXT NOT NULL REFERENCES tickets (id),
    at BIGINT NOT NULL,
    account_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (ticket_id, account_id, client_id)
);
CREATE INDEX ticket_notes_by_ticket ON ticket_notes (ticket_id, at);

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE canned_texts (
    id TEXT PRIMARY KEY,
    shortcut TEXT NOT NULL,
    language TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    position BIGINT NOT NULL,
    version BIGINT NOT NULL,
    UNIQUE (shortcut, language)
);

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    version BIGINT NOT NULL
);

-- The audit trail: each row carries the hash of the row before it.
CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    role TEXT NOT NULL,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_by_object ON audit (object_kind, object_id, seq);
CREATE INDEX audit_by_actor ON audit (actor, seq);
