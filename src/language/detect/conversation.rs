//! The language of a conversation as a whole: a running sum over its messages, and when to offer a switch.

use crate::language::tag::{LangTag, routing_group};

use super::Detected;

/// A message detected with at least this confidence may start a switch.
pub const SWITCH_CONFIDENCE: f32 = 0.8;
/// So many messages in a row, all in the same other language, make an offer to switch.
pub const SWITCH_AFTER: u8 = 2;
/// Languages summed per conversation; further ones are not counted (nobody writes in nine).
const MAX_LANGUAGES: usize = 8;

/// What a conversation's language suggests after a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suggestion {
    /// Stay with the language in use.
    Keep,
    /// Ask the visitor whether to switch to this language. Never switch without asking.
    OfferSwitch(LangTag),
}

/// Running state of one conversation. The language that the visitor chose stays in use until she accepts
/// another.
#[derive(Debug, Clone)]
pub struct Conversation {
    chosen: LangTag,
    sums: Vec<(LangTag, f32)>,
    streak: Option<(LangTag, u8)>,
    declined: Vec<LangTag>,
}

impl Conversation {
    /// Starts with the language that the visitor chose.
    pub fn new(chosen: LangTag) -> Self {
        Self { chosen, sums: Vec::new(), streak: None, declined: Vec::new() }
    }

    /// The language in use.
    pub fn chosen(&self) -> LangTag {
        self.chosen
    }

    /// Takes a message's detection in. An unknown message changes nothing; one in the language in use, or
    /// one below [`SWITCH_CONFIDENCE`], ends a streak.
    pub fn observe(&mut self, detected: &Detected) -> Suggestion {
        detected.known().map_or(Suggestion::Keep, |(tag, confidence)| self.observe_known(tag, confidence))
    }

    /// The same for a detection that was stored.
    pub fn observe_known(&mut self, tag: LangTag, confidence: f32) -> Suggestion {
        if let Some((_, sum)) = self.sums.iter_mut().find(|(t, _)| *t == tag) {
            *sum += confidence;
        } else if self.sums.len() < MAX_LANGUAGES {
            self.sums.push((tag, confidence));
        }
        if routing_group(&tag) == routing_group(&self.chosen) || confidence < SWITCH_CONFIDENCE {
            self.streak = None;
            return Suggestion::Keep;
        }
        let count = match self.streak {
            Some((t, n)) if routing_group(&t) == routing_group(&tag) => n.saturating_add(1),
            _ => 1,
        };
        self.streak = Some((tag, count));
        if count >= SWITCH_AFTER && !self.declined.contains(&routing_group(&tag)) {
            Suggestion::OfferSwitch(tag)
        } else {
            Suggestion::Keep
        }
    }

    /// The language with the greatest sum of confidences so far: what she writes in, whatever she chose.
    pub fn written_in(&self) -> Option<LangTag> {
        self.sums.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(tag, _)| *tag)
    }

    /// The visitor (or the agent's correction) chose a language.
    pub fn choose(&mut self, tag: LangTag) {
        self.chosen = tag;
        self.streak = None;
    }

    /// The visitor declined an offer; the same language is not offered again in this conversation.
    pub fn decline(&mut self, tag: LangTag) {
        self.declined.push(routing_group(&tag));
        self.declined.dedup();
        self.streak = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::detect::{Method, UnknownReason, Writing};
    use crate::language::tag::tags;

    fn seen(tag: LangTag, confidence: f32) -> Detected {
        Detected::Known { tag, script: Writing::Latin, confidence, method: Method::Words, zawgyi: false }
    }

    #[test]
    fn a_switch_is_offered_after_two_sure_messages_in_a_row() {
        let mut talk = Conversation::new(tags::JA);
        assert_eq!(talk.observe(&seen(tags::VI, 0.9)), Suggestion::Keep);
        assert_eq!(talk.observe(&seen(tags::VI, 0.9)), Suggestion::OfferSwitch(tags::VI));
        assert_eq!(talk.chosen(), tags::JA, "an offer is not a switch");
        talk.choose(tags::VI);
        assert_eq!(talk.observe(&seen(tags::VI, 0.9)), Suggestion::Keep);
    }

    #[test]
    fn doubtful_or_changing_messages_offer_nothing() {
        let mut talk = Conversation::new(tags::JA);
        for detected in [
            seen(tags::VI, 0.9),
            seen(tags::VI, 0.7),
            seen(tags::VI, 0.9),
            seen(tags::EN, 0.9),
            seen(tags::JA, 0.99),
            seen(tags::EN, 0.9),
        ] {
            assert_eq!(talk.observe(&detected), Suggestion::Keep);
        }
    }

    #[test]
    fn unknown_messages_neither_count_nor_break() {
        let mut talk = Conversation::new(tags::JA);
        talk.observe(&seen(tags::NE, 0.9));
        talk.observe(&Detected::unknown(UnknownReason::NoLetters));
        assert_eq!(talk.observe(&seen(tags::NE, 0.9)), Suggestion::OfferSwitch(tags::NE));
    }

    #[test]
    fn one_routing_group_is_one_language() {
        let mut talk = Conversation::new(tags::ID);
        talk.observe(&seen(tags::MS, 0.9));
        assert_eq!(talk.observe(&seen(tags::MS, 0.9)), Suggestion::Keep);
        let mut talk = Conversation::new(tags::JA_EASY);
        talk.observe(&seen(tags::JA, 0.9));
        assert_eq!(talk.observe(&seen(tags::JA, 0.9)), Suggestion::Keep);
    }

    #[test]
    fn a_declined_offer_is_not_repeated() {
        let mut talk = Conversation::new(tags::JA);
        talk.decline(tags::EN);
        for _ in 0..5 {
            assert_eq!(talk.observe(&seen(tags::EN, 0.95)), Suggestion::Keep);
        }
        assert_eq!(talk.written_in(), Some(tags::EN));
    }
}
