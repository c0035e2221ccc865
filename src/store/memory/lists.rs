//! What the store without a database lists: companies, held rooms, due timers, rooms with open calls. Must never change anything.

use std::collections::HashSet;

use super::{MemoryStore, State, StoredRoom};
use crate::actors::ports::{DueTimer, HeldRoom, Memory, PortFuture, TimerPlace};
use crate::room::{AgentId, Cause, Company, CompanyNo, RoomAddress, RoomId, RoomKey, Timestamp};

impl MemoryStore {
    fn answer<T: Send + 'static>(&self, query: impl FnOnce(&State) -> T) -> PortFuture<T> {
        let answer = query(&self.state());
        Box::pin(std::future::ready(Ok(answer)))
    }
}

impl Memory for MemoryStore {
    fn company(&self, company: CompanyNo) -> PortFuture<Company> {
        self.answer(|state| state.companies.get(&company).cloned().unwrap_or_else(|| Company::empty(company)))
    }

    fn held_rooms(&self, company: CompanyNo) -> PortFuture<Vec<HeldRoom>> {
        self.answer(|state| {
            let held = |room: &&StoredRoom| room.address.company == company && matches!(room.columns.control, "queue" | "person");
            let view = |room: &StoredRoom| HeldRoom { address: room.address.clone(), snapshot: room.snapshot.clone() };
            state.rooms.values().filter(held).map(view).collect()
        })
    }

    fn held_places(&self, company: CompanyNo) -> PortFuture<Vec<(RoomId, AgentId)>> {
        self.answer(|state| {
            let own = state.rooms.values().filter(|room| room.address.company == company && room.columns.control == "person");
            own.filter_map(|room| Some((room.address.room.clone(), room.columns.assignee.clone()?))).collect()
        })
    }

    fn staffed_companies(&self) -> PortFuture<Vec<CompanyNo>> {
        self.answer(|state| {
            let staffed = state.rooms.values().filter(|room| matches!(room.columns.control, "queue" | "person"));
            let all: std::collections::BTreeSet<CompanyNo> = staffed.map(|room| room.address.company).collect();
            all.into_iter().collect()
        })
    }

    fn due_timers(&self, until: Timestamp, after: Option<TimerPlace>, limit: i64) -> PortFuture<Vec<DueTimer>> {
        self.answer(|state| {
            let due = state.timers.iter().filter(|(_, (due, ..))| *due <= until);
            let mut all: Vec<DueTimer> = due
                .filter_map(|((key, _), (due, kind, cause))| {
                    let room = state.rooms.get(key)?.address.clone();
                    Some(DueTimer { key: *key, room, kind: *kind, due: *due, cause: cause.clone() })
                })
                .filter(|timer| after.is_none_or(|after| timer.place() > after))
                .collect();
            all.sort_by_key(DueTimer::place);
            all.truncate(usize::try_from(limit).unwrap_or(0));
            all
        })
    }

    fn has_event(&self, room: RoomAddress, cause: Cause, since: Timestamp) -> PortFuture<bool> {
        self.answer(|state| {
            let events = state.room(&room).map_or(&[][..], |room| &room.events);
            events.iter().any(|event| event.cause == cause && event.at >= since)
        })
    }

    fn rooms_with_open_calls(&self, after: Option<RoomKey>, limit: i64) -> PortFuture<Vec<(RoomKey, RoomAddress)>> {
        self.answer(|state| {
            let open: HashSet<&RoomAddress> =
                state.calls.iter().filter(|stored| stored.ended_at.is_none()).map(|stored| &stored.room).collect();
            let rooms =
                state.rooms.iter().filter(|(key, room)| after.is_none_or(|after| **key > after) && open.contains(&room.address));
            rooms.take(usize::try_from(limit).unwrap_or(0)).map(|(key, room)| (*key, room.address.clone())).collect()
        })
    }
}
