//! ADAPTER. Where the customer is: `embedded` (here, with nobody outside to tell) and Qontak's omnichannel chat. Implements
//! `actors::outside::Counterpart` for any company whose rooms live elsewhere (`qontak`), and understands what is told from there
//! (`inbound`, `hearing`). What is publicly known of the vendor's API stands in the project's `qontak-api.md`; comments here name
//! its sections. Must never decide what a room may do: that is `catalog`'s.

pub mod echo;
pub mod hearing;
pub mod inbound;
mod qontak;
mod sourced;
#[cfg(test)]
mod tests;

pub use qontak::{CheckProblem, CheckReport, QontakChannel};
pub use sourced::Sourced;
