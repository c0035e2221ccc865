//! What a room costs that nobody talks to: its memory while it is awake, and the time to wake it. A report, not a sample.

use std::fs;
use std::time::{Duration, Instant};

use bellhop::actors::Passivated;
use bellhop::room::Command;

use super::{World, material};

const ROOMS: usize = 100_000;

pub async fn report() {
    let world = World::with_rooms(0).await;
    for room in 0..ROOMS {
        let address = material::address(room);
        world.tell(&address, material::describe()).await;
        assert_eq!(world.router.passivate(&address), Passivated::Asleep);
    }
    tokio::task::yield_now().await;
    // What the store holds of them is in both figures, so only the actors are in the difference.
    let asleep = resident_bytes();
    let first = nudge_all(&world).await;
    assert_eq!(world.router.live_rooms(), ROOMS);
    let awake = resident_bytes();
    let second = nudge_all(&world).await;
    let begin = Instant::now();
    for room in 0..ROOMS {
        assert_eq!(world.router.passivate(&material::address(room)), Passivated::Asleep);
    }
    tokio::task::yield_now().await;
    let to_sleep = begin.elapsed();
    let each = |time: Duration| time.as_secs_f64() * 1e6 / ROOMS as f64;
    eprintln!(
        "idle: {ROOMS} rooms hold {:.0} bytes each while awake; a command to an awake room takes {:.1} us, to a sleeping one \
         {:.1} us; putting one to sleep {:.1} us",
        (awake - asleep) / ROOMS as f64,
        each(second),
        each(first),
        each(to_sleep)
    );
}

/// A command that changes nothing, to each room after the other.
async fn nudge_all(world: &World) -> Duration {
    let begin = Instant::now();
    for room in 0..ROOMS {
        world.tell(&material::address(room), Command::Nudge).await;
    }
    begin.elapsed()
}

fn resident_bytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().map_or(f64::NAN, |kib| kib * 1_024.0)
}
