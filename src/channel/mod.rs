//! ADAPTER. Where the customer is: `embedded` (here, with nobody outside to tell) and Qontak's omnichannel chat. Implements
//! `actors::outside::Counterpart` for any company whose rooms live elsewhere. What is publicly known of the vendor's API stands
//! in the project's `qontak-api.md`; comments here name its sections. Must never decide what a room may do: that is `catalog`'s.

mod qontak;
#[cfg(test)]
mod tests;

pub use qontak::{CheckProblem, CheckReport, QontakChannel};
