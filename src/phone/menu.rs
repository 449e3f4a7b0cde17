//! The keys that a caller presses before she waits: a few small trees, walked one after the other.
//!
//! Pure: no sound, no clock. The call plays what a [`Turn`] says, and tells the walk of keys and of silence.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::problem::Problem;
use crate::language::LangTag;

/// Menus that may follow one another inside a menu; deeper settings are refused.
pub const DEPTH_MAX: usize = 4;

/// Menus of one desk in a row; more are refused.
pub const MENUS_MAX: usize = 4;

/// Times a menu is said again after silence or a wrong key; then the call goes on with what is known.
pub const TRIES_MAX: u32 = 3;

/// Characters of a prompt's name.
pub const PROMPT_MAX: usize = 40;

/// Something to choose by key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// Names of the prompts that are said, one after the other. A name ending in `@TAG` is said in that
    /// language, any other in the language chosen so far.
    pub say: Vec<String>,
    pub choices: Vec<Choice>,
}

/// What one key does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// `0` to `9`, `*` or `#`.
    pub key: char,
    /// BCP 47; the rest of the call is in this language, and it is asked for as a skill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// An id of `topics`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// A menu that follows this choice alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub then: Option<Menu>,
}

/// What is known of the caller's wish.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    pub language: Option<String>,
    pub topic: Option<String>,
}

/// What the call does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Play these prompts, then wait for a key. A key ends the playing.
    Say { prompts: Vec<String>, again: bool },
    /// Everything is asked.
    Done(Chosen),
}

/// One caller's way through the menus of a desk.
#[derive(Debug, Clone)]
pub struct Walk {
    ahead: Vec<Menu>,
    now: Option<Menu>,
    tries: u32,
    chosen: Chosen,
}

impl Walk {
    /// Begins with the first of `menus`.
    #[must_use]
    pub fn new(menus: &[Menu]) -> (Self, Turn) {
        let mut ahead: Vec<Menu> = menus.to_vec();
        ahead.reverse();
        let mut walk = Self { ahead, now: None, tries: 0, chosen: Chosen::default() };
        let turn = walk.next();
        (walk, turn)
    }

    /// What is chosen so far.
    #[must_use]
    pub const fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    /// A key was pressed.
    pub fn key(&mut self, key: char) -> Turn {
        let found = self.now.as_ref().and_then(|menu| menu.choices.iter().find(|c| c.key == key)).cloned();
        let Some(choice) = found else { return self.again() };
        if choice.language.is_some() {
            self.chosen.language = choice.language;
        }
        if choice.topic.is_some() {
            self.chosen.topic = choice.topic;
        }
        self.ahead.extend(choice.then);
        self.next()
    }

    /// The prompts were said and no key came in time.
    pub fn silence(&mut self) -> Turn {
        self.again()
    }

    fn next(&mut self) -> Turn {
        self.tries = 0;
        self.now = self.ahead.pop();
        match &self.now {
            Some(menu) => Turn::Say { prompts: menu.say.clone(), again: false },
            None => Turn::Done(self.chosen.clone()),
        }
    }

    fn again(&mut self) -> Turn {
        self.tries += 1;
        match &self.now {
            Some(menu) if self.tries < TRIES_MAX => Turn::Say { prompts: menu.say.clone(), again: true },
            // Nobody is sent away for not finding a key: the rest is asked by a person.
            _ => self.next(),
        }
    }
}

