//! Words that travel: values of the event log, the tables and the wire that the engine does not need.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Declares an enum whose snake_case text is the same in SQL, JSON and TypeScript.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:tt,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// The text in the database and on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text { $($text => Ok(Self::$variant),)* _ => Err(UnknownWord) }
            }
        }
    };
}

/// A text that is none of the words of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown word")]
pub struct UnknownWord;

words! {
    /// Who asks.
    Inquirer {
        /// A receiving company.
        Company = "company",
        /// A registered support organisation.
        SupportOrganisation = "support_organisation",
        Worker = "worker",
        Examinee = "examinee",
        Other = "other",
    }
}

words! {
    /// Who wrote a message.
    Sender {
        Visitor = "visitor",
        Agent = "agent",
        System = "system",
    }
}

words! {
    /// A side of a conversation.
    Side {
        Visitor = "visitor",
        Agent = "agent",
    }
}

words! {
    /// How far a side has got with the other's messages.
    MarkKind {
        /// They reached its screen.
        Delivered = "delivered",
        /// A person looked at them.
        Read = "read",
    }
}

words! {
    /// Who ended a contact.
    EndedBy {
        Visitor = "visitor",
        Agent = "agent",
        Supervisor = "supervisor",
        System = "system",
    }
}

/// The text of an enum without data, as it stands in the database: its JSON without the quotes.
pub fn text_of(word: impl Serialize) -> String {
    match serde_json::to_value(word) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

/// Reads what [`text_of`] wrote.
///
/// # Errors
/// When the text is none of the words.
pub fn word_of<T: DeserializeOwned>(text: &str) -> Result<T, UnknownWord> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|_| UnknownWord)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_json_agree() {
        for word in [Inquirer::SupportOrganisation, Inquirer::Worker] {
            assert_eq!(serde_json::to_value(word).unwrap(), word.as_str());
            assert_eq!(word.as_str().parse(), Ok(word));
        }
        assert_eq!("nobody".parse::<Inquirer>(), Err(UnknownWord));
    }
}
