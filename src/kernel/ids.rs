//! Identifiers: 128-bit values that sort by the time they were made, each kind a type of its own.
//!
//! On the wire and in the database an id is `prefix_` + 26 characters of Crockford base 32
//! (48 bits of milliseconds, 80 bits of chance, as in the ULID specification), so a stray id in a log
//! says what it names. In memory it is `Copy` and 16 bytes, which keeps the routing engine's maps small.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Why a text is not an id of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind} id")]
pub struct IdError {
    /// The prefix that was expected, e.g. `con`.
    pub kind: &'static str,
}

fn encode(value: u128) -> [u8; 26] {
    let mut out = [b'0'; 26];
    let mut v = value;
    for slot in out.iter_mut().rev() {
        *slot = ALPHABET[(v & 31) as usize];
        v >>= 5;
    }
    out
}

fn decode(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    // The first character carries only three bits: anything above '7' would not fit 128.
    if bytes.len() != 26 || bytes[0] > b'7' {
        return None;
    }
    let mut v: u128 = 0;
    for b in bytes {
        let digit = ALPHABET.iter().position(|a| a == b)?;
        v = (v << 5) | digit as u128;
    }
    Some(v)
}

/// Builds the 128 bits of an id from the time and 80 bits of chance.
#[must_use]
pub const fn compose(at: Timestamp, chance: u128) -> u128 {
    ((at.0.cast_unsigned() as u128) & 0xFFFF_FFFF_FFFF) << 80 | (chance & ((1 << 80) - 1))
}

macro_rules! define_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl $name {
            /// The text before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id made at `at` with 80 bits of `chance` (the rest is ignored).
            #[must_use]
            pub const fn compose(at: Timestamp, chance: u128) -> Self {
                Self(compose(at, chance))
            }

            /// The moment the id was made.
            #[must_use]
            pub const fn made_at(self) -> Timestamp {
                Timestamp((self.0 >> 80) as i64)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let digits = encode(self.0);
                f.write_str(concat!($prefix, "_"))?;
                f.write_str(std::str::from_utf8(&digits).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(s: &str) -> Result<Self, IdError> {
                s.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(Self)
                    .ok_or(IdError { kind: $prefix })
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(s: String) -> Result<Self, IdError> {
                s.parse()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let s = std::borrow::Cow::<'de, str>::deserialize(d)?;
                s.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^", $prefix, "_[0-7][0-9A-HJKMNP-TV-Z]{25}$")))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )*};
}

define_ids! {
    /// A group of desks and agents that share one engine and one presence.
    PoolId = "poo";
    /// A consultation window.
    DeskId = "dsk";
    /// A person who signs in: agent, supervisor, administrator or officer.
    AccountId = "acc";
    /// One interaction over one channel.
    ContactId = "con";
    /// The consultation record.
    TicketId = "tkt";
    /// A contact put before one agent for a limited time.
    OfferId = "ofr";
    /// One message of a chat.
    MessageId = "msg";
    /// A sign-in session (never the secret itself).
    SessionId = "ses";
    /// A booked consultation.
    ReservationId = "rsv";
    /// A note on a ticket.
    NoteId = "nte";
    /// What was said in a call, or the message of a caller.
    RecordingId = "rec";
    /// A prepared text.
    TextId = "txt";
    /// An entry of the audit trail.
    AuditId = "aud";
    /// A request, as it appears in logs and in error answers.
    TraceId = "trc";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_round_trip_and_refuses_other_kinds() {
        let id = ContactId::compose(Timestamp(1_795_478_400_123), 0xDEAD_BEEF_u128);
        let text = id.to_string();
        assert_eq!(text.len(), 30);
        assert_eq!(text.parse::<ContactId>(), Ok(id));
        assert_eq!(text.parse::<DeskId>(), Err(IdError { kind: "dsk" }));
        assert_eq!(id.made_at(), Timestamp(1_795_478_400_123));
    }

    #[test]
    fn hostile_texts_are_refused() {
        for bad in
            ["", "con_", "con_8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "con_0000000000000000000000000I", "con_あいうえお"]
        {
            assert!(bad.parse::<ContactId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_sort_by_time_as_text_and_as_numbers() {
        let a = ContactId::compose(Timestamp(1000), u128::MAX);
        let b = ContactId::compose(Timestamp(1001), 0);
        assert!(a < b && a.to_string() < b.to_string());
    }
}
