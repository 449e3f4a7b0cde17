//! The people of the demo.

use crate::admin::accounts::NewAccount;
use crate::kernel::ids::DeskId;
use crate::routing::{Capacity, Level, Skill, SkillLevel, TagError};
use crate::security::Role;

/// Login, name, role, languages with levels, and what they take at once: phone, meeting, chat.
type Person = (&'static str, &'static str, Role, &'static [(&'static str, u8)], [u8; 3]);

const PEOPLE: &[Person] = &[
    ("sato", "佐藤 花子", Role::Agent, &[("ja", 5), ("ja-x-easy", 5), ("en", 3)], [1, 0, 3]),
    (
        "nguyen",
        "グエン・ティ・マイ",
        Role::Agent,
        &[("vi", 5), ("ja", 4), ("ja-x-easy", 4), ("en", 3)],
        [1, 1, 2],
    ),
    ("sri", "スリ・ラハユ", Role::Agent, &[("id", 5), ("en", 4), ("ja", 3), ("my", 2)], [0, 1, 3]),
    ("supervisor", "高橋 健一", Role::Supervisor, &[("ja", 5), ("ja-x-easy", 4), ("en", 4)], [1, 1, 2]),
    ("admin", "山田 直子", Role::Administrator, &[], [0, 0, 0]),
    ("officer", "伊藤 誠", Role::Officer, &[], [0, 0, 0]),
];

/// The people, serving `desks`.
pub(super) fn all(desks: &[DeskId]) -> Result<Vec<NewAccount>, TagError> {
    PEOPLE.iter().map(|person| one(person, desks)).collect()
}

fn one(
    (login, name, role, languages, [phone, meeting, chat]): &Person,
    desks: &[DeskId],
) -> Result<NewAccount, TagError> {
    let skill = |(tag, level): &(&str, u8)| {
        Ok(SkillLevel { skill: Skill::language(tag)?, level: Level::clamped(*level) })
    };
    Ok(NewAccount {
        login: (*login).to_owned(),
        name: (*name).to_owned(),
        role: *role,
        ui_language: None,
        desks: if role.answers() { desks.to_vec() } else { Vec::new() },
        skills: languages.iter().map(skill).collect::<Result<_, _>>()?,
        capacity: Capacity { phone: *phone, meeting: *meeting, chat: *chat },
        translation: role.answers(),
    })
}

/// The tag of a language skill.
pub(super) fn language(skill: &SkillLevel) -> Option<String> {
    match skill.skill {
        Skill::Language { tag } => Some(tag.to_string()),
        Skill::Topic { .. } => None,
    }
}
