//! ADAPTER. Where the customer is: `embedded` (here, with nobody outside to tell) and Qontak's omnichannel chat. Implements
//! `actors::outside::Counterpart` for any company whose rooms live elsewhere.

pub mod hearing;
pub mod inbound;
