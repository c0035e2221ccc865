//! What `create_ticket` and `update_ticket` have in common: the fields of a ticket as a model names them.

use super::arguments::{Checked, Field, Kind, optional};

pub const DESCRIPTION: Field = optional("description", Kind::Text(10_000), "What it is about. At most 10,000 characters.");
pub const CATEGORY: Field = optional("category", Kind::Line(200), "Its category, by name.");
pub const ASSIGNEE: Field = optional("assignee", Kind::Line(200), "Name or e-mail of the colleague who is to do it.");
pub const DUE_DATE: Field = optional("due_date", Kind::Date, "YYYY-MM-DD.");

/// A ticket's fields; what is `None` was not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TicketFields {
    pub description: Option<String>,
    pub pipeline: Option<String>,
    pub stage: Option<String>,
    pub priority: Option<String>,
    pub category: Option<String>,
    pub assignee: Option<String>,
    pub due_date: Option<String>,
    pub custom_fields: Vec<(String, String)>,
}

pub fn read(arguments: Checked<'_>) -> TicketFields {
    TicketFields {
        description: arguments.owned("description"),
        pipeline: arguments.line("pipeline"),
        stage: arguments.line("stage"),
        priority: arguments.line("priority"),
        category: arguments.line("category"),
        assignee: arguments.line("assignee"),
        due_date: arguments.line("due_date"),
        custom_fields: arguments.pairs("custom_fields"),
    }
}
