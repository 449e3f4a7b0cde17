//! Who may call what: the one table.
//!
//! Handlers prove the right by their extractors; this table says what the extractors must amount to.
//! `tests/it/access.rs` walks every operation of the OpenAPI document with every role and with none and
//! compares, so that a new endpoint without a row, or one that lets the wrong person in, fails.

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Anyone, without signing in.
    Public,
    /// Whoever holds the secret link or token of one contact.
    Visitor,
    /// Anyone with a session, even before the second factor.
    Session,
    /// Any signed-in person whose second factor is done.
    Staff,
    /// Agents and supervisors.
    Agent,
    Supervisor,
    Administrator,
    /// Agents, supervisors and the officer: figures without people.
    Figures,
}

use Who::{Administrator, Agent, Figures, Public, Session, Staff, Supervisor, Visitor};

/// (method, path template, who). Sorted by area.
pub const ACCESS: &[(&str, &str, Who)] = &[
    ("GET", "/healthz", Public),
    ("GET", "/readyz", Public),
    ("GET", "/metrics", Public),
    // Visitors
    ("GET", "/api/v1/chat/status", Public),
    ("POST", "/api/v1/chat", Public),
    ("POST", "/api/v1/chat/leave", Public),
    ("GET", "/api/v1/chat/me", Visitor),
    ("POST", "/api/v1/chat/ticket", Visitor),
    ("GET", "/api/v1/chat/stream", Visitor),
    ("POST", "/api/v1/chat/send", Visitor),
    ("POST", "/api/v1/chat/typing", Visitor),
    ("POST", "/api/v1/chat/read", Visitor),
    ("POST", "/api/v1/chat/end", Visitor),
    ("POST", "/api/v1/chat/divert", Visitor),
    ("POST", "/api/v1/chat/rate", Visitor),
    ("POST", "/api/v1/chat/language", Visitor),
    ("GET", "/api/v1/chat/transcript", Visitor),
    // Sign-in
    ("POST", "/api/v1/session", Public),
    ("GET", "/api/v1/session", Session),
    ("PATCH", "/api/v1/session", Session),
    ("DELETE", "/api/v1/session", Session),
    ("POST", "/api/v1/session/totp", Session),
    ("POST", "/api/v1/session/enrol", Session),
    ("POST", "/api/v1/session/enrol/confirm", Session),
    ("POST", "/api/v1/session/password", Session),
    // The live desk
    ("GET", "/api/v1/directory", Staff),
    ("GET", "/api/v1/board", Agent),
    ("GET", "/api/v1/board/figures", Figures),
    ("GET", "/api/v1/contacts", Agent),
    ("GET", "/api/v1/contacts/{id}", Agent),
    ("GET", "/api/v1/contacts/{id}/explanations", Agent),
    ("GET", "/api/v1/contacts/{id}/history", Agent),
    ("GET", "/api/v1/contacts/{id}/transcript", Agent),
    // The record
    ("GET", "/api/v1/tickets", Agent),
    ("POST", "/api/v1/tickets", Agent),
    ("GET", "/api/v1/tickets/{id}", Agent),
    ("PATCH", "/api/v1/tickets/{id}", Agent),
    ("POST", "/api/v1/tickets/{id}/notes", Agent),
    ("POST", "/api/v1/tickets/{id}/reply", Agent),
    ("GET", "/api/v1/tickets/{id}/timeline", Agent),
    ("GET", "/api/v1/texts", Agent),
    // The phone
    ("POST", "/api/v1/phone/line", Agent),
    ("GET", "/api/v1/phone/status", Agent),
    ("GET", "/api/v1/phone/calls/{contact}", Agent),
    ("POST", "/api/v1/phone/calls/{contact}/act", Agent),
    ("POST", "/api/v1/phone/dial", Agent),
    ("POST", "/api/v1/phone/web", Public),
    ("GET", "/api/v1/phone/recordings", Agent),
    ("GET", "/api/v1/phone/recordings/{id}/audio", Agent),
    ("DELETE", "/api/v1/phone/recordings/{id}", Supervisor),
    // Administration
    ("GET", "/api/v1/admin/desks", Administrator),
    ("POST", "/api/v1/admin/desks", Administrator),
    ("PATCH", "/api/v1/admin/desks/{id}", Administrator),
    ("GET", "/api/v1/admin/days", Administrator),
    ("PUT", "/api/v1/admin/days", Administrator),
    ("DELETE", "/api/v1/admin/days", Administrator),
    ("GET", "/api/v1/admin/days/law", Administrator),
    ("GET", "/api/v1/admin/topics", Administrator),
    ("POST", "/api/v1/admin/topics", Administrator),
    ("PATCH", "/api/v1/admin/topics/{id}", Administrator),
    ("GET", "/api/v1/admin/accounts", Administrator),
    ("POST", "/api/v1/admin/accounts", Administrator),
    ("PATCH", "/api/v1/admin/accounts/{id}", Administrator),
    ("POST", "/api/v1/admin/accounts/{id}/reset_password", Administrator),
    ("POST", "/api/v1/admin/accounts/{id}/reset_totp", Administrator),
    ("POST", "/api/v1/admin/accounts/{id}/deactivate", Administrator),
    ("POST", "/api/v1/admin/accounts/{id}/activate", Administrator),
    ("GET", "/api/v1/admin/texts", Administrator),
    ("POST", "/api/v1/admin/texts", Administrator),
    ("PATCH", "/api/v1/admin/texts/{id}", Administrator),
    ("DELETE", "/api/v1/admin/texts/{id}", Administrator),
    ("GET", "/api/v1/admin/settings", Administrator),
    ("PATCH", "/api/v1/admin/settings", Administrator),
    ("GET", "/api/v1/admin/audit", Administrator),
    ("GET", "/api/v1/admin/phone", Administrator),
    ("PUT", "/api/v1/admin/phone/{desk}", Administrator),
    ("GET", "/api/v1/admin/phone/prompts", Administrator),
    ("GET", "/api/v1/admin/phone/prompts/{desk}/{name}/{language}", Administrator),
    ("PUT", "/api/v1/admin/phone/prompts/{desk}/{name}/{language}", Administrator),
    ("DELETE", "/api/v1/admin/phone/prompts/{desk}/{name}/{language}", Administrator),
];

/// Looks a row up.
#[must_use]
pub fn who_may(method: &str, path: &str) -> Option<Who> {
    ACCESS.iter().find(|(m, p, _)| *m == method && *p == path).map(|(_, _, who)| *who)
}
