//! Places where a test may make an actor fail, or a debug build its whole process. In the product nothing is installed and each
//! place is one branch.

use std::sync::Arc;

use crate::room::{CallId, RoomAddress, RoomEvent};

/// Where a fault may strike.
#[derive(Clone, Debug)]
pub enum FaultPoint<'a> {
    /// Before a call is decided, inside the room's `catch_unwind`.
    Decide(&'a RoomAddress, &'a CallId),
    /// A commit with these events has landed, nobody has been told yet; outside of any `catch_unwind`.
    Landed(&'a RoomAddress, &'a [RoomEvent]),
    /// An arrow of the protocol between rooms and roster, by its name, at the roster's end (`roster_actor`).
    Roster(&'static str),
}

type Hook = dyn Fn(FaultPoint<'_>) + Send + Sync;

/// A hook that may panic.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Hook>>);

impl Faults {
    pub fn with(hook: impl Fn(FaultPoint<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    /// The process ends, as if it were killed, at an arrow of the protocol between rooms and roster: `confirmed:3` is the third
    /// passing of that arrow. `None`: that names no passing. No release build has it.
    #[cfg(debug_assertions)]
    pub fn dying(at: &str) -> Option<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};

        let (arrow, passing) = at.split_once(':')?;
        let (arrow, left) = (arrow.to_owned(), AtomicU32::new(passing.parse().ok()?));
        Some(Self::with(move |point| {
            let passed = match point {
                FaultPoint::Decide(..) => 0,
                FaultPoint::Landed(_, events) => events.iter().filter(|event| committed(event) == Some(arrow.as_str())).count(),
                FaultPoint::Roster(name) => usize::from(name == arrow),
            };
            if (0..passed).any(|_| left.fetch_sub(1, Ordering::SeqCst) == 1) {
                std::process::abort();
            }
        }))
    }

    #[inline]
    pub(super) fn strike(&self, point: FaultPoint<'_>) {
        if let Some(hook) = &self.0 {
            hook(point);
        }
    }
}

/// The arrow that leaves a room once this event is durable.
#[cfg(debug_assertions)]
fn committed(event: &RoomEvent) -> Option<&'static str> {
    use crate::room::Fact;

    match event.fact {
        Fact::RoomQueued { .. } => Some("queued_committed"),
        Fact::AgentAssigned { .. } => Some("assigned_committed"),
        Fact::ConversationResolved { .. } => Some("release_committed"),
        _ => None,
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Faults(installed)" } else { "Faults(none)" })
    }
}
