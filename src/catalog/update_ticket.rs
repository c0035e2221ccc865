//! `update_ticket`: changes a ticket in the CRM.

use crate::room::{Decision, FunctionCall, Ground, RecordKind, Refusal, Room};

use super::arguments::{Checked, Field, Kind, missing_refusal, optional};
use super::fence::Class;
use super::record::{self, CUSTOM_FIELDS, PRIORITY, SAME_PIPELINE, SAME_STAGE};
use super::ticket::{self, ASSIGNEE, CATEGORY, DUE_DATE, TicketFields};
use super::{Needs, not_connected};

pub const DESCRIPTION: &str =
    "Change a ticket in the CRM. Give only what changes. Without `ticket` the one of this conversation is meant.";
pub const NEEDS: Needs = Needs::Crm;
pub const CLASS: Class = Class::Crm;
pub const FIELDS: &[Field] = &[
    optional("ticket", Kind::Line(128), "Id or number of the ticket; left out: the one of this conversation."),
    optional("name", Kind::Line(255), "What the ticket is called."),
    ticket::DESCRIPTION,
    SAME_PIPELINE,
    SAME_STAGE,
    PRIORITY,
    CATEGORY,
    ASSIGNEE,
    DUE_DATE,
    CUSTOM_FIELDS,
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateTicket {
    /// Its id or number; `None`: the one of this room.
    pub ticket: Option<String>,
    pub name: Option<String>,
    pub fields: TicketFields,
}

pub fn read(arguments: Checked<'_>) -> Result<UpdateTicket, Refusal> {
    if !arguments.has_any_but("ticket") {
        return Err(missing_refusal("update_ticket", &["something to change"])
            .with_allowed(FIELDS.iter().skip(1).map(|field| field.name.to_owned())));
    }
    Ok(UpdateTicket { ticket: arguments.line("ticket"), name: arguments.line("name"), fields: ticket::read(arguments) })
}

pub fn decide(room: &Room, call: &FunctionCall, arguments: &UpdateTicket, ground: &Ground<'_>) -> Decision {
    if !ground.company.crm {
        return Decision::Refused(not_connected(NEEDS));
    }
    record::update(room, call, RecordKind::Ticket, arguments.ticket.as_deref())
}
