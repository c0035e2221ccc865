//! `update_ticket`: changes a ticket in the CRM.

use crate::room::{Decision, FunctionCall, Ground, Refusal, Room};

use super::arguments::{Checked, Field, Kind, missing_refusal, optional};
use super::not_connected;

pub const DESCRIPTION: &str =
    "Change a ticket in the CRM. Give only what changes. Without `ticket` the one of this conversation is meant.";
pub const NOT_CONNECTED: Option<&str> = Some("The CRM");
pub const FIELDS: &[Field] = &[
    optional("ticket", Kind::Line(128), "Id or number of the ticket; left out: the one of this conversation."),
    optional("name", Kind::Line(255), "What the ticket is called."),
    optional("description", Kind::Text(10_000), "What it is about. At most 10,000 characters."),
    optional("pipeline", Kind::Line(200), "Name of the pipeline; left out: as it is."),
    optional("stage", Kind::Line(200), "Name of the stage; left out: as it is."),
    optional("priority", Kind::Line(200), "Its priority, by name."),
    optional("category", Kind::Line(200), "Its category, by name."),
    optional("assignee", Kind::Line(200), "Name of the colleague who is to do it."),
    optional("due_date", Kind::Date, "YYYY-MM-DD."),
    optional("custom_fields", Kind::Pairs(50), "The company's own fields: a list of {field, value}, both strings, at most 50."),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateTicket {
    /// Its id or number; `None`: the one of this room.
    pub ticket: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub pipeline: Option<String>,
    pub stage: Option<String>,
    pub priority: Option<String>,
    pub category: Option<String>,
    pub assignee: Option<String>,
    pub due_date: Option<String>,
    pub custom_fields: Vec<(String, String)>,
}

pub fn read(arguments: Checked<'_>) -> Result<UpdateTicket, Refusal> {
    if !arguments.has_any_but("ticket") {
        return Err(missing_refusal("update_ticket", &["something to change"])
            .with_allowed(FIELDS.iter().skip(1).map(|field| field.name.to_owned())));
    }
    Ok(UpdateTicket {
        ticket: arguments.line("ticket"),
        name: arguments.line("name"),
        description: arguments.owned("description"),
        pipeline: arguments.line("pipeline"),
        stage: arguments.line("stage"),
        priority: arguments.line("priority"),
        category: arguments.line("category"),
        assignee: arguments.line("assignee"),
        due_date: arguments.line("due_date"),
        custom_fields: arguments.pairs("custom_fields"),
    })
}

pub fn decide(_room: &Room, _call: &FunctionCall, _arguments: &UpdateTicket, _ground: &Ground<'_>) -> Decision {
    Decision::Refused(not_connected(NOT_CONNECTED))
}
