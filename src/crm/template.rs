//! What a company may choose from, read out of `…/info` and the pipelines (qontak-api.md 1.5-1.7): fields with their options
//! and who requires them, pipelines, stages. Pure; what a row does not say is taken as absent.

use serde_json::Value;

use crate::room::tag::fold;

use super::record::{self, Record};

/// One choice of a field. A currency's has no id (qontak-api.md 1.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub id: Option<i64>,
    pub name: String,
    /// Owners have one.
    pub email: Option<String>,
}

/// A row of `deals/info` or `tickets/info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRow {
    /// Also some standard fields of tickets have one: `custom` tells them apart (qontak-api.md 1.6).
    pub id: Option<i64>,
    /// The key of a standard field.
    pub name: String,
    /// What people call it.
    pub label: String,
    pub custom: bool,
    /// `Single-line text`, `Dropdown select`, …
    pub kind: String,
    pub choices: Vec<Choice>,
    required: bool,
    required_pipelines: Vec<i64>,
    required_stages: Vec<i64>,
}

impl FieldRow {
    /// Either list is enough (qontak-api.md 1.6: the rule of existing clients, which only over-asks).
    pub fn is_required(&self, pipeline: i64, stage: i64) -> bool {
        self.required || self.required_pipelines.contains(&pipeline) || self.required_stages.contains(&stage)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    pub id: i64,
    pub name: String,
    pub order: i64,
    pub win_probability: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    pub id: i64,
    pub name: String,
    /// In order. Of deals: empty until they were asked for.
    pub stages: Vec<Stage>,
}

impl Pipeline {
    pub fn stage(&self, id: i64) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.id == id)
    }

    /// Won, lost or done: nothing more is expected to happen to a record there. Probability 0 closes only what is not the
    /// first stage, and of tickets the last stage closes whatever it says (their first ones have 0 too).
    pub fn closes(&self, stage: &Stage, is_ticket: bool) -> bool {
        let first = self.stages.first().is_some_and(|first| first.id == stage.id);
        let last = self.stages.last().is_some_and(|last| last.id == stage.id);
        match stage.win_probability {
            Some(chance) if chance >= 100.0 => true,
            Some(chance) if chance <= 0.0 && !is_ticket => !first,
            _ => is_ticket && last && !first,
        }
    }
}

/// All of one kind of record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    pub fields: Vec<FieldRow>,
    pub pipelines: Vec<Pipeline>,
}

impl Template {
    /// The row of a standard field.
    pub fn standard(&self, name: &str) -> Option<&FieldRow> {
        self.fields.iter().find(|row| !row.custom && row.name == name)
    }

    pub fn choices(&self, name: &str) -> &[Choice] {
        self.standard(name).map(|row| row.choices.as_slice()).unwrap_or_default()
    }

    /// A custom field by its label.
    pub fn custom(&self, label: &str) -> Option<&FieldRow> {
        let wanted = fold(label);
        self.fields.iter().find(|row| row.custom && (fold(&row.label) == wanted || fold(&row.name) == wanted))
    }

    pub fn pipeline(&self, id: i64) -> Option<&Pipeline> {
        self.pipelines.iter().find(|pipeline| pipeline.id == id)
    }
}

pub fn fields(rows: &[Value]) -> Vec<FieldRow> {
    rows.iter().filter_map(Value::as_object).filter_map(field).collect()
}

fn field(row: &Record) -> Option<FieldRow> {
    let name = record::text_of(row, "name")?.to_owned();
    let choices = row.get("dropdown").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    let choice = |row: &Record| {
        // Checklists and some options call their name `value` (qontak-api.md 1.6).
        let name = record::text_of(row, "name").or_else(|| record::text_of(row, "value"))?.to_owned();
        Some(Choice { id: record::int_of(row, "id"), name, email: record::text_of(row, "email").map(str::to_owned) })
    };
    Some(FieldRow {
        id: record::int_of(row, "id"),
        label: record::text_of(row, "name_alias").unwrap_or(&name).to_owned(),
        custom: row.get("additional_field") == Some(&Value::Bool(true)),
        kind: record::text_of(row, "type").unwrap_or_default().to_owned(),
        choices: choices.filter_map(choice).collect(),
        required: row.get("required") == Some(&Value::Bool(true)),
        required_pipelines: record::ids(row, "required_pipeline_ids"),
        required_stages: record::ids(row, "required_stage_ids"),
        name,
    })
}

