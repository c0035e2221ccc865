//! `Inbox` over the database: webhooks share transactions, and each is answered only when it is durable.

use std::sync::Arc;

use tokio::sync::Notify;

use super::channel_memory::{forget_echoes, old_echoes};
use super::directory::Writer;
use super::gather::{Bounds, Desk};
use super::inbox_rows::{self, Write};
use super::sent;
use super::url::{StoreError, describe};
use super::workers::Workers;
use crate::actors::inbox::{Done, Inbox, InboxRow, Letter, Overheard};
use crate::actors::outside::OutsideFuture;
use crate::room::delivery::{Delivery, DeliveryWord};
use crate::room::{RoomAddress, Timestamp};

const BOUNDS: Bounds = Bounds { waiting: 8_192, per_group: 256 };
/// Old webhooks removed in one transaction: the journal waits behind it.
const FORGOTTEN_AT_ONCE: i64 = 256;

pub(super) struct StoredInbox {
    desk: Arc<Desk<Write, bool>>,
    writer: Arc<Writer>,
    readers: Arc<Workers>,
    bell: Arc<Notify>,
}

impl StoredInbox {
    pub fn new(writer: Arc<Writer>, readers: Arc<Workers>) -> Self {
        let desk = Arc::new(Desk::new(Arc::clone(&writer), BOUNDS, inbox_rows::write));
        Self { desk, writer, readers, bell: Arc::default() }
    }
}

impl StoredInbox {
    /// Whoever would have looked for them has ended long since. Looked for beside the journal, not in its way.
    async fn forget_echoes(&self, before: Timestamp) -> Result<(), StoreError> {
        let old = self.readers.run(move |conn| old_echoes(conn, before, FORGOTTEN_AT_ONCE)).await?;
        if old.is_empty() { Ok(()) } else { self.writer.run(move |conn| forget_echoes(conn, &old)).await }
    }
}

fn told(error: StoreError) -> Arc<str> {
    describe(&error).into()
}

impl Inbox for StoredInbox {
    fn append(&self, letter: Letter) -> OutsideFuture<'_, bool> {
        let written = self.desk.put(Write::Append(letter));
        Box::pin(async move {
            let new = written.await?;
            if new {
                self.bell.notify_one();
            }
            Ok(new)
        })
    }

    fn waiting(&self, after: i64, limit: i64) -> OutsideFuture<'_, Vec<InboxRow>> {
        Box::pin(async move { self.readers.run(move |conn| inbox_rows::waiting(conn, after, limit)).await.map_err(told) })
    }

    fn known<'a>(&'a self, room: &'a RoomAddress) -> OutsideFuture<'a, Option<String>> {
        let room = room.clone();
        Box::pin(async move { self.readers.run(move |conn| inbox_rows::known(conn, &room)).await.map_err(told) })
    }

    fn sent<'a>(&'a self, room: &'a RoomAddress, word: &'a DeliveryWord) -> OutsideFuture<'a, Option<Delivery>> {
        let (room, word) = (room.clone(), word.clone());
        Box::pin(async move { self.readers.run(move |conn| sent::find(conn, &room, &word)).await.map_err(told) })
    }

    fn proven<'a>(&'a self, room: &'a RoomAddress, message: &'a Overheard) -> OutsideFuture<'a, Option<DeliveryWord>> {
        let (room, message) = (room.clone(), message.clone());
        Box::pin(async move { self.readers.run(move |conn| sent::proven(conn, &room, &message)).await.map_err(told) })
    }

    fn done(&self, done: Done) -> OutsideFuture<'_, ()> {
        let written = self.desk.put(Write::Done(done));
        Box::pin(async move { written.await.map(|_| ()) })
    }

    fn forget(&self, before: Timestamp) -> OutsideFuture<'_, usize> {
        let work = move |conn: &mut super::conn::Conn| inbox_rows::forget(conn, before, FORGOTTEN_AT_ONCE);
        Box::pin(async move {
            self.forget_echoes(before).await.map_err(told)?;
            self.writer.run(work).await.map_err(told)
        })
    }

    fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }
}
