//! How a desk is reached by phone and what its callers hear: its numbers, menus, announcements and callbacks.
//!
//! Owns the tables `phone_desks` and `phone_numbers`. A desk without a row has the standard settings and no
//! number. What is saved is read by the next call; calls that go on keep what they began with.

mod standard;
pub mod store;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::db::Tx;
use crate::kernel::fold;
use crate::kernel::ids::{DeskId, PoolId};
use crate::kernel::problem::Problem;
use crate::kernel::time::{Millis, Timestamp};
use crate::language::LangTag;
use crate::language::tag::desk_language;
use crate::security::Identity;
use crate::security::audit::{self, Entry};

use super::call::control::Plan;
use super::menu::{self, Menu};
use super::prompts::{self, Library};

pub use crate::kernel::fold::number_key;

/// Numbers that lead to one desk; more are refused.
pub const NUMBERS_MAX: usize = 50;

/// Digits of a number (ITU-T E.164 allows 15, short numbers have 3).
pub const DIGITS: std::ops::RangeInclusive<usize> = 3..=15;

/// Prompts said in a row, in the greeting or in one menu; more are refused.
pub const SAY_MAX: usize = 12;

/// Seconds between two announcements of the place in the line.
pub const ANNOUNCE_S: std::ops::RangeInclusive<u32> = 10..=600;

/// Times that a callback is dialled again; more are refused.
pub const CALLBACK_TRIES_MAX: u32 = 5;

/// Seconds between two tries.
pub const CALLBACK_PAUSE_S: std::ops::RangeInclusive<u32> = 30..=86_400;

/// Characters of a trunk's name.
pub const THROUGH_MAX: usize = 60;

/// The prompt that says that calls are recorded.
pub const RECORDING_NOTICE: &str = "recording_notice";

/// A desk on the phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhoneDesk {
    pub desk: DeskId,
    /// The numbers that lead to this desk: digits, with a leading `+` where international. No number leads to
    /// two desks; `+81…` and `0…` are one.
    #[schema(example = json!(["0312345678"]))]
    pub numbers: Vec<String>,
    /// The number that is shown to whoever the desk calls; null: the trunk's own.
    pub shown: Option<String>,
    /// Name of the trunk (a peer or a registration of the settings) that the desk's calls go out through;
    /// null: the first.
    pub through: Option<String>,
    /// BCP 47; spoken until the caller has chosen.
    pub language: String,
    /// Names of the prompts that are said first.
    pub greeting: Vec<String>,
    /// Whether calls are recorded. The notice is then said, also when the greeting does not name it.
    pub recording: bool,
    /// What is asked before the caller waits, in this order.
    pub menus: Vec<Menu>,
    /// Seconds between two announcements of the place and the expected wait, 10 to 600.
    #[schema(minimum = 10, maximum = 600)]
    pub announce_s: u32,
    /// Whether a waiting caller may hang up and be called back in her turn.
    pub callback: bool,
    /// Times that a callback nobody answered is dialled again, 0 to 5.
    #[schema(maximum = 5)]
    pub callback_tries: u32,
    /// Seconds between two tries, 30 to 86400.
    #[schema(minimum = 30, maximum = 86_400)]
    pub callback_pause_s: u32,
    /// Whether a caller may leave a message when the desk takes no call.
    pub voicemail: bool,
    /// 0 until it is saved for the first time.
    pub version: i64,
}

/// All desks of the pool, in their order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PhoneDeskList {
    pub items: Vec<PhoneDesk>,
}

/// What settings may name.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Ids of topics, also of closed ones.
    topics: BTreeSet<String>,
    /// Names of prompts that the desk recorded itself.
    own: BTreeSet<String>,
}

impl PhoneDesk {
    /// What is said first: the greeting, with the notice when calls are recorded and only then.
    #[must_use]
    pub fn said_first(&self) -> Vec<String> {
        let notice = |name: &String| name.split('@').next() == Some(RECORDING_NOTICE);
        let mut said: Vec<String> =
            self.greeting.iter().filter(|name| self.recording || !notice(name)).cloned().collect();
        if self.recording && !said.iter().any(notice) {
            said.push(RECORDING_NOTICE.to_owned());
        }
        said
    }

    /// What a call needs to know.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan {
            greeting: self.said_first(),
            menus: self.menus.clone(),
            language: self.language.clone(),
            announce_every: Millis::from_secs(i64::from(self.announce_s)),
            callback: self.callback,
            voicemail: self.voicemail,
        }
    }

    /// Whether the greeting or a menu says the prompt.
    #[must_use]
    pub fn says(&self, name: &str) -> bool {
        fn in_menu(menu: &Menu, name: &str) -> bool {
            names(&menu.say, name)
                || menu.choices.iter().filter_map(|c| c.then.as_ref()).any(|m| in_menu(m, name))
        }
        fn names(said: &[String], name: &str) -> bool {
            said.iter().any(|said| said.split('@').next() == Some(name))
        }
        names(&self.greeting, name) || self.menus.iter().any(|menu| in_menu(menu, name))
    }

    /// Brings what was typed into its one form and refuses what cannot be.
    fn check(&mut self, known: &Known) -> Result<(), Problem> {
        let mut faults = Faults::default();
        self.check_numbers(&mut faults);
        self.through = self.through.take().map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
        let plain = |name: &str| name.chars().count() <= THROUGH_MAX && !name.contains(char::is_control);
        faults.demand(self.through.as_deref().is_none_or(plain), "through", "invalid");
        match known_language(&self.language) {
            Ok(tag) => self.language = tag.to_string(),
            Err(code) => faults.refuse("language", code),
        }
        check_said(&mut faults, known, "greeting", &self.greeting);
        faults.demand(ANNOUNCE_S.contains(&self.announce_s), "announce_s", "out_of_range");
        faults.demand(self.callback_tries <= CALLBACK_TRIES_MAX, "callback_tries", "out_of_range");
        let pause = CALLBACK_PAUSE_S.contains(&self.callback_pause_s);
        faults.demand(pause, "callback_pause_s", "out_of_range");
        if let Err(problem) = menu::check(&self.menus) {
            faults.0.extend(problem.fields);
        }
        for (n, menu) in self.menus.iter_mut().enumerate() {
            check_menu(&mut faults, known, &format!("menus.{n}"), menu);
        }
        faults.result()
    }

    fn check_numbers(&mut self, faults: &mut Faults) {
        faults.demand(self.numbers.len() <= NUMBERS_MAX, "numbers", "too_many");
        let mut keys = BTreeSet::new();
        for number in &mut self.numbers {
            match plain_number(number) {
                Some(plain) => *number = plain,
                None => faults.refuse("numbers", "invalid"),
            }
            faults.demand(keys.insert(number_key(number)), "numbers", "taken");
        }
        self.shown = self.shown.take().filter(|number| !number.trim().is_empty());
        if let Some(number) = &mut self.shown {
            match plain_number(number) {
                Some(plain) => *number = plain,
                None => faults.refuse("shown", "invalid"),
            }
        }
    }
}

