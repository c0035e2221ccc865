//! Calls that wait for a person's yes: given, refused, or waited for too long.

use std::sync::Arc;

use crate::catalog::{self, Admitted, tools};
use crate::room::{
    By, CallId, CallKey, CallStatus, Cause, Fact, FunctionCall, Next, ParkedCall, ParkedOn, Refusal, Room, ToolMark,
};

use super::super::ports::StoredAnswer;
use super::super::stored::{ended, refused};
use super::Turn;

impl Turn<'_> {
    pub(super) fn approve(
        &mut self,
        call_id: &CallId,
        key_id: &str,
        arguments: Option<&Arc<str>>,
        by: &By,
        cause: &Cause,
    ) -> Result<(), Refusal> {
        let parked = self.waiting_for_approval(call_id)?;
        let key = CallKey::of(self.address.company, call_id);
        let Some(admitted) = self.opened.get(&key).or_else(|| self.open.get(&key)).cloned() else {
            return Err(not_waiting());
        };
        if &*admitted.call.key_id == key_id {
            let message = "Nobody approves their own call. Somebody else must look at it.";
            return Err(Refusal::new("own_call", Next::WaitForHuman, message));
        }
        let mut asked = None;
        if let Some(arguments) = arguments {
            let edited = edited(admitted, arguments)?;
            // Who changes the arguments says yes to the file they name, but to no other tool.
            let now = tools::asked::mark(&edited.call, &edited.request, &self.ground);
            asked = parked.asked.filter(|before| before.tool == now.tool).map(|_| Box::new(now));
            self.opened.insert(key, edited);
        }
        let (call_id, arguments) = (call_id.clone(), arguments.map(|text| text.to_string()));
        self.record(Fact::CallApproved { call_id, arguments, asked }, by, cause);
        Ok(())
    }

    /// What a call that waits for a yes is asked as.
    pub(super) fn asked(&self, admitted: &Admitted, on: ParkedOn) -> Option<Box<ToolMark>> {
        let mark = || Box::new(tools::asked::mark(&admitted.call, &admitted.request, &self.ground));
        (on == ParkedOn::Approval).then(mark)
    }

    /// Why the yes a call was given no longer holds.
    pub(super) fn voided(&self, parked: &ParkedCall, admitted: &Admitted) -> Option<Refusal> {
        let asked = parked.asked.as_deref().filter(|_| parked.approved)?;
        tools::asked::voided(asked, &admitted.call, &admitted.request, &self.ground)
    }

    pub(super) fn reject(&mut self, call_id: &CallId, reason: &str, by: &By, cause: &Cause) -> Result<(), Refusal> {
        let parked = self.waiting_for_approval(call_id)?;
        let message = format!("A colleague looked at this call and said no: {reason}. Nothing was done. Do not send it again.");
        self.end(&parked, refused(&Refusal::new("not_approved", Next::DoNotRetry, message)), Some((by, cause)));
        Ok(())
    }

    /// Ends every call that waited too long for its yes.
    pub(super) fn expire_approvals(&mut self) {
        let bound = i64::from(self.ground.company.settings.people.approval_expires_s) * 1_000;
        let now = self.ground.now;
        let late =
            |parked: &&ParkedCall| parked.on == ParkedOn::Approval && !parked.approved && now.ms_since(parked.since) >= bound;
        for parked in self.room.parked.iter().filter(late).cloned().collect::<Vec<_>>() {
            self.end(&parked, expired(), None);
        }
    }

    fn waiting_for_approval(&self, call_id: &CallId) -> Result<ParkedCall, Refusal> {
        let waiting = |parked: &&ParkedCall| parked.call_id == *call_id && parked.on == ParkedOn::Approval && !parked.approved;
        self.room.parked.iter().find(waiting).cloned().ok_or_else(not_waiting)
    }
}

/// A stored call, read again; what a person made of its arguments counts instead of what stands in its row.
pub fn reread(call: FunctionCall, room: &Room) -> Option<Admitted> {
    let parked = room.parked.iter().find(|parked| parked.call_id == call.call_id);
    let arguments = parked.and_then(|parked| parked.edited.clone()).unwrap_or_else(|| call.arguments.clone());
    let (name, request) = catalog::reread(call.name, &arguments).ok()?;
    Some(Admitted { call: FunctionCall { name, arguments, ..call }, request })
}

/// The call with what a person made of its arguments.
fn edited(admitted: Admitted, arguments: &Arc<str>) -> Result<Admitted, Refusal> {
    let (name, request) = catalog::reread(admitted.call.name, arguments)?;
    Ok(Admitted { call: FunctionCall { name, arguments: arguments.clone(), ..admitted.call }, request })
}

fn not_waiting() -> Refusal {
    Refusal::new("already_final", Next::DoNotRetry, "This call does not wait for anybody's yes.")
}

fn expired() -> StoredAnswer {
    let message = "Nobody approved this call in time, so nothing was done. Ask a colleague before you try again.";
    ended(CallStatus::Expired, "approval_expired", Next::WaitForHuman, message)
}
