//! The phone: from the carrier's trunk to the agent's browser, in the same queue as everything else.

pub mod call;
pub mod menu;
pub mod prompts;
pub mod settings;
pub mod trunk;
