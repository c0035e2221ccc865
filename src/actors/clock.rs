//! Time, and the one task per process that brings due timers to their rooms. A timer is a row; this only reads them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use futures_util::stream;

use crate::room::{Cause, Command, CompanyNo, RoomAddress, RoomKey, Timestamp};

use super::messages::CommandReply;
use super::ports::{Clock, DueTimer, TimerKind, TimerPlace};
use super::rosters::start_rosters;
use super::router::{Inner, RoomRouter};

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

/// How many due timers are read at once.
const TIMERS_AT_ONCE: usize = 256;
/// So many slices of them at one look; the next look goes on behind them.
const SLICES: usize = 16;
/// A timer set by a room of this process is seen at the latest after this time.
const LONGEST_LOOK_AWAY: Duration = Duration::from_millis(250);
/// Rooms that are woken at once after a start. The write lane's queue may be short.
const WOKEN_AT_ONCE: usize = 32;
/// Longest pause before a room that could not be woken is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A timer that was brought and is still there is brought again after this time.
const REPEAT_AFTER_MS: i64 = 2_000;

/// Brings every due timer to its room, wakes the rooms of a lane that died and replaces rosters that did, until the process
/// ends.
pub async fn bring_timers(router: RoomRouter) {
    actix::spawn(start_rosters(router.clone()));
    let (mut due, mut resuming) = (Due::default(), None::<tokio::task::JoinHandle<()>>);
    loop {
        if let Err(why) = due.look(&router).await {
            tracing::warn!(%why, "the timers cannot be read");
        }
        router.0.rosters.revive(&router.0);
        if router.0.lanes.take_deaths() {
            // One that is still at it would only do the same again.
            if let Some(before) = resuming.replace(actix::spawn(resume_open_calls(router.clone()))) {
                before.abort();
            }
        }
        tokio::time::sleep(LONGEST_LOOK_AWAY).await;
    }
}

/// What is due, look after look. **Invariant:** timers that stay due, whatever holds them, are walked past: no number of them
/// keeps another from being brought.
#[derive(Default)]
struct Due {
    /// And when.
    brought: HashMap<TimerPlace, Timestamp>,
    /// Where the last look ended; `None`: it saw all.
    after: Option<TimerPlace>,
}

impl Due {
    async fn look(&mut self, router: &RoomRouter) -> Result<(), Arc<str>> {
        let now = router.now();
        let mut unread: HashSet<CompanyNo> = HashSet::new();
        self.brought.retain(|_, at| now.ms_since(*at) < REPEAT_AFTER_MS);
        for _ in 0..SLICES {
            let due = router.0.memory.due_timers(now, self.after, i64::try_from(TIMERS_AT_ONCE).unwrap_or(i64::MAX)).await?;
            self.after = due.last().map(DueTimer::place).filter(|_| due.len() >= TIMERS_AT_ONCE);
            for timer in due {
                if unread.contains(&timer.room.company) || self.brought.insert(timer.place(), now).is_some() {
                    continue;
                }
                if router.company(timer.room.company).await.is_err() {
                    unread.insert(timer.room.company);
                    continue;
                }
                bring(router, timer);
            }
            if self.after.is_none() {
                break;
            }
        }
        Ok(())
    }
}

fn bring(router: &RoomRouter, timer: DueTimer) {
    let command = match timer.kind {
        TimerKind::Snooze => Command::Wake,
        // One that is none is judged as well, and then set right.
        TimerKind::Offer => Command::OfferOverdue { assignment: timer.cause.parse().unwrap_or_default() },
        TimerKind::Barrier => Command::BarrierOverdue,
        TimerKind::Approval => Command::ApprovalOverdue,
        TimerKind::Idle => Command::PersonIdle,
        TimerKind::Silence => Command::PersonSilent,
        TimerKind::Typing => Command::TypingOver,
    };
    router.0.notify(&timer.room, command, Cause::Timer(timer.kind.as_str()));
}

/// Wakes every room that has open calls and has it hand over what is open, some at once: after a start, and when a lane died.
/// Nobody else comes back for them, so a room that could not hear it is tried again until it did.
pub async fn resume_open_calls(router: RoomRouter) {
    let (mut after, mut left): (Option<RoomKey>, Vec<RoomAddress>) = (None, vec![]);
    loop {
        let slice = i64::try_from(TIMERS_AT_ONCE).unwrap_or(i64::MAX);
        match router.0.memory.rooms_with_open_calls(after, slice).await {
            Ok(rooms) if rooms.is_empty() => break,
            Ok(rooms) => {
                after = rooms.last().map(|(key, _)| *key);
                left.extend(not_woken(&router, rooms.into_iter().map(|(_, room)| room).collect()).await);
            }
            Err(why) => {
                tracing::warn!(%why, "the rooms with open calls cannot be read");
                tokio::time::sleep(LONGEST_LOOK_AWAY).await;
            }
        }
    }
    let mut pause = LONGEST_LOOK_AWAY;
    while !left.is_empty() {
        tracing::warn!(rooms = left.len(), "rooms with open calls could not be woken and are tried again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        left = not_woken(&router, left).await;
    }
}

/// Wakes these rooms; those that could not hear it now.
async fn not_woken(router: &RoomRouter, rooms: Vec<RoomAddress>) -> Vec<RoomAddress> {
    let woken = stream::iter(rooms).map(|room| async {
        let heard = router.company(room.company).await.is_ok() && is_heard(router.0.nudge(&room, "start")).await;
        (!heard).then_some(room)
    });
    woken.buffer_unordered(WOKEN_AT_ONCE).filter_map(std::future::ready).collect().await
}

type Answer = Option<tokio::sync::oneshot::Receiver<CommandReply>>;

/// Whether the room has loaded and gone on. A room that is none has nothing to go on with.
async fn is_heard(answer: Answer) -> bool {
    let Some(answer) = answer else { return false };
    matches!(answer.await, Ok(CommandReply::Done { .. } | CommandReply::Refused { .. }))
}

impl Inner {
    /// Wakes the room, as often as it takes until it has heard it; `why` is a timer's name.
    pub(super) fn insist(self: &Arc<Self>, room: &RoomAddress, why: &'static str) {
        let (inner, room, mut answer) = (self.clone(), room.clone(), self.nudge(room, why));
        actix::spawn(async move {
            let mut pause = LONGEST_LOOK_AWAY;
            while !is_heard(answer.take()).await && !inner.is_closing() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                answer = inner.nudge(&room, why);
            }
        });
    }
}
