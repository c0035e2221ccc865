//! Ports for servers under test, below the range the system takes its own from, so that a server that was killed finds
//! its port still free when it comes back.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u32 = 18_000;
const COUNT: u32 = 14_000;

/// The first one: where the system takes its own from lower down than is usual, lower still.
fn first() -> u32 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let lowest: Option<u32> = range.split_whitespace().next().and_then(|text| text.parse().ok());
    lowest.filter(|lowest| (COUNT + 1_024..FIRST + COUNT).contains(lowest)).map_or(FIRST, |lowest| lowest - COUNT)
}

/// A port nobody listens on at this moment. Another process may still take it first: callers try again.
pub fn free() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let (start, first) = (std::process::id().wrapping_mul(97), first());
    (0..COUNT)
        .map(|_| start.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)) % COUNT + first)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}
