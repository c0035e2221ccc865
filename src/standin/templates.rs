//! What an organisation may choose from: pipelines, stages, fields with their options and who requires them. The rows are
//! kept as the vendor shows them, so that a test can change one while clients hold it in a cache.

use serde_json::Value;

use super::request::{Record, int, text};
use super::seed;

#[derive(Clone, Debug)]
pub struct Templates {
    pub deals: Vec<Record>,
    pub tickets: Vec<Record>,
    pub contacts: Vec<Record>,
    pub pipelines: Vec<Record>,
    pub stages: Vec<Record>,
    pub ticket_pipelines: Vec<Record>,
    pub ticket_stages: Vec<Record>,
}

impl Templates {
    pub fn seeded() -> Self {
        Self {
            deals: seed::deal_fields(),
            tickets: seed::ticket_fields(),
            contacts: seed::contact_fields(),
            pipelines: seed::pipelines(),
            stages: seed::stages(),
            ticket_pipelines: seed::ticket_pipelines(),
            ticket_stages: seed::ticket_stages(),
        }
    }

    pub fn rows_mut(&mut self, kind: &str) -> Option<&mut Vec<Record>> {
        Some(match kind {
            "deals" => &mut self.deals,
            "tickets" => &mut self.tickets,
            "contacts" => &mut self.contacts,
            "pipelines" => &mut self.pipelines,
            "stages" => &mut self.stages,
            "ticket_pipelines" => &mut self.ticket_pipelines,
            "ticket_stages" => &mut self.ticket_stages,
            _ => return None,
        })
    }

    /// Whoever acts when nobody is named.
    pub fn token_user(&self) -> (i64, String) {
        let owner = options(&self.deals, "creator_id").into_iter().next();
        owner.and_then(|owner| Some((int(owner, "id")?, text(owner, "name")?.to_owned()))).unwrap_or_default()
    }
}

/// The row of a field, by its name.
pub fn row<'a>(template: &'a [Record], name: &str) -> Option<&'a Record> {
    template.iter().find(|row| text(row, "name") == Some(name))
}

/// The row with an id, of pipelines and stages.
pub fn by_id(rows: &[Record], id: i64) -> Option<&Record> {
    rows.iter().find(|row| int(row, "id") == Some(id))
}

/// The options of a field.
pub fn options<'a>(template: &'a [Record], field: &str) -> Vec<&'a Record> {
    row(template, field).map(options_of).unwrap_or_default()
}

pub fn options_of(row: &Record) -> Vec<&Record> {
    row.get("dropdown").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object).collect()
}

/// What people call a field.
pub fn label<'a>(template: &'a [Record], name: &'a str) -> &'a str {
    row(template, name).and_then(|row| text(row, "name_alias")).unwrap_or(name)
}

/// Whether the ids under `key` hold `id`; they may hold it twice.
pub fn lists(row: &Record, key: &str, id: i64) -> bool {
    row.get(key).and_then(Value::as_array).is_some_and(|ids| ids.iter().any(|one| one.as_i64() == Some(id)))
}
