//! What a desk does on the phone before an administrator changed anything.

use std::collections::BTreeSet;

use crate::kernel::ids::DeskId;

use super::PhoneDesk;
use crate::phone::menu::{Choice, Menu};

/// Languages that have prompts of their own, in the order of the keys from 1, as `menu_language` says them.
const LANGUAGES: [(char, &str); 5] = [('1', "ja"), ('2', "en"), ('3', "vi"), ('4', "id"), ('5', "zh-Hans")];

/// The key of the other languages, as `menu_more` says it.
const MORE: char = '9';

/// Languages that are spoken by people alone, as `menu_other` says them: these callers hear English prompts.
const OTHERS: [(char, &str); 6] =
    [('1', "fil"), ('2', "th"), ('3', "my"), ('4', "ne"), ('5', "km"), ('6', "mn")];

/// Keys and topics of the first set, as `menu_topic` says them: residence procedures, working conditions,
/// daily life, how the system works, other matters.
const TOPICS: [(char, &str); 5] = [('1', "5"), ('2', "7"), ('3', "11"), ('4', "1"), ('0', "99")];

/// Seconds between two announcements of the place and the expected wait.
const ANNOUNCE_S: u32 = 60;

/// Times that a callback is dialled again when nobody answers.
const CALLBACK_TRIES: u32 = 2;

/// Seconds between two of these.
const CALLBACK_PAUSE_S: u32 = 300;

/// The settings of `desk` while it has none; `topics` are the ids of the topics that are offered.
pub(super) fn desk(desk: DeskId, topics: &BTreeSet<String>) -> PhoneDesk {
    PhoneDesk {
        desk,
        numbers: Vec::new(),
        shown: None,
        through: None,
        language: "ja".to_owned(),
        greeting: vec!["greeting".to_owned()],
        // Nothing is recorded before somebody answers for it.
        recording: false,
        menus: [Some(languages()), by_topic(topics)].into_iter().flatten().collect(),
        announce_s: ANNOUNCE_S,
        callback: true,
        callback_tries: CALLBACK_TRIES,
        callback_pause_s: CALLBACK_PAUSE_S,
        voicemail: true,
        version: 0,
    }
}

fn choice(key: char) -> Choice {
    Choice { key, language: None, topic: None, then: None }
}

fn speaks((key, language): &(char, &str)) -> Choice {
    Choice { language: Some((*language).to_owned()), ..choice(*key) }
}

fn languages() -> Menu {
    let others = Menu {
        say: vec!["menu_other@en".to_owned(), "menu_other@ja".to_owned()],
        choices: OTHERS.iter().map(speaks).collect(),
    };
    let said = LANGUAGES.iter().map(|(_, language)| format!("menu_language@{language}"));
    let more = ["menu_more@ja", "menu_more@en"].map(str::to_owned);
    let last = Choice { then: Some(others), ..choice(MORE) };
    Menu { say: said.chain(more).collect(), choices: LANGUAGES.iter().map(speaks).chain([last]).collect() }
}

/// `None` where none of the topics is offered. A key whose topic is not stays: the prompt says it.
fn by_topic(topics: &BTreeSet<String>) -> Option<Menu> {
    let offered = |topic: &str| topics.contains(topic).then(|| topic.to_owned());
    let choices: Vec<Choice> =
        TOPICS.iter().map(|(key, topic)| Choice { topic: offered(topic), ..choice(*key) }).collect();
    let any = choices.iter().any(|choice| choice.topic.is_some());
    any.then(|| Menu { say: vec!["menu_topic".to_owned()], choices })
}
