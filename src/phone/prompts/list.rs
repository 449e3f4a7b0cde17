//! The prompts of a desk as an administrator sees them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::own::OwnPrompt;
use super::{Key, Library, seconds};

/// One prompt in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PhonePrompt {
    /// What settings call it.
    #[schema(example = "greeting")]
    pub name: String,
    /// BCP 47.
    pub language: String,
    /// The words of the recording that comes with the program; empty where none does. An own one may say
    /// others.
    pub text: String,
    /// Length of what is heard.
    pub seconds: f64,
    /// Whose voice is heard; empty for an own recording.
    pub voice: String,
    /// Whether the desk's own recording is heard.
    pub own: bool,
}

/// The built-in prompts and the desk's own, by name and then by language.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PhonePromptList {
    pub items: Vec<PhonePrompt>,
}

impl PhonePrompt {
    fn built_in((name, language): &Key) -> Option<Self> {
        let recording = Library::get().recording(name, language)?;
        Some(Self {
            name: name.clone(),
            language: language.clone(),
            text: recording.text.clone(),
            seconds: seconds(recording.ulaw.len()),
            voice: recording.voice.to_owned(),
            own: false,
        })
    }

    /// What an own recording is heard as.
    #[must_use]
    pub fn own(prompt: OwnPrompt) -> Self {
        let OwnPrompt { name, language, bytes } = prompt;
        let text = Library::get().recording(&name, &language).map(|r| r.text.clone()).unwrap_or_default();
        let seconds = seconds(usize::try_from(bytes).unwrap_or(0));
        Self { name, language, text, seconds, voice: String::new(), own: true }
    }
}

/// What is heard of each prompt, the desk's own being `own`.
#[must_use]
pub fn list(own: Vec<OwnPrompt>) -> Vec<PhonePrompt> {
    let keys = Library::get().recordings().map(|(key, _)| key.clone());
    let mut prompts: BTreeMap<Key, PhonePrompt> =
        keys.filter_map(|key| PhonePrompt::built_in(&key).map(|prompt| (key, prompt))).collect();
    for prompt in own {
        prompts.insert((prompt.name.clone(), prompt.language.clone()), PhonePrompt::own(prompt));
    }
    prompts.into_values().collect()
}
