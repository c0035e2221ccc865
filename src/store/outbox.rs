//! `Outbox` over the database. Writes that come while one is under way share the next transaction, so that many lanes cost the
//! journal no more turns than one; each is answered only after that transaction is durable.

use std::sync::Arc;

use super::directory::Writer;
use super::gather::{Bounds, Desk};
use super::outbox_rows::{self, Told, Write};
use super::url::{StoreError, describe};
use super::workers::Workers;
use crate::actors::outside::{Claim, EffectJob, Outbox, OutsideFuture, Part, PartDone, Recalled, Started};
use crate::room::{CallKey, CompanyNo, Settlement, Timestamp};

/// Lanes have few writes under way each, so only a store that stands still comes to the first; behind the second the journal waits.
const BOUNDS: Bounds = Bounds { waiting: 8_192, per_group: 128 };

pub(super) struct StoredOutbox {
    desk: Arc<Desk<Write, Told>>,
    readers: Arc<Workers>,
}

impl StoredOutbox {
    /// `owner`: this process's epoch; without one (a store that does not serve) every write is `NotOurs`.
    pub fn new(writer: Arc<Writer>, readers: Arc<Workers>, owner: Option<i64>) -> Self {
        let desk = Desk::new(writer, BOUNDS, move |conn, writes: &[Write]| outbox_rows::write(conn, owner, writes));
        Self { desk: Arc::new(desk), readers }
    }

    async fn put(&self, write: Write) -> Result<Started, Arc<str>> {
        match self.desk.put(write).await? {
            Told::Done => Ok(Started::Yes),
            Told::NotOurs => Ok(Started::NotOurs),
            Told::Void => Ok(Started::Void),
            Told::Wrong(why) => Err(why.into()),
        }
    }
}

fn told(error: StoreError) -> Arc<str> {
    describe(&error).into()
}

impl Outbox for StoredOutbox {
    fn recall(&self, effect: CallKey) -> OutsideFuture<'_, Recalled> {
        Box::pin(async move { self.readers.run(move |conn| outbox_rows::recall(conn, effect)).await.map_err(told) })
    }

    fn start<'a>(&'a self, job: &'a EffectJob, part: &'a Part, at: Timestamp) -> OutsideFuture<'a, Started> {
        Box::pin(async move { self.put(Write::start(job, part, at)?).await })
    }

    fn finish<'a>(&'a self, effect: CallKey, part: u32, done: Option<&'a PartDone>, at: Timestamp) -> OutsideFuture<'a, Started> {
        Box::pin(self.put(Write::Finish { effect, no: part, done: done.cloned(), at }))
    }

    fn settle<'a>(&'a self, job: &'a EffectJob, settlement: &'a Settlement, at: Timestamp) -> OutsideFuture<'a, Started> {
        Box::pin(async move { self.put(Write::settle(job, settlement, at)?).await })
    }

    fn claims<'a>(
        &'a self,
        company: CompanyNo,
        name: &'a str,
        record: &'a str,
        shown_name: &'a str,
        but: CallKey,
    ) -> OutsideFuture<'a, Vec<Claim>> {
        let [name, record, shown_name] = [name, record, shown_name].map(str::to_owned);
        Box::pin(async move {
            let read = self.readers.run(move |conn| outbox_rows::claims(conn, company, &name, &record, &shown_name, but));
            read.await.map_err(told)
        })
    }
}
