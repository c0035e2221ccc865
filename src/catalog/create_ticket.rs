//! `create_ticket`: a matter somebody has to look after, made in the CRM.

use crate::room::{Decision, FunctionCall, Ground, Refusal, Room};

use super::arguments::{Checked, Field, Kind, optional, required};
use super::not_connected;

pub const DESCRIPTION: &str =
    "Make a ticket in the CRM when a colleague has to look after something later. Do not make a second one for the same matter.";
pub const NOT_CONNECTED: Option<&str> = Some("The CRM");
pub const FIELDS: &[Field] = &[
    required("name", Kind::Line(255), "What the ticket is called."),
    optional("description", Kind::Text(10_000), "What it is about. At most 10,000 characters."),
    optional("pipeline", Kind::Line(200), "Name of the pipeline; left out: the usual one."),
    optional("stage", Kind::Line(200), "Name of the stage; left out: the first."),
    optional("priority", Kind::Line(200), "Its priority, by name."),
    optional("category", Kind::Line(200), "Its category, by name."),
    optional("assignee", Kind::Line(200), "Name of the colleague who is to do it."),
    optional("due_date", Kind::Date, "YYYY-MM-DD."),
    optional("custom_fields", Kind::Pairs(50), "The company's own fields: a list of {field, value}, both strings, at most 50."),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTicket {
    pub name: String,
    pub description: Option<String>,
    pub pipeline: Option<String>,
    pub stage: Option<String>,
    pub priority: Option<String>,
    pub category: Option<String>,
    pub assignee: Option<String>,
    pub due_date: Option<String>,
    pub custom_fields: Vec<(String, String)>,
}

pub fn read(arguments: Checked<'_>) -> Result<CreateTicket, Refusal> {
    Ok(CreateTicket {
        name: arguments.required_line("name"),
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

pub fn decide(_room: &Room, _call: &FunctionCall, _arguments: &CreateTicket, _ground: &Ground<'_>) -> Decision {
    Decision::Refused(not_connected(NOT_CONNECTED))
}
