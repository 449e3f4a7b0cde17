//! Canned texts: prepared answers in several languages, with placeholders.

pub mod http;
