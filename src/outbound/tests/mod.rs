//! What the way out promises: the table of outcomes row by row, the bucket's bound over seeds, circuits and gate, the order of
//! those who wait, and the whole over real loopback sockets.

mod breaker;
mod bucket;
mod gates;
mod headers;
mod line;
mod outcome;
mod own_stream;
mod peer;
mod pressure;
mod retries;
mod sockets;
