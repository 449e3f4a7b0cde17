-- What the engine needs to go on after a restart: when the present wait began, and how often the
-- wrap-up was extended.

ALTER TABLE contacts ADD COLUMN waiting_since BIGINT;
ALTER TABLE contacts ADD COLUMN wrap_up_extensions BIGINT NOT NULL DEFAULT 0;
