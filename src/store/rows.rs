//! Rows as they are read, and what they become. Never decides anything; a row that cannot be understood is an error.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use diesel::prelude::*;
use diesel::result::Error as DbError;
use uuid::Uuid;

use super::call_keys;
use super::conn::{Conn, on_each};
use super::lag::Newest;
use super::room_rows::NewerRooms;
use super::schema::{function_calls, rooms};
use crate::actors::ports::{KnownCall, LoadedRoom, OpenCall, StoredAnswer};
use crate::room::{
    AiAgentId, CallId, CallKey, CallStatus, CompanyNo, FunctionCall, Meaning, RoomAddress, RoomId, RoomKey, Seen, Timestamp,
};

pub(super) fn unreadable(what: &'static str) -> DbError {
    DbError::DeserializationError(what.into())
}

pub(super) fn sixteen(bytes: &[u8]) -> QueryResult<[u8; 16]> {
    bytes.try_into().map_err(|_| unreadable("a key is not 16 bytes long"))
}

pub(super) fn room_key(bytes: &[u8]) -> QueryResult<RoomKey> {
    Ok(RoomKey(Uuid::from_bytes(sixteen(bytes)?)))
}

/// Action names are `&'static str` in the core. A stored name may be of an action this program no longer has, so names are kept
/// here once for ever; only names that passed the door are ever stored, which bounds the list by the catalogs' sizes.
pub(super) fn action_name(text: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(name) = names.get(text) {
        return name;
    }
    let name: &'static str = Box::leak(text.to_owned().into_boxed_str());
    names.insert(name);
    name
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = function_calls)]
pub(super) struct CallData {
    pub position: i64,
    call_key: Vec<u8>,
    call_id: String,
    tool_call_id: Option<String>,
    ai_agent: Option<String>,
    key_id: String,
    name: String,
    arguments: String,
    meaning: Vec<u8>,
    seen_epoch: Option<i64>,
    seen_seq: Option<i64>,
    status: String,
    body: String,
    at: i64,
    ended_at: Option<i64>,
    revision: Option<i64>,
}

/// A call's row, with the caller's name of its room.
#[derive(Clone, Debug)]
pub struct CallRow {
    /// Order of admission in this store; the cursor of lists.
    pub position: i64,
    /// `CallPlace::seq`; 0 where none was needed.
    pub seq: i64,
    pub room: RoomId,
    pub call: FunctionCall,
    pub status: CallStatus,
    /// One JSON object, see `StoredAnswer::body`.
    pub body: Arc<str>,
    pub at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

impl CallData {
    pub fn read(self, room: &str) -> QueryResult<CallRow> {
        Ok(CallRow {
            position: self.position,
            seq: 0,
            room: RoomId::trusted(room),
            call: FunctionCall {
                key: CallKey(sixteen(&self.call_key)?),
                call_id: CallId::trusted(&self.call_id),
                tool_call_id: self.tool_call_id.map(Arc::from),
                ai_agent: self.ai_agent.as_deref().map(AiAgentId::trusted),
                key_id: self.key_id.into(),
                name: action_name(&self.name),
                arguments: self.arguments.into(),
                meaning: Meaning(sixteen(&self.meaning)?),
                seen: Seen { epoch: self.seen_epoch, seq: self.seen_seq },
                revision: self.revision,
            },
            status: CallStatus::parse(&self.status).ok_or_else(|| unreadable("a call has an unknown status"))?,
            body: self.body.into(),
            at: Timestamp(self.at),
            ended_at: self.ended_at.map(Timestamp),
        })
    }
}

pub(super) fn load_room(conn: &mut Conn, newer: &NewerRooms, address: &RoomAddress) -> QueryResult<Option<LoadedRoom>> {
    let (company, id) = (address.company.0, address.room.as_str());
    // No `.first()`: its LIMIT makes diesel prepare the statement again each time.
    let found: Vec<(Vec<u8>, i64, Vec<u8>)> = on_each!(conn, |c| rooms::table
        .filter(rooms::company.eq(company))
        .filter(rooms::room_id.eq(id))
        .select((rooms::room_key, rooms::version, rooms::snapshot))
        .load(c))?;
    let Some((key, mut version, mut snapshot)) = found.into_iter().next() else { return Ok(None) };
    if let Some(state) = newer.get(&room_key(&key)?).filter(|state| state.version > version) {
        (version, snapshot) = (state.version, state.snapshot.to_vec());
    }
    let open: Vec<CallData> = on_each!(conn, |c| function_calls::table
        .filter(function_calls::room_key.eq(&key))
        .filter(function_calls::ended_at.is_null())
        .order(function_calls::position.asc())
        .select(CallData::as_select())
        .load(c))?;
    let open_calls = open
        .into_iter()
        .map(|row| row.read(id).map(|row| OpenCall { call: row.call, status: row.status, at: row.at }))
        .collect::<QueryResult<_>>()?;
    Ok(Some(LoadedRoom { key: room_key(&key)?, version, snapshot, open_calls }))
}

/// The rows of these keys, missing ones left out, in the order asked.
pub(super) fn find_calls(conn: &mut Conn, newest: &Newest, company: CompanyNo, keys: &[CallKey]) -> QueryResult<Vec<KnownCall>> {
    let mut known = Vec::with_capacity(keys.len());
    for key in keys {
        if let Some(row) = find_call(conn, newest, company, key)? {
            let address = RoomAddress { company, room: row.room };
            known.push(KnownCall { call: row.call, room: address, answer: StoredAnswer { status: row.status, body: row.body } });
        }
    }
    Ok(known)
}

pub(super) fn find_call(conn: &mut Conn, newest: &Newest, company: CompanyNo, key: &CallKey) -> QueryResult<Option<CallRow>> {
    let Some(&position) = call_keys::positions(conn, &newest.keys, std::slice::from_ref(key))?.first() else { return Ok(None) };
    let found: Vec<(CallData, String)> = on_each!(conn, |c| function_calls::table
        .inner_join(rooms::table.on(rooms::room_key.eq(function_calls::room_key)))
        .filter(function_calls::position.eq(position))
        .filter(function_calls::company.eq(company.0))
        .select((CallData::as_select(), rooms::room_id))
        .load(c))?;
    found.into_iter().next().map(|(row, room)| row.read(&room)).transpose()
}
