//! Administration: desks and their hours, days that override them, topics, accounts, settings, the trail.
//!
//! Every change is checked, versioned and written to the audit trail in its own transaction; the engine
//! reads the settings anew after the commit. An administrator sees no content of cases.

pub mod accounts;
pub mod days;
pub mod desks;
pub mod http;
pub mod settings;
pub mod topics;
pub mod trail;
