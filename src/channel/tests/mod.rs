//! The adapter against the real stand-in, over sockets: what the channel itself shows afterwards is what counts.

mod assigns;
mod doubts;
mod hooks;
mod resolves;
mod scene;
mod tags;
