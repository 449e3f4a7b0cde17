//! The engine beside a naive model under random inputs, and the law of its cost.

mod cost;
mod driver;
mod model;
mod random;
