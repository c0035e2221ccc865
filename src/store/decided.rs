//! What a person says of an effect, told to the outbox in the commit in which it becomes true for the room: its open parts are
//! over, so that they claim nothing and nobody waits for what was decided.

use diesel::prelude::*;

use super::conn::PgConn;
use super::group_pg::clean;
use super::schema::{effect_parts, effects};
use crate::actors::ports::DecidedEffect;
use crate::room::CallStatus;

/// What a part leaves behind of which a person says that it was done (JSON).
pub(super) const BY_HAND: &str = "{}";

macro_rules! tell {
    ($name:ident, $conn:ty) => {
        /// Within the transaction that is under way. An effect without a row is not known to the outbox and needs none.
        pub(super) fn $name(c: &mut $conn, decided: &DecidedEffect) -> QueryResult<()> {
            let key = &decided.key.0[..];
            let settlement = serde_json::to_string(&decided.settlement)
                .map_err(|error| diesel::result::Error::SerializationError(error.into()))?;
            diesel::update(effects::table.filter(effects::call_key.eq(key)))
                .set((effects::settlement.eq(clean(&settlement)), effects::settled_at.eq(decided.at.0)))
                .execute(c)?;
            let open = effect_parts::table.filter(effect_parts::call_key.eq(key)).filter(effect_parts::ended_at.is_null());
            if decided.settlement.status != CallStatus::Succeeded {
                diesel::update(open).set(effect_parts::idle.eq(true)).execute(c)?;
                return Ok(());
            }
            let over = |record: &str| {
                (
                    effect_parts::record.eq(clean(record).into_owned()),
                    effect_parts::answer.eq(BY_HAND),
                    effect_parts::ended_at.eq(decided.at.0),
                    effect_parts::idle.eq(false),
                )
            };
            let record = decided.record.as_deref().unwrap_or_default();
            diesel::update(open.filter(effect_parts::name.eq(decided.part))).set(over(record)).execute(c)?;
            diesel::update(open).set(over("")).execute(c)?;
            Ok(())
        }
    };
}

tell!(tell_sqlite, SqliteConnection);
tell!(tell_pg, PgConn);
