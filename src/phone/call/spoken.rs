//! Which prompt says what: names of the files in `prompts/`, never words.

use crate::kernel::time::Millis;
use crate::routing::DivertReason;

/// One prompt in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say {
    pub name: String,
    /// BCP 47; where there is no recording in it, English is spoken.
    pub language: String,
}

impl Say {
    /// `name@TAG` is spoken in that language, any other name in `language`.
    #[must_use]
    pub fn of(name: &str, language: &str) -> Self {
        let (name, language) = name.split_once('@').unwrap_or((name, language));
        Self { name: name.to_owned(), language: language.to_owned() }
    }
}

/// The place in the line, from 1.
#[must_use]
pub const fn position(place: u32) -> &'static str {
    match place {
        0 | 1 => "position_1",
        2 => "position_2",
        3 => "position_3",
        4 => "position_4",
        5 => "position_5",
        6 => "position_6",
        7 => "position_7",
        8 => "position_8",
        9 => "position_9",
        10 => "position_10",
        _ => "position_many",
    }
}

/// Minutes that are spoken; a wait is rounded up to the next, so that nobody waits longer than was said.
const MINUTES: [(i64, &str); 8] = [
    (1, "wait_1"),
    (2, "wait_2"),
    (3, "wait_3"),
    (5, "wait_5"),
    (10, "wait_10"),
    (15, "wait_15"),
    (20, "wait_20"),
    (30, "wait_30"),
];

/// The expected wait.
#[must_use]
pub fn wait(expected: Millis) -> &'static str {
    let found = MINUTES.iter().find(|(minutes, _)| expected <= Millis::from_mins(*minutes));
    found.map_or("wait_long", |(_, name)| name)
}

/// Why the desk does not take the call.
#[must_use]
pub const fn reason(reason: DivertReason) -> &'static str {
    match reason {
        DivertReason::DeskClosed => "closed",
        DivertReason::NoAgent => "no_agent",
        _ => "overload",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up() {
        assert_eq!(wait(Millis::from_secs(1)), "wait_1");
        assert_eq!(wait(Millis::from_secs(61)), "wait_2");
        assert_eq!(wait(Millis::from_mins(4)), "wait_5");
        assert_eq!(wait(Millis::from_mins(31)), "wait_long");
        assert_eq!((position(1), position(11)), ("position_1", "position_many"));
        assert_eq!(Say::of("menu_language@vi", "ja").language, "vi");
    }
}