/// Refuses menus that a caller could not walk.
///
/// # Errors
/// `settings_invalid`, naming the field at fault as `menus.0.choices.2`.
pub fn check(menus: &[Menu]) -> Result<(), Problem> {
    let mut faults = Vec::new();
    if menus.len() > MENUS_MAX {
        faults.push(("menus".to_owned(), "too_many"));
    }
    for (n, menu) in menus.iter().enumerate() {
        check_menu(menu, &format!("menus.{n}"), 1, &mut faults);
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(faults
        .into_iter()
        .fold(Problem::invalid("settings_invalid"), |p, (field, code)| p.field(field, code)))
}

fn check_menu(menu: &Menu, at: &str, depth: usize, faults: &mut Vec<(String, &'static str)>) {
    if depth > DEPTH_MAX {
        faults.push((at.to_owned(), "too_deep"));
        return;
    }
    let said = |name: &String| !name.is_empty() && name.len() <= PROMPT_MAX;
    if menu.say.is_empty() || !menu.say.iter().all(said) {
        faults.push((format!("{at}.say"), "required"));
    }
    if menu.choices.is_empty() {
        faults.push((format!("{at}.choices"), "required"));
    }
    let mut keys = BTreeSet::new();
    for (n, choice) in menu.choices.iter().enumerate() {
        let here = format!("{at}.choices.{n}");
        if !matches!(choice.key, '0'..='9' | '*' | '#') {
            faults.push((format!("{here}.key"), "invalid"));
        }
        if !keys.insert(choice.key) {
            faults.push((format!("{here}.key"), "taken"));
        }
        if choice.language.as_deref().is_some_and(|tag| tag.parse::<LangTag>().is_err()) {
            faults.push((format!("{here}.language"), "invalid"));
        }
        if let Some(then) = &choice.then {
            check_menu(then, &format!("{here}.then"), depth + 1, faults);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(key: char) -> Choice {
        Choice { key, language: None, topic: None, then: None }
    }

    fn menus() -> Vec<Menu> {
        let more = Menu {
            say: vec!["menu_more".into()],
            choices: vec![Choice { language: Some("ne".into()), ..choice('1') }],
        };
        let language = Menu {
            say: vec!["menu_language@ja".into(), "menu_language@en".into()],
            choices: vec![
                Choice { language: Some("ja".into()), ..choice('1') },
                Choice { language: Some("en".into()), ..choice('2') },
                Choice { then: Some(more), ..choice('9') },
            ],
        };
        let topic = Menu {
            say: vec!["menu_topic".into()],
            choices: vec![Choice { topic: Some("t1".into()), ..choice('1') }, choice('0')],
        };
        vec![language, topic]
    }

    fn said(turn: &Turn) -> &str {
        match turn {
            Turn::Say { prompts, .. } => &prompts[0],
            Turn::Done(_) => "done",
        }
    }

    #[test]
    fn keys_lead_through_the_menus_and_a_branch_comes_before_what_follows() {
        let (mut walk, turn) = Walk::new(&menus());
        assert_eq!(said(&turn), "menu_language@ja");
        assert_eq!(said(&walk.key('9')), "menu_more");
        assert_eq!(said(&walk.key('1')), "menu_topic");
        let done = Turn::Done(Chosen { language: Some("ne".into()), topic: Some("t1".into()) });
        assert_eq!(walk.key('1'), done);
        assert_eq!(walk.key('1'), done, "keys after the end change nothing");
    }

    #[test]
    fn nobody_is_sent_away_for_not_finding_a_key() {
        let (mut walk, _) = Walk::new(&menus());
        assert_eq!(walk.key('7'), Turn::Say { prompts: menus()[0].say.clone(), again: true });
        assert!(matches!(walk.silence(), Turn::Say { again: true, .. }));
        assert_eq!(said(&walk.silence()), "menu_topic");
        assert_eq!(walk.key('0'), Turn::Done(Chosen::default()));
        assert_eq!(Walk::new(&[]).1, Turn::Done(Chosen::default()));
    }

    #[test]
    fn each_fault_of_a_setting_is_named() {
        assert_eq!(check(&menus()), Ok(()));
        let mut bad = menus();
        bad[0].say.clear();
        bad[0].choices[1].key = '1';
        bad[1].choices[0].key = 'x';
        bad[1].choices[1].language = Some("not a tag".into());
        let problem = check(&bad).unwrap_err();
        let fields: Vec<_> = problem.fields.keys().map(String::as_str).collect();
        assert_eq!(
            fields,
            ["menus.0.choices.1.key", "menus.0.say", "menus.1.choices.0.key", "menus.1.choices.1.language"]
        );
        let deep = (0..DEPTH_MAX).fold(menus()[1].clone(), |inner, _| Menu {
            say: vec!["x".into()],
            choices: vec![Choice { then: Some(inner), ..choice('1') }],
        });
        assert!(check(&[deep]).is_err());
    }
}
