-- Nobody read it: what a contact's last event is stands in contact_events, by an index. Writing it cost one
-- more statement for every message.
ALTER TABLE contacts DROP COLUMN last_seq;
