//! What is remembered of channels beside their rooms: media that were uploaded there, by the file's own address, and messages of
//! ours that the channel spoke of.

use std::sync::Arc;

use diesel::prelude::*;

use super::conn::{Conn, run};
use super::directory::Writer;
use super::group_pg::clean;
use super::schema::{channel_echoes, channel_media};
use super::url::{StoreError, describe};
use super::workers::Workers;
use crate::actors::inbox::{ChannelMemory, Echo, UploadedMedia};
use crate::actors::outside::OutsideFuture;
use crate::room::{CallKey, CompanyNo, Timestamp};

pub(super) struct StoredChannelMemory {
    pub writer: Arc<Writer>,
    pub readers: Arc<Workers>,
}

fn told(error: StoreError) -> Arc<str> {
    describe(&error).into()
}

/// Part of the transaction that keeps the webhook it stood in.
pub(super) fn keep_echo(conn: &mut Conn, company: CompanyNo, echo: &Echo, at: Timestamp) -> Result<(), StoreError> {
    run!(conn, "keeping an echo", |c| diesel::insert_into(channel_echoes::table)
        .values((
            channel_echoes::company.eq(company.0),
            channel_echoes::call_key.eq(&echo.effect.0[..]),
            channel_echoes::part.eq(i64::from(echo.part)),
            channel_echoes::message_id.eq(clean(&echo.message_id)),
            channel_echoes::heard_at.eq(at.0),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(())
}

/// Which message of ours was spoken of: company, effect, part.
pub(super) type EchoKey = (i64, Vec<u8>, i64);

/// What was heard before this time, at most `limit`, longest ago first. Reads no more than that.
pub(super) fn old_echoes(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<Vec<EchoKey>, StoreError> {
    Ok(run!(conn, "reading old echoes", |c| channel_echoes::table
        .filter(channel_echoes::heard_at.lt(before.0))
        .order(channel_echoes::heard_at.asc())
        .limit(limit)
        .select((channel_echoes::company, channel_echoes::call_key, channel_echoes::part))
        .load(c))?)
}

pub(super) fn forget_echoes(conn: &mut Conn, old: &[EchoKey]) -> Result<(), StoreError> {
    conn.transaction(|conn| {
        for (company, call_key, part) in old {
            let row = channel_echoes::table.find((*company, &call_key[..], *part));
            run!(conn, "forgetting an echo", |c| diesel::delete(row).execute(c))?;
        }
        Ok(())
    })
}

impl ChannelMemory for StoredChannelMemory {
    fn echo(&self, company: CompanyNo, effect: CallKey, part: u32) -> OutsideFuture<'_, Option<String>> {
        Box::pin(async move {
            let read = self.readers.run(move |conn| {
                let found: Vec<String> = run!(conn, "looking for an echo", |c| channel_echoes::table
                    .filter(channel_echoes::company.eq(company.0))
                    .filter(channel_echoes::call_key.eq(&effect.0[..]))
                    .filter(channel_echoes::part.eq(i64::from(part)))
                    .select(channel_echoes::message_id)
                    .load(c))?;
                Ok(found.into_iter().next())
            });
            read.await.map_err(told)
        })
    }

    fn media<'a>(&'a self, company: CompanyNo, account: &'a str, sha256: &'a str) -> OutsideFuture<'a, Option<UploadedMedia>> {
        let (account, sha256) = (account.to_owned(), sha256.to_owned());
        Box::pin(async move {
            let read = self.readers.run(move |conn| {
                let found: Vec<(String, i64)> = run!(conn, "looking for uploaded media", |c| channel_media::table
                    .filter(channel_media::company.eq(company.0))
                    .filter(channel_media::account.eq(&account))
                    .filter(channel_media::sha256.eq(&sha256))
                    .select((channel_media::media_id, channel_media::uploaded_at))
                    .load(c))?;
                Ok(found.into_iter().next().map(|(id, at)| UploadedMedia { id, uploaded_at: Timestamp(at) }))
            });
            read.await.map_err(told)
        })
    }

    fn keep_media<'a>(
        &'a self,
        company: CompanyNo,
        account: &'a str,
        sha256: &'a str,
        media: &'a UploadedMedia,
    ) -> OutsideFuture<'a, ()> {
        let (account, sha256) = (account.to_owned(), sha256.to_owned());
        let (id, at) = (clean(&media.id).into_owned(), media.uploaded_at.0);
        Box::pin(async move {
            let work = move |conn: &mut Conn| {
                let values = (channel_media::media_id.eq(&id), channel_media::uploaded_at.eq(at));
                let place = (
                    channel_media::company.eq(company.0),
                    channel_media::account.eq(&account),
                    channel_media::sha256.eq(&sha256),
                );
                run!(conn, "keeping uploaded media", |c| diesel::insert_into(channel_media::table)
                    .values((place, values))
                    .on_conflict((channel_media::company, channel_media::account, channel_media::sha256))
                    .do_update()
                    .set(values)
                    .execute(c))?;
                Ok(())
            };
            self.writer.run(work).await.map_err(told)
        })
    }

    fn forget_media<'a>(&'a self, company: CompanyNo, account: &'a str, sha256: &'a str, id: &'a str) -> OutsideFuture<'a, ()> {
        let [account, sha256, id] = [account, sha256, id].map(str::to_owned);
        Box::pin(async move {
            let work = move |conn: &mut Conn| {
                let row = channel_media::table
                    .filter(channel_media::company.eq(company.0))
                    .filter(channel_media::account.eq(&account))
                    .filter(channel_media::sha256.eq(&sha256))
                    .filter(channel_media::media_id.eq(&id));
                run!(conn, "forgetting uploaded media", |c| diesel::delete(row).execute(c))?;
                Ok(())
            };
            self.writer.run(work).await.map_err(told)
        })
    }
}
