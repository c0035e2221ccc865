//! Which durable timers a step sets or clears: what the room waits for before it and after it, compared.

use crate::catalog::fence;
use crate::room::{Command, Lifecycle, ParkedOn, Room, Timestamp, hand_over};

use super::super::ports::{TimerChange, TimerKind};
use super::{OFFER_PATIENCE_MS, Turn};

/// A timer that was brought, changed nothing and would still be due is brought again after this time.
const AGAIN_MS: i64 = 60_000;

/// When a timer is due, and what tells two of a kind apart.
type Due = Option<(Timestamp, String)>;

impl Turn<'_> {
    /// The timers this step sets or clears.
    pub fn timers(&self) -> Vec<TimerChange> {
        TimerKind::ALL.into_iter().filter_map(|kind| self.change(kind)).collect()
    }

    fn change(&self, kind: TimerKind) -> Option<TimerChange> {
        if self.judged.contains(&kind) {
            return Some(self.set_right(kind));
        }
        match (self.due(kind, self.before), self.due(kind, &self.room)) {
            (before, Some((due, cause))) if before.as_ref().is_none_or(|(was, known)| (*was, known) != (due, &cause)) => {
                Some(TimerChange::Set { kind, due, cause })
            }
            (Some(_), None) => Some(TimerChange::Clear { kind }),
            _ => None,
        }
    }

    /// What a timer's row shall say after it was brought. The row may be older than the present settings, which is all that
    /// `change` compares under.
    fn set_right(&self, kind: TimerKind) -> TimerChange {
        match (self.due(kind, self.before), self.due(kind, &self.room)) {
            (_, None) => TimerChange::Clear { kind },
            (before, Some((due, cause))) => {
                let stuck = due <= self.ground.now && before.as_ref().is_some_and(|(was, known)| (*was, known) == (due, &cause));
                let due = if stuck { self.ground.now.plus_ms(AGAIN_MS) } else { due };
                TimerChange::Set { kind, due, cause }
            }
        }
    }

    fn due(&self, kind: TimerKind, room: &Room) -> Due {
        let people = &self.ground.company.settings.people;
        let later = |since: Timestamp, s: u32| (s > 0).then(|| (since.plus_ms(i64::from(s) * 1_000), since.0.to_string()));
        let staffed = room.staffed.as_ref().filter(|_| room.assignee().is_some());
        match kind {
            TimerKind::Snooze => match room.lifecycle {
                Lifecycle::Snoozed { until } => Some((until, until.0.to_string())),
                _ => None,
            },
            TimerKind::Offer => {
                let parked = room.parked.iter().find(|parked| parked.on == ParkedOn::Offer)?;
                let assignment = room.wanted()?.assignment.to_string();
                Some((parked.since.plus_ms(OFFER_PATIENCE_MS), assignment))
            }
            TimerKind::Barrier => {
                let barrier = room.barrier.as_ref().filter(|barrier| !barrier.lifted)?;
                Some((barrier.until, barrier.call_id.to_string()))
            }
            TimerKind::Approval => {
                let waiting = room.parked.iter().filter(|parked| parked.on == ParkedOn::Approval);
                later(waiting.map(|parked| parked.since).min()?, people.approval_expires_s)
            }
            TimerKind::Idle => {
                let here = room.reassigning.is_none() && !self.ground.company.tells_channel(room);
                later(staffed.filter(|_| here)?.awaited_since?, people.idle_reassign_s)
            }
            TimerKind::Typing => {
                let waiting = room.parked.iter().filter(|parked| parked.on == ParkedOn::Typing);
                let longest = waiting.map(|parked| parked.since).min()?.plus_ms(fence::LONGEST_HOLD_MS);
                let due = room.typing_until.map_or(longest, |until| until.min(longest));
                Some((due, due.0.to_string()))
            }
            TimerKind::Silence if hand_over::stays_with_people(room, self.ground.company) => None,
            TimerKind::Silence => later(staffed?.active_at, people.return_to_bot_after_s),
        }
    }
}

/// Which timer's word it is.
pub(super) fn of(command: &Command) -> Option<TimerKind> {
    Some(match command {
        Command::Wake => TimerKind::Snooze,
        Command::OfferOverdue { .. } => TimerKind::Offer,
        Command::BarrierOverdue => TimerKind::Barrier,
        Command::ApprovalOverdue => TimerKind::Approval,
        Command::PersonIdle => TimerKind::Idle,
        Command::PersonSilent => TimerKind::Silence,
        Command::TypingOver => TimerKind::Typing,
        _ => return None,
    })
}
