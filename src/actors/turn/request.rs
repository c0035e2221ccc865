//! What a turn remembers of the request whose calls it decides: which of them a resolve waits for, and whether one of them handed
//! the conversation over, so that another may still say goodbye (`room::goodbye`). A hand-over or a resolve that has to wait for
//! people takes along which calls of its request it has to do with.

use crate::catalog::fence::Class;
use crate::catalog::{self, Admitted};
use crate::room::{By, CallId, Cause, Control, Decision, FunctionCall, Goodbye, ParkedCall, ParkedOn, Room};

use super::Turn;
use super::barrier::is_waited_for;

/// The request whose calls are being decided; empty between requests.
#[derive(Debug, Default)]
pub(super) struct Request {
    calls: Vec<CallId>,
    /// A resolve in it waits for these.
    pub waited_for: Vec<CallId>,
    /// These reach the customer, in the order of the request.
    sends: Vec<CallId>,
    /// Control epoch when it began.
    epoch: i64,
    /// The assignment that one of its calls asked for.
    handed_over: Option<u64>,
    last_word: Option<CallId>,
}

impl Turn<'_> {
    /// These are the calls of the present request; none: it is over.
    pub fn request_is(&mut self, calls: &[Admitted]) {
        let ids = |fits: fn(&str) -> bool| {
            let fitting = calls.iter().filter(move |admitted| fits(admitted.call.name));
            fitting.map(|admitted| admitted.call.call_id.clone()).collect()
        };
        self.request = Request {
            calls: ids(|_| true),
            waited_for: ids(is_waited_for),
            sends: ids(is_send),
            epoch: self.room.epoch,
            ..Request::default()
        };
    }

    /// The leave this call would have, were it to use it: control was moved by its own request, nobody moved it since, and no
    /// other call of that request has said the last word.
    pub(super) fn leave_for(&self, call: &FunctionCall) -> Option<Goodbye> {
        let request = &self.request;
        let assignment = request.handed_over.filter(|assignment| *assignment == self.room.assignment)?;
        let looked = call.seen.epoch.is_none_or(|seen| seen >= request.epoch);
        let free = request.last_word.is_none() && request.sends.contains(&call.call_id);
        let own = call.ai_agent.is_some() && looked && free;
        own.then(|| Goodbye::new(call.call_id.clone(), assignment, self.ground.now))
    }

    /// The room as this call sees it, with the leave it would have.
    pub(super) fn with_leave(&self, leave: Option<&Goodbye>) -> Option<Room> {
        leave.map(|goodbye| Room { goodbye: Some(Box::new(goodbye.clone())), ..self.room.clone() })
    }

    /// Leave is used by a decision that sends, or that may after it waited.
    pub(super) fn uses_leave(&mut self, leave: Option<Goodbye>, decision: &Decision, by: &By, cause: &Cause) {
        let sends = match decision {
            Decision::Done { facts, .. } => !facts.is_empty(),
            Decision::Parked { .. } => true,
            Decision::Refused(_) => false,
        };
        if let Some(goodbye) = leave.filter(|_| sends) {
            self.request.last_word = Some(goodbye.call_id.clone());
            self.record(goodbye.granted(), by, cause);
        }
    }

    /// This call asked for a person. What its request has under way to the customer, the first of it, is the last word.
    pub(super) fn handed_over(&mut self, call: &FunctionCall, by: &By, cause: &Cause) {
        let own = call.ai_agent.is_some() && self.request.calls.contains(&call.call_id);
        if !own || !matches!(self.room.control, Control::Queue(_)) {
            return;
        }
        let assignment = self.room.assignment;
        self.request.handed_over = Some(assignment);
        let waits = |id: &&CallId| self.room.parked.iter().any(|parked| parked.call_id == **id);
        let said = self.request.last_word.iter().chain(&self.request.sends).find(waits).cloned();
        if let Some(call_id) = said {
            self.request.last_word = Some(call_id.clone());
            self.record(Goodbye::new(call_id, assignment, self.ground.now).granted(), by, cause);
        }
    }
}

impl Turn<'_> {
    /// What this call is to know of its request when it goes on (`ParkedCall::beside`).
    pub(super) fn beside(&self, admitted: &Admitted, on: ParkedOn) -> Vec<CallId> {
        let own = self.request.calls.contains(&admitted.call.call_id);
        match admitted.request {
            _ if !own || !matches!(on, ParkedOn::Pause | ParkedOn::Approval) => vec![],
            catalog::Request::AssignAgent(_) => self.request.sends.clone(),
            catalog::Request::ResolveConversation(_) => self.request.waited_for.clone(),
            _ => vec![],
        }
    }

    /// A call that waited for people is decided as a call of its own request. Answers the one whose calls are being decided, to
    /// be put back; `None`: it is that one's own call.
    pub(super) fn goes_on(&mut self, parked: &ParkedCall, admitted: &Admitted) -> Option<Request> {
        if self.request.calls.contains(&parked.call_id) {
            return None;
        }
        let waited = Request { calls: vec![parked.call_id.clone()], epoch: self.room.epoch, ..Request::default() };
        let waited = match admitted.request {
            catalog::Request::AssignAgent(_) => Request { sends: parked.beside.clone(), ..waited },
            catalog::Request::ResolveConversation(_) => Request { waited_for: parked.beside.clone(), ..waited },
            _ => Request::default(),
        };
        Some(std::mem::replace(&mut self.request, waited))
    }
}

fn is_send(name: &str) -> bool {
    catalog::entry(name).is_some_and(|entry| entry.class == Class::Send)
}
