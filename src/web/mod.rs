//! The web floor: the route table, the outer middleware, the console's files, public pages, OpenAPI.

pub mod access;
pub mod console;
pub mod health;
pub mod listen;
pub mod openapi;
pub mod trace;
