-- The phone: what each desk says and does on it, its numbers and own prompts, and the calls.

CREATE TABLE phone_desks (
    desk_id TEXT PRIMARY KEY REFERENCES desks (id),
    settings TEXT NOT NULL,
    version BIGINT NOT NULL
);

-- The key makes two ways to write one number equal: no number leads to two desks.
CREATE TABLE phone_numbers (
    number_key TEXT PRIMARY KEY,
    number TEXT NOT NULL,
    desk_id TEXT NOT NULL REFERENCES desks (id)
);
CREATE INDEX phone_numbers_by_desk ON phone_numbers (desk_id);

-- A desk's own recordings: 8 kHz mono μ-law without a header. SQLite keeps bytes under any type's name.
CREATE TABLE phone_prompts (
    desk_id TEXT NOT NULL REFERENCES desks (id),
    name TEXT NOT NULL,
    language TEXT NOT NULL,
    ulaw BYTEA NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (desk_id, name, language)
);

CREATE TABLE phone_calls (
    contact_id TEXT PRIMARY KEY,
    desk_id TEXT NOT NULL,
    direction TEXT NOT NULL,
    number TEXT,
    number_key TEXT NOT NULL DEFAULT '',
    withheld TEXT,
    peer TEXT,
    started_at BIGINT NOT NULL,
    answered_at BIGINT,
    ended_at BIGINT,
    end_cause TEXT,
    callback_at BIGINT,
    callback_tries BIGINT NOT NULL DEFAULT 0,
    callback_next_at BIGINT,
    callback_state TEXT
);
CREATE INDEX phone_calls_by_number ON phone_calls (number_key);

-- What was recorded; the sound lies sealed in the vault. `pauses` is a JSON list of milliseconds.
CREATE TABLE phone_recordings (
    id TEXT PRIMARY KEY,
    contact_id TEXT NOT NULL,
    desk_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ms BIGINT NOT NULL DEFAULT 0,
    bytes BIGINT NOT NULL DEFAULT 0,
    peaks BYTEA NOT NULL,
    pauses TEXT NOT NULL DEFAULT '[]',
    delete_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX phone_recordings_by_contact ON phone_recordings (contact_id);
CREATE INDEX phone_recordings_by_deletion ON phone_recordings (delete_at);

-- A key is the same with and without the plus of an international number.
UPDATE tickets SET reply_key = SUBSTR(reply_key, 2) WHERE reply_key LIKE '+%' AND reply_key NOT LIKE '%@%';
UPDATE tickets SET reply_key = '0' || SUBSTR(reply_key, 3)
WHERE reply_key LIKE '81%' AND LENGTH(reply_key) >= 11 AND reply_key NOT LIKE '%@%';
