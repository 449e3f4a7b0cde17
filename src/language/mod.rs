//! Languages: tags and the desk's list of languages, detection of a message's language, visitors' texts.
//!
//! `tag` names languages, `detect` tells in which language a text is written, `texts` holds the sentences
//! that visitors read. Nothing here does input or output.

pub mod detect;
pub mod problems;
pub mod tag;
pub mod texts;

pub use detect::{Conversation, Detected, Detector, Suggestion};
pub use tag::{DESK_LANGUAGES, LangTag, routing_group};
pub use texts::Texts;
