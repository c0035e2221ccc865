//! The inbox's rows: how a webhook is kept once, read in order, and marked done together with what the channel said last about
//! its room. Every write here may be repeated; none knows what is in a webhook.

use diesel::prelude::*;

use super::channel_memory::keep_echo;
use super::conn::{Conn, run};
use super::group_pg::clean;
use super::schema::{channel_rooms, inbox};
use super::url::StoreError;
use crate::actors::inbox::{Done, InboxRow, Letter};
use crate::room::{ChannelKind, CompanyNo, RoomAddress, RoomId, Timestamp};

pub(super) enum Write {
    Append(Letter),
    Done(Done),
}

/// All of `writes` in one transaction, or nothing; true for each that was not there before.
pub(super) fn write(conn: &mut Conn, writes: &[Write]) -> Result<Vec<bool>, StoreError> {
    conn.transaction(|conn| writes.iter().map(|write| one(conn, write)).collect())
}

fn one(conn: &mut Conn, write: &Write) -> Result<bool, StoreError> {
    match write {
        Write::Append(letter) => append(conn, letter),
        Write::Done(done) => mark(conn, done),
    }
}

fn append(conn: &mut Conn, letter: &Letter) -> Result<bool, StoreError> {
    let room = letter.room.as_ref().map_or("", RoomId::as_str);
    let made = run!(conn, "keeping a webhook", |c| diesel::insert_into(inbox::table)
        .values((
            inbox::company.eq(letter.company.0),
            inbox::source.eq(letter.source.as_str()),
            inbox::dedupe_key.eq(&letter.key[..]),
            inbox::room_id.eq(clean(room)),
            inbox::body.eq(clean(&letter.body)),
            inbox::received_at.eq(letter.received_at.0),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    if let Some(echo) = &letter.echo {
        keep_echo(conn, letter.company, echo, letter.received_at)?;
    }
    Ok(made > 0)
}

fn mark(conn: &mut Conn, done: &Done) -> Result<bool, StoreError> {
    let row = inbox::table.filter(inbox::position.eq(done.position)).filter(inbox::done_at.is_null());
    let marked = run!(conn, "marking a webhook done", |c| diesel::update(row).set(inbox::done_at.eq(done.at.0)).execute(c))?;
    if let Some((room, known)) = &done.known {
        let (id, known) = (clean(room.room.as_str()), clean(known));
        run!(conn, "keeping what a channel said", |c| diesel::insert_into(channel_rooms::table)
            .values((
                channel_rooms::company.eq(room.company.0),
                channel_rooms::room_id.eq(&*id),
                channel_rooms::known.eq(&*known)
            ))
            .on_conflict((channel_rooms::company, channel_rooms::room_id))
            .do_update()
            .set(channel_rooms::known.eq(&*known))
            .execute(c))?;
    }
    Ok(marked > 0)
}

/// Not done yet, oldest first.
pub(super) fn waiting(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<InboxRow>, StoreError> {
    type Row = (i64, i64, String, String, String, i64);
    let found: Vec<Row> = run!(conn, "reading the inbox", |c| inbox::table
        .filter(inbox::done_at.is_null())
        .filter(inbox::position.gt(after))
        .order(inbox::position.asc())
        .limit(limit)
        .select((inbox::position, inbox::company, inbox::source, inbox::room_id, inbox::body, inbox::received_at))
        .load(c))?;
    let row = |(position, company, source, room, body, received_at): Row| InboxRow {
        position,
        company: CompanyNo(company),
        source: ChannelKind::parse(&source).unwrap_or_default(),
        room: (!room.is_empty()).then(|| RoomId::trusted(&room)),
        body: body.into(),
        received_at: Timestamp(received_at),
        emails: vec![],
    };
    Ok(found.into_iter().map(row).collect())
}

pub(super) fn known(conn: &mut Conn, room: &RoomAddress) -> Result<Option<String>, StoreError> {
    let id = clean(room.room.as_str());
    let found: Vec<String> = run!(conn, "reading what a channel said", |c| channel_rooms::table
        .filter(channel_rooms::company.eq(room.company.0))
        .filter(channel_rooms::room_id.eq(&*id))
        .select(channel_rooms::known)
        .load(c))?;
    Ok(found.into_iter().next())
}

/// Removes what was done before this time, at most `limit`, longest done first; answers how many. The newest stays in any case:
/// a number is never used for two webhooks. Reads no more than it removes.
pub(super) fn forget(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<usize, StoreError> {
    conn.transaction(|conn| {
        let newest: Option<i64> =
            run!(conn, "reading the inbox", |c| inbox::table.select(diesel::dsl::max(inbox::position)).get_result(c))?;
        let old: Vec<i64> = run!(conn, "reading the inbox", |c| inbox::table
            .filter(inbox::position.ne(newest.unwrap_or_default()))
            .filter(inbox::done_at.lt(before.0))
            .order(inbox::done_at.asc())
            .limit(limit)
            .select(inbox::position)
            .load(c))?;
        run!(conn, "emptying the inbox", |c| diesel::delete(inbox::table.filter(inbox::position.eq_any(&old))).execute(c))
    })
}
