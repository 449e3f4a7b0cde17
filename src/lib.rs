//! Madoguchi (窓口): one program that runs a consultation desk.
//!
//! The rooms, the arrows between them and the walkthroughs stand in `docs/ARCHITECTURE.md`.

pub mod admin;
pub mod app;
pub mod chat;
pub mod cli;
pub mod config;
pub mod desk;
pub mod kernel;
pub mod language;
pub mod media;
pub mod phone;
pub mod routing;
pub mod security;
pub mod texts;
pub mod tickets;
pub mod web;
