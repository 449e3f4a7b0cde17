//! The engine beside a naive model under random inputs.

mod driver;
mod model;
mod random;
