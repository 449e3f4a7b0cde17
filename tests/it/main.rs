//! One binary for every story; a file for each.

// Tells clippy that helpers beside the tests are tests too: they may unwrap.
#![cfg(test)]

mod access;
mod admin;
mod agents;
mod audit;
mod board;
mod chat;
mod comeback;
mod desk;
mod fuzz;
mod language;
mod openapi;
mod pages;
mod phone_recordings;
mod phone_settings;
mod restart;
mod schema;
mod signin;
mod store;
mod support;
mod texts;
mod tickets;
mod tidy;
mod tls;
mod trunk;
mod turns;
