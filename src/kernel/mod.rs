//! The ground floor: identifiers, time, chance, the database, the bus, limits, lifecycle.
//!
//! Nothing here imports another folder of this crate; everything else may import this one.

pub mod bus;
pub mod clock;
pub mod db;
pub mod fold;
pub mod ids;
pub mod lifecycle;
pub mod problem;
pub mod telemetry;
pub mod time;
