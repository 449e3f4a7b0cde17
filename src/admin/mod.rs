//! Administration: desks and their hours, days that override them, topics, accounts, texts, settings.
//!
//! Every change is checked, versioned and written to the audit trail in its own transaction.

pub mod http;
