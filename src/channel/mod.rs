//! ADAPTER. Where the customer is: `embedded` (here, with nobody outside to tell), Qontak's omnichannel chat, and WhatsApp's Cloud
//! API. `channels` implements `actors::outside::Counterpart` for any company by the kind that is set for it (`qontak`,
//! `whatsapp_cloud`; `closing` is what both do with a closing message), and understands what is told from there (`inbound` and `hearing` for Qontak). What is publicly known of
//! Qontak's API stands in the project's `qontak-api.md`; comments here name its sections. Must never decide what a room may do:
//! that is `catalog`'s.

pub mod channels;
mod closing;
pub mod echo;
mod first_looks;
pub mod hearing;
pub mod inbound;
mod qontak;
mod sourced;
#[cfg(test)]
mod tests;
mod whatsapp_cloud;

pub use channels::{ChannelEars, Channels, Signatures};
pub use qontak::{CheckReport, QontakChannel};
pub use sourced::{Sourced, SourcedParts};
pub use whatsapp_cloud::WhatsappCloud;
