//! The body of a POST or PUT on its way: for an update everything that was read, in the forms that writes take, then what the
//! call asks for on top (qontak-api.md 1.5: a PUT may replace the whole record, and changes the owner when none is named).
//! Pure: names become ids by the template that is passed in.

use serde_json::{Value, json};

use crate::room::Refusal;
use crate::room::tag::fold;

use super::change::{Change, How, Place};
use super::choose;
use super::custom_fields;
use super::dates;
use super::record::{self, Record};
use super::refusals::{own_argument, unknown, wrong_value};
use super::sheet::{Kind, Sheet, Standard, Wish, Wishes};
use super::template::{Pipeline, Stage, Template};

/// What names are resolved with.
pub struct Ground<'a> {
    pub sheet: &'static Sheet,
    pub template: &'a Template,
    /// Where the record stands after the write, with its stages.
    pub pipeline: &'a Pipeline,
    pub stage: &'a Stage,
    /// The company the call names, already found.
    pub company: Option<(i64, String)>,
    /// Label of the field with our reference: not the model's to fill in.
    pub reference_field: &'a str,
    /// Whether a new record's pipeline is sent beside its stage.
    pub sends_pipeline: bool,
}

pub struct Draft {
    pub body: Record,
    pub changes: Vec<Change>,
    /// The record as read; `None`: a new one.
    before: Option<Record>,
}

impl Draft {
    /// A new record. The list of custom fields is sent even when empty (qontak-api.md 1.5).
    pub fn create() -> Self {
        let body = Record::from_iter([("additional_fields".to_owned(), json!([]))]);
        Self { body, changes: vec![], before: None }
    }

    /// A record as it was read, ready to be sent back.
    pub fn update(sheet: &Sheet, read: &Record, template: &Template) -> Self {
        let mut body = Record::new();
        for field in sheet.fields {
            if let Some(value) = read.get(field.key) {
                body.insert(field.key.to_owned(), sent_back(field.kind, value));
            }
        }
        for key in [sheet.pipeline.0, sheet.stage.0] {
            if let Some(id) = record::int_of(read, key) {
                body.insert(key.to_owned(), json!(id));
            }
        }
        for key in sheet.kept {
            if let Some(value) = read.get(*key).filter(|value| !value.is_null()) {
                body.insert((*key).to_owned(), value.clone());
            }
        }
        body.insert("additional_fields".into(), Value::Array(custom_fields::kept(read, &template.fields)));
        // Without an owner the CRM would give the record to the token's user; null says the same as nothing.
        if body.get(sheet.owner.0).is_some_and(Value::is_null) && !sheet.is_ticket() {
            body.remove(sheet.owner.0);
        }
        Self { body, changes: vec![], before: Some(read.clone()) }
    }

    /// Puts in all that the call asks for.
    pub fn fill(&mut self, ground: &Ground<'_>, wishes: &Wishes) -> Result<(), Refusal> {
        let moves = self.before.is_none() || wishes.pipeline.is_some() || wishes.stage.is_some();
        if moves {
            self.place(ground);
        }
        for (argument, wish) in &wishes.values {
            if let Some(field) = ground.sheet.by_argument(argument) {
                self.standard(ground, field, argument, wish)?;
            }
        }
        if let Some((id, name)) = &ground.company {
            let key = ("crm_company_id", "crm_company_name");
            self.set("company", key, How::Id, json!(id), json!(name));
        }
        wishes.custom.iter().try_for_each(|(label, text)| self.custom(ground, label, text))
    }

    /// Our own reference, if the company has a field for it.
    pub fn refer(&mut self, template: &Template, reference_field: &str, reference: &str) -> bool {
        let row = template.custom(reference_field).filter(|row| custom_fields::takes_reference(row));
        let Some((id, row)) = row.and_then(|row| Some((row.id?, row))) else { return false };
        self.put_custom(id, json!({"id": id, "name": row.name, "value": reference}));
        true
    }

    /// Pipeline and stage, which always go together.
    fn place(&mut self, ground: &Ground<'_>) {
        let (pipeline, stage) = (ground.pipeline, ground.stage);
        let is_new = self.before.is_none();
        if !is_new || ground.sends_pipeline {
            self.set("pipeline", ground.sheet.pipeline, How::Id, json!(pipeline.id), json!(pipeline.name));
        }
        self.set("stage", ground.sheet.stage, How::Id, json!(stage.id), json!(stage.name));
    }

