//! The limits of the chat, and what happens at each.

use std::time::Duration;

use crate::kernel::problem::Problem;
use crate::kernel::time::{Millis, Timestamp};
use crate::security::limits::{Rate, RateLimiter};

/// Characters of a message; a longer one is refused with `message_too_long` and stays with its writer.
pub const MESSAGE_MAX: usize = 4000;

/// Messages of one contact: more are refused with `too_many_messages` and stay with their writer.
pub const MESSAGES: Rate = Rate::per_minute(20);

/// Bytes of a frame from a page; a larger one ends the socket. A message at its limit fits even when every
/// character is escaped.
pub const FRAME_MAX: usize = 256 * 1024;

/// Bytes that a socket reads at once, and the same for writing: small, because most sockets are idle.
pub const SOCKET_BUFFER: usize = 4 * 1024;

/// Bytes that wait for a slow page; beyond, the socket ends with `too_slow`.
pub const UNSENT_MAX: usize = 1024 * 1024;

/// Frames of one socket that may be refused; the socket ends at the next one.
pub const REFUSALS_MAX: u32 = 50;

/// A socket that has not said `hello` by then is closed.
pub const HELLO_WAIT: Duration = Duration::from_secs(10);

/// How often the program pings a page that is silent; after [`SILENT_PINGS`] unanswered ones it is gone.
pub const PING_EVERY: Duration = Duration::from_secs(30);

/// See [`PING_EVERY`].
pub const SILENT_PINGS: u32 = 2;

/// A frame that a page does not take within this time ends its socket with `too_slow`.
pub const SEND_WAIT: Duration = Duration::from_secs(15);

/// Sockets and streams of one contact; one more is told `too_many_pages`.
pub const PAGES_MAX: u32 = 6;

/// Sockets and streams of all visitors; one more is refused with `busy`.
pub const CONNECTIONS_MAX: u32 = 20_000;

/// Messages given in one answer; the rest is asked for with `after`.
pub const PAGE_MAX: i64 = 200;

/// Messages in one transcript; a longer conversation is cut there and says so.
pub const TRANSCRIPT_MAX: i64 = 5000;

/// Characters of a display name; a longer one is refused.
pub const NAME_MAX: usize = 60;

/// Characters of a place to answer to; a longer one is refused.
pub const REPLY_TO_MAX: usize = 200;

/// Characters of the id a page gives to a message.
pub const CLIENT_ID_MAX: usize = 64;

/// The least characters of the id from which a conversation's token is made: it must not be guessed.
pub const SECRET_ID_MIN: usize = 16;

/// Chats of one address that wait or are being talked in; one more is refused with `open_chats`.
pub const OPEN_CHATS_MAX: i64 = 5;

/// Conversations and left messages begun by one address; more are refused with `rate_limited`.
pub const NEW_CHATS: Rate = Rate::per_minute(10);

/// Looks at the status by one address; more are refused with `rate_limited`.
pub const STATUS: Rate = Rate::per_minute(120);

/// Requests of one contact over HTTP; more are refused with `rate_limited`.
pub const REQUESTS: Rate = Rate::per_minute(240);

/// Tokens that open nothing, by one address; more are refused with `rate_limited`.
pub const WRONG_TOKENS: Rate = Rate::per_minute(30);

/// Signs of typing of one contact; more are dropped: they are only signs.
pub const TYPING: Rate = Rate { burst: 3, per: Millis::from_secs(6) };

/// How long a visitor who waits may be without any connection or request before she counts as gone.
pub const ABANDONED_AFTER: Millis = Millis::from_mins(5);

/// How often absent visitors are looked for.
pub const SWEEP_EVERY: Duration = Duration::from_secs(2);

/// How long the link of an ended chat opens it.
pub const READABLE: Millis = Millis::from_mins(24 * 60);

/// The same for a left message and for a conversation that went on in writing, from its last message.
pub const THREAD_READABLE: Millis = Millis::from_mins(30 * 24 * 60);

/// How long a key opens the stream.
pub const STREAM_KEY_LIFE: Millis = Millis::from_mins(1);

/// The limiters of one program.
#[derive(Debug)]
pub struct Limits {
    messages: RateLimiter,
    new_chats: RateLimiter,
    status: RateLimiter,
    requests: RateLimiter,
    wrong_tokens: RateLimiter,
    typing: RateLimiter,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            messages: RateLimiter::new(MESSAGES),
            new_chats: RateLimiter::new(NEW_CHATS),
            status: RateLimiter::new(STATUS),
            requests: RateLimiter::new(REQUESTS),
            wrong_tokens: RateLimiter::new(WRONG_TOKENS),
            typing: RateLimiter::new(TYPING),
        }
    }
}

impl Limits {
    /// # Errors
    /// `too_many_messages`.
    pub fn message(&self, contact: &str, now: Timestamp) -> Result<(), Problem> {
        check(&self.messages, "too_many_messages", contact, now)
    }

    /// # Errors
    /// `rate_limited`.
    pub fn new_chat(&self, address: &str, now: Timestamp) -> Result<(), Problem> {
        check(&self.new_chats, "rate_limited", address, now)
    }

    /// # Errors
    /// `rate_limited`.
    pub fn status(&self, address: &str, now: Timestamp) -> Result<(), Problem> {
        check(&self.status, "rate_limited", address, now)
    }

    /// # Errors
    /// `rate_limited`.
    pub fn request(&self, contact: &str, now: Timestamp) -> Result<(), Problem> {
        check(&self.requests, "rate_limited", contact, now)
    }

    /// # Errors
    /// `rate_limited`.
    pub fn wrong_token(&self, address: &str, now: Timestamp) -> Result<(), Problem> {
        check(&self.wrong_tokens, "rate_limited", address, now)
    }

    /// Whether one more sign of typing is passed on.
    pub fn typing(&self, contact: &str, now: Timestamp) -> bool {
        self.typing.check(contact, now).is_ok()
    }
}

fn check(limiter: &RateLimiter, code: &'static str, key: &str, now: Timestamp) -> Result<(), Problem> {
    // A wait of less than a second is still one second for a person.
    limiter.check(key, now).map_err(|wait| Problem::too_many(code, (wait.0 + 999) / 1000))
}
