//! `create_ticket`: a matter somebody has to look after, made in the CRM.

use crate::room::{Decision, FunctionCall, Ground, RecordKind, Refusal, Room};

use super::arguments::{Checked, Field, Kind, required};
use super::fence::Class;
use super::record::{self, CUSTOM_FIELDS, FIRST_STAGE, PRIORITY, REPEAT, USUAL_PIPELINE};
use super::ticket::{self, ASSIGNEE, CATEGORY, DUE_DATE, TicketFields};
use super::{Needs, not_connected};

pub const DESCRIPTION: &str =
    "Make a ticket in the CRM when a colleague has to look after something later. Do not make a second one for the same matter.";
pub const NEEDS: Needs = Needs::Crm;
pub const CLASS: Class = Class::Crm;
pub const FIELDS: &[Field] = &[
    required("name", Kind::Line(255), "What the ticket is called."),
    ticket::DESCRIPTION,
    USUAL_PIPELINE,
    FIRST_STAGE,
    PRIORITY,
    CATEGORY,
    ASSIGNEE,
    DUE_DATE,
    CUSTOM_FIELDS,
    REPEAT,
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTicket {
    pub name: String,
    pub fields: TicketFields,
    pub repeat: bool,
}

pub fn read(arguments: Checked<'_>) -> Result<CreateTicket, Refusal> {
    let (name, repeat) = (arguments.required_line("name"), arguments.flag("repeat"));
    Ok(CreateTicket { name, fields: ticket::read(arguments), repeat })
}

pub fn decide(room: &Room, call: &FunctionCall, arguments: &CreateTicket, ground: &Ground<'_>) -> Decision {
    if !ground.company.crm {
        return Decision::Refused(not_connected(NEEDS));
    }
    record::create(room, call, RecordKind::Ticket, &arguments.name, arguments.fields.pipeline.as_deref(), arguments.repeat)
}
