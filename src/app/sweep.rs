//! Removes what was fetched for calls that can send it no more, and what came for a file that never was. Bytes are shared by all
//! that are equal in a company, so they are first moved aside, and go only if no row wants them then. Whoever brings bytes has
//! written a row before: either that row is seen here, and they are put back, or who brings them finds none and brings them.

use std::sync::Arc;
use std::time::Duration;

use crate::actors::outside::FetchedFiles;
use crate::actors::ports::Clock;
use crate::library::{Library, Refused};
use crate::room::Timestamp;
use crate::store::{FetchedRow, Queries};

/// Rows looked at in one read.
const AT_ONCE: i64 = 200;

pub struct Sweep {
    pub library: Arc<Library>,
    pub queries: Queries,
    pub fetched: Arc<dyn FetchedFiles>,
    pub clock: Arc<dyn Clock>,
    /// How long they are kept behind the end of their call.
    pub kept: Duration,
}

impl Sweep {
    /// Until the process ends.
    pub async fn go_on(self) {
        let mut ticks = tokio::time::interval((self.kept / 10).clamp(Duration::from_secs(1), Duration::from_secs(600)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        if let Err(why) = self.library.check_bucket().await {
            tracing::error!(event = "files.unreachable", %why, "files cannot be kept or read now; everything else goes on");
        }
        let mut after = Timestamp(0);
        loop {
            ticks.tick().await;
            if let Err(why) = self.look(&mut after).await {
                tracing::warn!(event = "fetched.unswept", why, "what was fetched cannot be removed now");
            }
        }
    }

    /// Looks at every row behind `after`, and begins with the first ones when it is called again. After one whose bytes cannot be
    /// removed it ends, and goes on behind it the next time: what somebody keeps us from removing is in no other's way.
    async fn look(&self, after: &mut Timestamp) -> Result<(), String> {
        let kept_us = i64::try_from(self.kept.as_micros()).unwrap_or(i64::MAX);
        let before = Timestamp(self.clock.now().0.saturating_sub(kept_us));
        loop {
            let rows = self.queries.fetched_files(*after, before, AT_ONCE).await.map_err(|error| error.to_string())?;
            if rows.is_empty() {
                *after = Timestamp(0);
                return Ok(());
            }
            for row in rows {
                *after = row.fetched_at;
                if row.over {
                    self.remove(&row).await?;
                }
            }
        }
    }

    /// Its bytes first: a process that dies in between finds the row again.
    async fn remove(&self, row: &FetchedRow) -> Result<(), String> {
        let FetchedRow { company, sha256, effect, .. } = row;
        let library = &self.library;
        let wanted = async || self.queries.wants_bytes(*company, sha256, *effect).await.map_err(|error| error.to_string());
        let not_now = |error: Refused| error.to_string();
        // Nobody who reads them now is to find them aside.
        let stay = library.is_there(*company, sha256).await.map_err(not_now)? && wanted().await?;
        if !stay && let Some(aside) = library.set_aside(*company, sha256).await.map_err(not_now)? {
            let done = if wanted().await? { aside.put_back().await } else { aside.remove().await };
            done.map_err(not_now)?;
        }
        self.fetched.forget(*company, *effect, sha256).await.map_err(|why| why.to_string())
    }
}