    fn standard(&mut self, ground: &Ground<'_>, field: &Standard, argument: &str, wish: &Wish) -> Result<(), Refusal> {
        let key = (field.key, field.shown);
        let text = match wish {
            Wish::Amount(amount) => {
                let amount = record::amount(*amount);
                self.set(argument, key, How::Number, amount.clone(), amount);
                return Ok(());
            }
            Wish::Text(text) => text.as_str(),
        };
        let choices = ground.template.choices(field.key);
        match field.kind {
            Kind::Text | Kind::Amount | Kind::Company => self.set(argument, key, How::Text, json!(text), json!(text)),
            Kind::IsoDate | Kind::DashedDate => {
                let day =
                    dates::from_model(text).ok_or_else(|| wrong_value(argument, "must be a date that exists, as YYYY-MM-DD"))?;
                let sent = if field.kind == Kind::IsoDate { dates::iso(day) } else { dates::dashed(day) };
                self.set(argument, key, How::Day, json!(sent), json!(day.to_string()));
            }
            Kind::Currency if choices.is_empty() => {
                let code = text.to_uppercase();
                self.set(argument, key, How::Text, json!(code), json!(code));
            }
            Kind::Currency => {
                let choice = choose::choice("unknown_option", argument, text, choices)?;
                self.set(argument, key, How::Text, json!(choice.name), json!(choice.name));
            }
            Kind::Person | Kind::Choice => {
                let choice = match field.kind {
                    Kind::Person => choose::person(argument, text, choices)?,
                    _ => choose::choice("unknown_option", argument, text, choices)?,
                };
                let id = choice.id.ok_or_else(|| wrong_value(argument, "cannot be set: the CRM gives this choice no id"))?;
                self.set(argument, key, How::Id, json!(id), json!(choice.name));
            }
        }
        Ok(())
    }

    fn custom(&mut self, ground: &Ground<'_>, label: &str, text: &str) -> Result<(), Refusal> {
        let template = ground.template;
        let is_reference = |label: &str| fold(label) == fold(ground.reference_field);
        let row = template.custom(label).filter(|_| !is_reference(label));
        let Some((id, row)) = row.and_then(|row| Some((row.id?, row))) else {
            return self.standard_by_label(ground, label, text, is_reference);
        };
        let made = custom_fields::entry(row, text)?;
        let before = self.before.as_ref().and_then(|before| record::custom_field(before, id));
        let was = before.and_then(|before| before.get("value")).cloned().unwrap_or_default();
        let written = made.entry["value"].clone();
        if self.before.is_some() && made.how.same(&was, &written) {
            return Ok(());
        }
        let from = match before.and_then(|before| before.get("value_name")) {
            Some(Value::Array(names)) => {
                json!(names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
            }
            Some(name) if !record::is_blank(Some(name)) => name.clone(),
            _ => made.how.shown(&was),
        };
        let (how, to) = (made.how, made.shown);
        self.put_custom(id, made.entry);
        self.changes.push(Change { field: row.label.clone(), place: Place::Custom(id), how, from, to, written });
        Ok(())
    }

    /// A label that is not a custom field's: a standard one without an argument may be meant (the reason a deal was lost).
    fn standard_by_label(
        &mut self,
        ground: &Ground<'_>,
        label: &str,
        text: &str,
        is_reference: impl Fn(&str) -> bool,
    ) -> Result<(), Refusal> {
        let wanted = fold(label);
        let row = ground.template.fields.iter().find(|row| !row.custom && fold(&row.label) == wanted);
        let field = row.and_then(|row| ground.sheet.by_key(&row.name));
        let argument = field.and_then(|field| field.argument_of(self.before.is_none()));
        match field {
            Some(_) if argument.is_some() => Err(own_argument(label, argument.unwrap_or_default())),
            Some(field) if field.kind == Kind::Choice => self.standard(ground, field, label, &Wish::Text(text.to_owned())),
            _ => {
                let rows = ground.template.fields.iter().filter(|row| row.custom && custom_fields::is_settable(row));
                let labels = rows.map(|row| row.label.as_str()).filter(|label| !is_reference(label));
                Err(unknown("unknown_custom_field", "custom_fields", label, labels))
            }
        }
    }

    /// Puts a value in, unless it already stands there.
    fn set(&mut self, field: &str, (key, shown): (&str, &str), how: How, written: Value, to: Value) {
        let mut from = Value::Null;
        if let Some(before) = &self.before {
            let was = before.get(key).unwrap_or(&Value::Null);
            if how.same(was, &written) {
                return;
            }
            let name = before.get(shown).filter(|name| !record::is_blank(Some(name))).unwrap_or(was);
            from = how.shown(name);
        }
        self.body.insert(key.to_owned(), written.clone());
        let place = Place::Key(key.to_owned());
        self.changes.push(Change { field: field.to_owned(), place, how, from, to, written });
    }

    fn put_custom(&mut self, id: i64, entry: Value) {
        if let Some(Value::Array(fields)) = self.body.get_mut("additional_fields") {
            fields.retain(|field| field.get("id").and_then(record::int) != Some(id));
            fields.push(entry);
        }
    }
}

/// A value as read, in the form that a write takes.
fn sent_back(kind: Kind, value: &Value) -> Value {
    match kind {
        Kind::Amount => record::number(value).map_or(Value::Null, record::amount),
        // "Sent as scalar, comes back as array" (qontak-api.md 1.5).
        Kind::Company | Kind::Person | Kind::Choice => record::int(value).map_or(Value::Null, |id| json!(id)),
        Kind::DashedDate => match value.as_str().and_then(dates::day_of) {
            Some(day) => json!(dates::dashed(day)),
            None => value.clone(),
        },
        Kind::Text | Kind::IsoDate | Kind::Currency => value.clone(),
    }
}

#[cfg(test)]
#[path = "tests/draft.rs"]
mod tests;
