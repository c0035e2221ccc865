//! `bellhop company …`: companies and their settings, straight in the database; a running server follows within a second.

pub mod channel;
pub mod crm;
pub mod reach;

use clap::Subcommand;
use serde_json::{Map, Value};

use super::{Context, Exit, Failure, Outcome, StoreFlags};
use crate::catalog::fence;
use crate::config::nearest;
use crate::room::Settings;
use crate::store::{CompanyRow, Store};

#[derive(Debug, Subcommand)]
pub enum CompanyCommand {
    /// Make a company
    Create {
        name: String,
        #[command(flatten)]
        store: StoreFlags,
    },
    /// Policies of a company
    #[command(subcommand)]
    Settings(SettingsCommand),
    /// The CRM of a company, and the token it is reached with
    #[command(subcommand)]
    Crm(crm::CrmCommand),
    /// Where the company's conversations live, and how it is reached
    #[command(subcommand)]
    Channel(channel::ChannelCommand),
}

#[derive(Debug, Subcommand)]
pub enum SettingsCommand {
    /// Print all settings
    Get {
        company: String,
        #[command(flatten)]
        store: StoreFlags,
    },
    /// Change some settings: max_tags_per_room=50 resolve_reasons=answered,spam
    Set {
        company: String,
        #[arg(required = true, value_name = "KEY=VALUE")]
        changes: Vec<String>,
        /// Only if the settings still are at this version
        #[arg(long)]
        expected_version: Option<i64>,
        #[command(flatten)]
        store: StoreFlags,
    },
}

pub async fn run(context: &Context, command: CompanyCommand) -> Outcome {
    match command {
        CompanyCommand::Create { name, store } => {
            let store = context.store_beside(&store)?;
            let row = store.directory().create_company(&name, &context.by()).await?;
            store.close();
            let document = serde_json::json!({ "company_id": row.id, "name": row.name });
            context.output.result(&document, || {
                format!("{}  {}\nnext: bellhop key create --company {} --role agent --ai-agent sales", row.id, row.name, row.name)
            });
        }
        CompanyCommand::Settings(SettingsCommand::Get { company, store }) => {
            let store = context.store_beside(&store)?;
            let row = find(&store, &company).await?;
            let (settings, version) = store.queries().settings(row.no).await?;
            store.close();
            show(context, &row, &settings, version)?;
        }
        CompanyCommand::Settings(SettingsCommand::Set { company, changes, expected_version, store }) => {
            let store = context.store_beside(&store)?;
            let row = find(&store, &company).await?;
            let (settings, _) = store.queries().settings(row.no).await?;
            let settings = changed(settings, &changes)?;
            let version = store.directory().set_settings(row.no, settings.clone(), expected_version, &context.by()).await?;
            store.close();
            show(context, &row, &settings, version)?;
        }
        CompanyCommand::Crm(command) => return crm::run(context, command).await,
        CompanyCommand::Channel(command) => return channel::run(context, command).await,
    }
    Ok(Exit::Ok)
}

/// The company of this name, or a failure that says how to make it.
pub async fn find(store: &Store, name: &str) -> Result<CompanyRow, Failure> {
    match store.queries().company_by_name(name).await? {
        Some(row) => Ok(row),
        None => Err(Failure::new(
            Exit::NotFound,
            format!("there is no company {name:?}; make it with `bellhop company create {name}`"),
        )),
    }
}

fn show(context: &Context, row: &CompanyRow, settings: &Settings, version: i64) -> Result<(), Failure> {
    let values = as_object(settings)?;
    let document = serde_json::json!({ "company_id": row.id, "name": row.name, "version": version, "settings": Value::Object(values.clone()) });
    context.output.result(&document, || {
        let rows: Vec<Vec<String>> = values.iter().map(|(key, value)| vec![key.clone(), plain(value)]).collect();
        let table = context.output.table(&["setting", "value"], &rows);
        format!("{table}\nversion {version}; change with: bellhop company settings set {} KEY=VALUE", row.name)
    });
    Ok(())
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn as_object(settings: &Settings) -> Result<Map<String, Value>, Failure> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(values)) => Ok(values),
        _ => Err(Failure::new(Exit::Failed, "the settings cannot be written as JSON")),
    }
}

