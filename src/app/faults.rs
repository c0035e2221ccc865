//! Where a debug build may be told to die, so that a test sees the real process gone at a chosen place. A release build knows no
//! such place, and the variable that names it is an unknown setting there.

use crate::actors::Faults;
use crate::config::Config;

#[cfg(debug_assertions)]
pub fn faults(config: &Config) -> Faults {
    config.die_at.as_deref().and_then(Faults::dying).unwrap_or_default()
}

#[cfg(not(debug_assertions))]
pub fn faults(_: &Config) -> Faults {
    Faults::default()
}