/// Deal pipelines: without stages. One that is switched off is not offered.
pub fn pipelines(rows: &[Value]) -> Vec<Pipeline> {
    let rows = rows.iter().filter_map(Value::as_object).filter(|row| row.get("active") != Some(&Value::Bool(false)));
    rows.filter_map(|row| {
        let stages = row.get("ticket_stages").and_then(Value::as_array).map(|rows| stages(rows)).unwrap_or_default();
        Some(Pipeline { id: record::int_of(row, "id")?, name: record::text_of(row, "name")?.to_owned(), stages })
    })
    .collect()
}

/// Stages, in order; a ticket's own `ticket_pipeline_id` is not looked at, nesting is trusted (qontak-api.md 1.7).
pub fn stages(rows: &[Value]) -> Vec<Stage> {
    let rows = rows.iter().filter_map(Value::as_object).filter(|row| row.get("active") != Some(&Value::Bool(false)));
    let stage = |row: &Record| {
        Some(Stage {
            id: record::int_of(row, "id")?,
            name: record::text_of(row, "name")?.to_owned(),
            order: record::int_of(row, "order").unwrap_or(i64::MAX),
            win_probability: row.get("win_probability").and_then(record::number),
        })
    };
    let mut stages: Vec<Stage> = rows.filter_map(stage).collect();
    // Orders are not unique: rows of one order stay as they came.
    stages.sort_by_key(|stage| stage.order);
    stages
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_of_both_kinds_are_read() {
        let rows = json!([
            {"id": null, "name": "currency", "name_alias": "Currency", "additional_field": false, "type": "Dropdown select",
             "dropdown": [{"id": null, "name": "IDR"}], "required_pipeline_ids": [5, 5], "required_stage_ids": []},
            {"id": 8302, "name": "user_id", "name_alias": "Assignee", "additional_field": false, "type": "Dropdown select",
             "dropdown": [{"id": 1, "name": "Ana", "email": "ana@example.test"}], "required_pipeline_ids": []},
            {"id": 8102, "name": "Proposal number", "name_alias": "Proposal number", "additional_field": true,
             "type": "Single-line text", "dropdown": [], "required_pipeline_ids": [], "required_stage_ids": [61]},
            {"id": 9, "name": "Old", "additional_field": true, "required": true},
            "not a row", {"id": 1},
        ]);
        let template = Template { fields: fields(rows.as_array().unwrap()), pipelines: vec![] };
        assert_eq!(template.fields.len(), 4);
        assert_eq!(template.choices("currency"), [Choice { id: None, name: "IDR".into(), email: None }]);
        assert_eq!(template.choices("user_id")[0].email.as_deref(), Some("ana@example.test"));
        assert!(template.standard("user_id").is_some(), "an id does not make a field a custom one");
        let row = template.custom(" PROPOSAL  number").unwrap();
        assert!(row.is_required(7, 61) && !row.is_required(61, 7));
        let currency = template.standard("currency").unwrap();
        assert!(currency.is_required(5, 0) && !currency.is_required(6, 0), "the pipeline's list alone is enough");
        assert!(template.custom("old").unwrap().is_required(0, 0));
        assert!(template.custom("currency").is_none(), "a standard field is not a custom one");
    }

    #[test]
    fn stages_are_in_order_and_trust_their_nesting() {
        let rows = json!([{"id": 71, "name": "General", "ticket_stages": [
            {"id": 4, "name": "Done", "order": 4, "win_probability": "100.0", "ticket_pipeline_id": 999},
            {"id": 1, "name": "New", "order": 1, "win_probability": "0.0", "ticket_pipeline_id": 999},
            {"id": 2, "name": "Off", "order": 2, "active": false},
        ]}, {"id": 72, "name": "Off", "active": false}]);
        let pipelines = pipelines(rows.as_array().unwrap());
        assert_eq!(pipelines.len(), 1);
        let names: Vec<&str> = pipelines[0].stages.iter().map(|stage| stage.name.as_str()).collect();
        assert_eq!(names, ["New", "Done"]);
        assert!(!pipelines[0].closes(&pipelines[0].stages[0], true) && pipelines[0].closes(&pipelines[0].stages[1], true));
    }

    #[test]
    fn a_lost_deal_is_closed_and_a_new_one_without_a_chance_is_not() {
        let stage = |id, chance| Stage { id, name: String::new(), order: id, win_probability: Some(chance) };
        let pipeline =
            Pipeline { id: 1, name: String::new(), stages: vec![stage(1, 0.0), stage(2, 50.0), stage(3, 100.0), stage(4, 0.0)] };
        let closed: Vec<bool> = pipeline.stages.iter().map(|stage| pipeline.closes(stage, false)).collect();
        assert_eq!(closed, [false, false, true, true]);
    }
}
