//! The web floor: the route table, the outer middleware, the console's files, public pages, OpenAPI.

pub mod access;
pub mod console;
mod headers;
pub mod health;
pub mod listen;
pub mod openapi;
pub mod pages;
pub mod routes;
pub mod trace;
