//! Places where a test may make an actor fail. In the product nothing is installed and each place is one branch.

use std::sync::Arc;

use crate::room::{CallId, RoomAddress};

/// Where a fault may strike.
#[derive(Clone, Debug)]
pub enum FaultPoint<'a> {
    /// Before a call is decided, inside the room's `catch_unwind`.
    Decide(&'a RoomAddress, &'a CallId),
    /// A commit has landed, nobody has been told yet; outside of any `catch_unwind`.
    Landed(&'a RoomAddress),
}

/// A hook that may panic.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<dyn Fn(FaultPoint<'_>) + Send + Sync>>);

impl Faults {
    pub fn with(hook: impl Fn(FaultPoint<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    #[inline]
    pub(super) fn strike(&self, point: FaultPoint<'_>) {
        if let Some(hook) = &self.0 {
            hook(point);
        }
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Faults(installed)" } else { "Faults(none)" })
    }
}
