//! Time, and the one task per process that brings due timers to their rooms. A timer is a row; this only reads them.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::room::{Cause, Command, RoomAddress, RoomKey, Timestamp};

use super::ports::{Clock, DueTimer, TimerKind};
use super::rosters::start_rosters;
use super::router::RoomRouter;

/// The machine's clock, held back when it jumps backwards.
#[derive(Debug, Default)]
pub struct SystemClock(AtomicI64);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let us =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
        Timestamp(self.0.fetch_max(us, Ordering::AcqRel).max(us))
    }
}

/// How many due timers are brought at once.
const TIMERS_AT_ONCE: i64 = 256;
/// A timer set by a room of this process is seen at the latest after this time.
const LONGEST_LOOK_AWAY: Duration = Duration::from_millis(250);
/// So often a company is asked for before its room is passed over: a minute.
const COMPANY_TRIES: u32 = 240;
/// A timer that was brought and is still there is brought again after this time.
const REPEAT_AFTER_MS: i64 = 2_000;

/// Brings every due timer to its room, wakes the rooms of a lane that died and replaces rosters that did, until the process
/// ends.
pub async fn bring_timers(router: RoomRouter) {
    actix::spawn(start_rosters(router.clone()));
    let mut brought: std::collections::HashMap<(crate::room::RoomAddress, TimerKind, Timestamp), Timestamp> = Default::default();
    loop {
        let now = router.now();
        match router.0.memory.due_timers(now, TIMERS_AT_ONCE).await {
            Ok(due) => {
                brought.retain(|_, at| now.ms_since(*at) < REPEAT_AFTER_MS);
                for timer in due {
                    if brought.insert((timer.room.clone(), timer.kind, timer.due), now).is_none() {
                        bring(&router, timer).await;
                    }
                }
            }
            Err(why) => tracing::warn!(%why, "the timers cannot be read"),
        }
        router.0.rosters.revive(&router.0);
        if router.0.lanes.take_deaths() {
            actix::spawn(resume_open_calls(router.clone()));
        }
        tokio::time::sleep(LONGEST_LOOK_AWAY).await;
    }
}

async fn bring(router: &RoomRouter, timer: DueTimer) {
    let command = match timer.kind {
        TimerKind::Snooze => Command::Wake,
        TimerKind::Offer => match timer.cause.parse() {
            Ok(assignment) => Command::OfferOverdue { assignment },
            Err(_) => return,
        },
        TimerKind::Barrier => Command::BarrierOverdue,
        TimerKind::Approval => Command::ApprovalOverdue,
        TimerKind::Idle => Command::PersonIdle,
        TimerKind::Silence => Command::PersonSilent,
        TimerKind::Typing => Command::TypingOver,
    };
    if router.company(timer.room.company).await.is_ok() {
        router.0.notify(&timer.room, command, Cause::Timer(timer.kind.as_str()));
    }
}

/// Nobody comes back for a room that is passed over here, so its company is asked for again and again.
async fn is_known(router: &RoomRouter, room: &RoomAddress) -> bool {
    for _ in 0..COMPANY_TRIES {
        match router.company(room.company).await {
            Ok(_) => return true,
            Err(why) => tracing::warn!(%why, "a company cannot be read"),
        }
        tokio::time::sleep(LONGEST_LOOK_AWAY).await;
    }
    tracing::error!(room = %room.room, "a room with open calls was not woken: its company cannot be read");
    false
}

/// Wakes every room that has open calls and has it hand over what is open, a slice at a time: after a start, and when a lane died.
pub async fn resume_open_calls(router: RoomRouter) {
    let mut after: Option<RoomKey> = None;
    loop {
        match router.0.memory.rooms_with_open_calls(after, TIMERS_AT_ONCE).await {
            Ok(rooms) if rooms.is_empty() => return,
            Ok(rooms) => {
                for (key, room) in rooms {
                    after = Some(key);
                    if is_known(&router, &room).await {
                        router.0.notify(&room, Command::Nudge, Cause::Timer("start"));
                    }
                }
            }
            Err(why) => {
                tracing::warn!(%why, "the rooms with open calls cannot be read");
                tokio::time::sleep(LONGEST_LOOK_AWAY).await;
            }
        }
    }
}
