//! Names.
pub const PANICS: &str = "bellhop_room_panics_total";
pub const CALLS: &str = "bellhop_calls_total";
pub const CALLS_REPLAYED: &str = "bellhop_calls_replayed_total";
pub const ROOM_RESTARTS: &str = "bellhop_room_restarts_total";
pub const ROOM_ACTIVATIONS: &str = "bellhop_room_activations_total";
pub const ROOM_PASSIVATIONS: &str = "bellhop_room_passivations_total";
