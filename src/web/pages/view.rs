//! What every page needs: language, texts, addresses.

use crate::language::{LangTag, Texts, tag};

use super::assets;
use super::reader::Reader;

/// Which page it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Home,
    Chat,
    /// The chat inside another site's frame.
    Frame,
    Thread,
    Privacy,
    /// A page that says what went wrong.
    Error,
}

impl Place {
    /// Its path.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Home | Self::Error => "/",
            Self::Chat => "/chat",
            Self::Frame => "/chat/frame",
            Self::Thread => "/chat/thread",
            Self::Privacy => "/privacy",
        }
    }
}

/// A language of the chooser.
#[derive(Clone, Debug)]
pub struct Choice {
    pub tag: LangTag,
    /// In the language itself.
    pub name: &'static str,
    pub address: String,
    pub current: bool,
}

/// The frame around a page's content.
#[derive(Clone, Debug)]
pub struct Page {
    pub reader: Reader,
    pub place: Place,
    /// The slug of the one desk the address asked for.
    pub desk: Option<String>,
}

impl Page {
    #[must_use]
    pub fn new(reader: Reader, place: Place, desk: Option<String>) -> Self {
        Self { reader, place, desk }
    }

    /// A text by its key.
    #[must_use]
    pub fn t<'a>(&self, key: &'a str) -> &'a str {
        let texts: &'static Texts = self.reader.texts;
        texts.t(key)
    }

    #[must_use]
    pub fn lang(&self) -> LangTag {
        self.reader.texts.tag()
    }

    /// The language of a desk's name: they have two.
    #[must_use]
    pub fn name_lang(&self) -> &'static str {
        if self.lang().language() == "ja" { "ja" } else { "en" }
    }

    #[must_use]
    pub fn dir(&self) -> &'static str {
        self.lang().direction().as_str()
    }

    /// The address of a file of `static/`.
    #[must_use]
    pub fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// The address of another page in the reader's language.
    #[must_use]
    pub fn to(&self, path: &str) -> String {
        format!("{path}?lang={}", self.lang())
    }

    /// The chat with one desk.
    #[must_use]
    pub fn to_desk(&self, slug: &str) -> String {
        format!("/chat?lang={}&desk={slug}", self.lang())
    }

    /// This page, in its own language: where its form goes.
    #[must_use]
    pub fn own(&self) -> String {
        address(self.place, &self.lang(), self.desk.as_deref())
    }

    #[must_use]
    pub fn languages(&self) -> Vec<Choice> {
        let current = self.lang();
        Texts::languages()
            .map(|tag| Choice {
                tag,
                name: native_name(&tag),
                address: address(self.place, &tag, self.desk.as_deref()),
                current: tag == current,
            })
            .collect()
    }

    #[must_use]
    pub fn own_name(&self) -> &'static str {
        native_name(&self.lang())
    }

    /// The chooser stays folded once she has chosen, and where there is little room.
    #[must_use]
    pub fn chooser_folded(&self) -> bool {
        self.reader.chosen || matches!(self.place, Place::Frame | Place::Thread | Place::Error)
    }

    #[must_use]
    pub fn framed(&self) -> bool {
        self.place == Place::Frame
    }

    /// A draft that no native reader has checked.
    #[must_use]
    pub fn draft(&self) -> bool {
        !self.reader.texts.reviewed()
    }

    /// Who may ask, each with its words.
    #[must_use]
    pub fn inquirers(&self) -> [(&'static str, &'static str); 5] {
        let texts: &'static Texts = self.reader.texts;
        [
            ("worker", texts.t("who_worker")),
            ("examinee", texts.t("who_examinee")),
            ("company", texts.t("who_company")),
            ("support_organisation", texts.t("who_support_organisation")),
            ("other", texts.t("who_other")),
        ]
    }

    /// The texts that the script shows, and the languages' own names, as JSON.
    #[must_use]
    pub fn script_texts(&self) -> String {
        let texts: serde_json::Map<String, serde_json::Value> =
            SCRIPT_TEXTS.iter().map(|key| ((*key).to_owned(), self.t(key).into())).collect();
        let names: serde_json::Map<String, serde_json::Value> = tag::DESK_LANGUAGES
            .iter()
            .map(|language| (language.tag.to_string(), language.native_name.into()))
            .collect();
        serde_json::json!({ "texts": texts, "names": names }).to_string()
    }
}

fn native_name(tag: &LangTag) -> &'static str {
    tag::desk_language(tag).map_or("", |language| language.native_name)
}

fn address(place: Place, tag: &LangTag, desk: Option<&str>) -> String {
    let desk = desk.map_or_else(String::new, |slug| format!("&desk={slug}"));
    format!("{}?lang={tag}{desk}", place.path())
}

/// Keys of the texts that the scripts use; a test compares them with the scripts.
pub const SCRIPT_TEXTS: &[&str] = &[
    "agent_joined",
    "agent_typing",
    "all_busy",
    "answer_later",
    "chars_left",
    "connecting",
    "copied",
    "copy_link",
    "desk_closed",
    "desk_name",
    "end_confirm",
    "ended_by_agent",
    "ended_by_system",
    "ended_by_you",
    "error_busy",
    "error_closed",
    "error_consent_needed",
    "error_desk_closed",
    "error_expired_link",
    "error_generic",
    "error_internal",
    "error_invalid_input",
    "error_not_found",
    "error_rate_limited",
    "error_title",
    "language_keep",
    "language_notice",
    "language_switch",
    "leave_keep_link",
    "leave_received",
    "limit_message_too_long",
    "limit_open_chats",
    "limit_too_many_messages",
    "new_chat",
    "new_messages",
    "no_reply_yet",
    "nobody_available",
    "offline",
    "private_link",
    "reconnected",
    "reconnecting",
    "retry",
    "satisfaction_1",
    "satisfaction_2",
    "satisfaction_3",
    "satisfaction_4",
    "satisfaction_5",
    "satisfaction_question",
    "satisfaction_thanks",
    "sound_off",
    "sound_on",
    "status_delivered",
    "status_failed",
    "status_read",
    "status_sending",
    "status_sent",
    "wait_about",
    "wait_none",
    "waiting_note",
    "waiting_place",
    "waiting_soon",
    "you",
];