/// Digits with their leading `+`; `None` when something else stands between them than what people put there.
fn plain_number(text: &str) -> Option<String> {
    let folded = fold::fold(text);
    let (plus, rest) = folded.strip_prefix('+').map_or(("", folded.as_str()), |rest| ("+", rest));
    let digits: String =
        rest.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.' | '‐' | '−')).collect();
    let fine = DIGITS.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    fine.then(|| format!("{plus}{digits}"))
}

/// The tag in its one form, when the desk has a word for the language.
fn known_language(text: &str) -> Result<LangTag, &'static str> {
    let tag: LangTag = text.parse().map_err(|_| "invalid")?;
    desk_language(&tag).map_or(Err("unknown"), |_| Ok(tag))
}

fn check_said(faults: &mut Faults, known: &Known, field: &str, said: &[String]) {
    faults.demand(said.len() <= SAY_MAX, field, "too_many");
    let exists = |said: &String| {
        prompts::parse(said)
            .is_some_and(|(name, _)| known.own.contains(name) || Library::get().names().contains(name))
    };
    faults.demand(said.iter().all(exists), field, "unknown");
}

fn check_menu(faults: &mut Faults, known: &Known, at: &str, menu: &mut Menu) {
    check_said(faults, known, &format!("{at}.say"), &menu.say);
    for (n, choice) in menu.choices.iter_mut().enumerate() {
        let here = format!("{at}.choices.{n}");
        if let Some(language) = &mut choice.language {
            match known_language(language) {
                Ok(tag) => *language = tag.to_string(),
                Err(code) => faults.refuse(format!("{here}.language"), code),
            }
        }
        let topic = choice.topic.as_ref().is_none_or(|topic| known.topics.contains(topic));
        faults.demand(topic, &format!("{here}.topic"), "unknown");
        if let Some(then) = &mut choice.then {
            check_menu(faults, known, &format!("{here}.then"), then);
        }
    }
}

/// The fields that are refused, each with the code of its first reason.
#[derive(Debug, Default)]
struct Faults(std::collections::BTreeMap<String, &'static str>);

impl Faults {
    fn refuse(&mut self, field: impl Into<String>, code: &'static str) {
        self.0.entry(field.into()).or_insert(code);
    }

    fn demand(&mut self, fine: bool, field: &str, code: &'static str) {
        if !fine {
            self.refuse(field, code);
        }
    }

    fn result(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        let refused = Problem::invalid("invalid_input");
        Err(self.0.into_iter().fold(refused, |problem, (field, code)| problem.field(field, code)))
    }
}

/// Refuses a desk that is not one of the pool.
///
/// # Errors
/// `not_found`, or the store's failure.
pub async fn demand_desk(tx: &mut Tx, pool: PoolId, desk: DeskId) -> Result<(), Problem> {
    if store::is_of_pool(tx, pool, desk).await? { Ok(()) } else { Err(Problem::not_found()) }
}

/// Replaces a desk's settings and answers them as they are kept.
///
/// # Errors
/// `not_found`, `changed_elsewhere` with the settings as they stand, `invalid_input`, or the store's failure.
pub async fn change(
    tx: &mut Tx,
    me: &Identity,
    now: Timestamp,
    mut after: PhoneDesk,
) -> Result<PhoneDesk, Problem> {
    demand_desk(tx, me.pool, after.desk).await?;
    let before = store::read(tx, after.desk).await?;
    if before.version != after.version {
        return Err(changed_elsewhere(&before));
    }
    after.check(&store::known(tx, after.desk).await?)?;
    if after == before && before.version > 0 {
        return Ok(after);
    }
    after.version += 1;
    if !store::save(tx, before.version, &after).await? {
        return Err(changed_elsewhere(&before));
    }
    let value = |desk: &PhoneDesk| serde_json::to_value(desk).unwrap_or_default();
    let detail = audit::changes(&value(&before), &value(&after));
    let entry = Entry::of(me, "phone.change", "phone", after.desk.to_string()).detail(detail);
    audit::record(tx, now, entry).await?;
    tx.settings_changed();
    Ok(after)
}

fn changed_elsewhere(current: &PhoneDesk) -> Problem {
    Problem::conflict("changed_elsewhere").current(serde_json::to_value(current).unwrap_or_default())
}

#[cfg(test)]
mod tests;
