//! SHELL. Who acts and in what order.

pub mod ports;
pub mod room_actor;
