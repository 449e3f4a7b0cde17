//! A conversation as plain text, to be kept by the visitor or put into a file by an agent.

use jiff::tz::TimeZone;

use crate::desk::protocol::Message;
use crate::desk::words::Sender;
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;
use crate::language::{LangTag, Texts};

use super::limits::TRANSCRIPT_MAX;
use super::reception::Reception;
use super::store::{self, Talk};

impl Reception {
    /// The whole conversation with the labels of `language`; `you` names the visitor.
    ///
    /// # Errors
    /// The store's failure.
    pub(super) async fn transcript(
        &self,
        talk: &Talk,
        language: &str,
        you: Option<&str>,
    ) -> Result<String, Problem> {
        let mut tx = self.parts.db.read().await?;
        let found = store::messages_after(&mut tx, talk.contact, 0, TRANSCRIPT_MAX + 1).await?;
        Ok(write(talk, &found, language, you, &self.parts.zone))
    }
}

fn write(
    talk: &Talk,
    found: &[(Message, Option<String>)],
    language: &str,
    you: Option<&str>,
    zone: &TimeZone,
) -> String {
    let texts = Texts::get(&language.parse::<LangTag>().unwrap_or(crate::language::tag::tags::JA));
    let desk = if texts.tag().language() == "ja" { &talk.desk.name_ja } else { &talk.desk.name_en };
    let number = talk.number.as_deref().unwrap_or_default();
    let mut out = format!("{desk}  {number}\n");
    let mut day = String::new();
    let shown = usize::try_from(TRANSCRIPT_MAX).unwrap_or(usize::MAX);
    for (message, agent) in found.iter().take(shown) {
        let (date, time) = moment(message.at, zone);
        if date != day {
            out.extend(["\n", &date, "\n"]);
            day = date;
        }
        let who = match message.sender {
            Sender::Visitor => you.unwrap_or_else(|| texts.t("you")),
            Sender::Agent => agent.as_deref().unwrap_or_else(|| texts.t("desk_name")),
            Sender::System => texts.t("desk_name"),
        };
        out.extend(["[", &time, "] ", who, ": ", &message.body, "\n"]);
    }
    if found.len() > shown {
        out.push_str("…\n");
    }
    out
}

/// Day and time of day in the installation's zone.
fn moment(at: Timestamp, zone: &TimeZone) -> (String, String) {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(
        |_| (at.to_string(), String::new()),
        |at| {
            let local = at.to_zoned(zone.clone());
            (local.strftime("%Y-%m-%d (%Z)").to_string(), local.strftime("%H:%M").to_string())
        },
    )
}
