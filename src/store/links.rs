//! Files that were sent and may be read by their links no more. The links themselves are nowhere stored: they are signed.

use std::collections::HashSet;

use diesel::prelude::*;

use super::conn::run;
use super::directory::{Changed, Directory};
use super::open::now;
use super::queries::Queries;
use super::schema::revoked_links;
use super::url::StoreError;
use crate::room::{CallId, CompanyNo, RoomId};

impl Directory {
    /// No link to what this call sent opens any more, whoever holds one. `false`: it was so already.
    pub async fn revoke_links(&self, company: CompanyNo, room: &RoomId, call: &CallId, by: &str) -> Result<bool, StoreError> {
        let (room, call) = (room.clone(), call.clone());
        self.change(Some(company), by, move |conn| {
            let made = run!(conn, "revoking links", |c| diesel::insert_into(revoked_links::table)
                .values((
                    revoked_links::company.eq(company.0),
                    revoked_links::room_id.eq(room.as_str()),
                    revoked_links::call_id.eq(call.as_str()),
                    revoked_links::revoked_at.eq(now().0),
                ))
                .on_conflict_do_nothing()
                .execute(c))?;
            Ok(Changed::one(company, format!("links to what {call} sent revoked"), made))
        })
        .await
    }
}

impl Queries {
    /// The calls of this room whose files may be read by no link.
    pub async fn revoked_links(&self, company: CompanyNo, room: &RoomId) -> Result<HashSet<String>, StoreError> {
        let room = room.clone();
        self.ask(move |conn| {
            let found: Vec<String> = run!(conn, "reading revoked links", |c| revoked_links::table
                .filter(revoked_links::company.eq(company.0))
                .filter(revoked_links::room_id.eq(room.as_str()))
                .select(revoked_links::call_id)
                .load(c))?;
            Ok(found.into_iter().collect())
        })
        .await
    }
}