fn changed(settings: Settings, changes: &[String]) -> Result<Settings, Failure> {
    let mut values = as_object(&settings)?;
    for change in changes {
        let Some((key, text)) = change.split_once('=') else {
            return Err(Failure::usage(format!("{change:?} must be KEY=VALUE")));
        };
        let slot = find_slot(&mut values, key)?;
        *slot = match (&slot, serde_json::from_str::<Value>(text)) {
            // A text that may be none: no customer is told "null".
            (Value::String(_) | Value::Null, _) if matches!(text, "" | "null") => Value::Null,
            (Value::String(_) | Value::Null, _) => Value::String(text.to_owned()),
            (Value::Array(_), Ok(Value::Array(items))) => Value::Array(items),
            (Value::Array(_), _) => text.split(',').filter(|item| !item.is_empty()).map(Value::from).collect(),
            (_, Ok(value)) => value,
            (_, Err(_)) => Value::String(text.to_owned()),
        };
    }
    let settings: Settings = serde_json::from_value(Value::Object(values))
        .map_err(|error| Failure::usage(format!("that is not a setting's value: {error}")))?;
    fence::check(&settings).map_err(|bad| Failure::usage(format!("{} {}", bad.name, bad.rule)))?;
    Ok(settings)
}

/// A setting by its name, or by its path: `people.strategy`.
fn find_slot<'a>(values: &'a mut Map<String, Value>, key: &str) -> Result<&'a mut Value, Failure> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    if !values.contains_key(first) {
        let hint = nearest(first, values.keys().map(String::as_str));
        let hint = hint.map_or(String::new(), |found| format!("; did you mean {found}?"));
        return Err(Failure::usage(format!("{key:?} is not a setting of a company{hint}")));
    }
    match (&mut values[first], rest) {
        (slot, None) => Ok(slot),
        (Value::Object(inner), Some(rest)) => find_slot(inner, rest),
        _ => Err(Failure::usage(format!("{first:?} has no settings inside it"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::WhilePerson;

    #[test]
    fn a_change_keeps_the_other_settings() {
        let changes = ["max_tags_per_room=50".to_owned(), "resolve_reasons=answered,spam".to_owned()];
        let settings = changed(Settings::default(), &changes).unwrap();
        assert_eq!((settings.max_tags_per_room, settings.max_tags_per_call), (50, 10));
        assert_eq!(settings.resolve_reasons, ["answered", "spam"]);
        assert_eq!(changed(Settings::default(), &["max_tags_per_room=0".to_owned()]).unwrap_err().exit, Exit::Usage);
        let inside = ["people.while_person_controls.crm=approve".to_owned(), "people.idle_reassign_s=60".to_owned()];
        let people = changed(Settings::default(), &inside).unwrap().people;
        assert_eq!((people.while_person_controls.crm, people.idle_reassign_s), (WhilePerson::Approve, 60));
        let told = |text: &str| changed(Settings::default(), &[format!("people.closing_message={text}")]);
        let bye = told("Bye").unwrap();
        assert_eq!(bye.people.closing_message.as_deref(), Some("Bye"));
        assert_eq!(told("2026").unwrap().people.closing_message.as_deref(), Some("2026"), "a text, whatever it looks like");
        for nothing in ["", "null"] {
            let changes = [format!("people.closing_message={nothing}")];
            assert_eq!(changed(bye.clone(), &changes).unwrap().people.closing_message, None);
        }
        assert_eq!(changed(bye, &["tag_policy=".to_owned()]).unwrap_err().exit, Exit::Usage, "not every text may be none");
        let rules = [r#"people.approvals=[{"action":"create_dael"}]"#.to_owned()];
        assert!(changed(Settings::default(), &rules).unwrap_err().sentence.contains("create_dael"));
        let wrong = changed(Settings::default(), &["people.idle_reasign_s=60".to_owned()]).unwrap_err();
        assert!(wrong.sentence.contains("did you mean idle_reassign_s?"), "{}", wrong.sentence);
        let wrong = changed(Settings::default(), &["max_tags_per_rom=1".to_owned()]).unwrap_err();
        assert_eq!((wrong.exit, wrong.sentence.contains("did you mean max_tags_per_room?")), (Exit::Usage, true));
    }
}
