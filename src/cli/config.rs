//! `bellhop config show`: every setting, its value and where that came from. There is no secret among them.

use clap::Subcommand;

use super::{Context, Exit, Outcome, StoreFlags};

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print each setting with its origin
    Show(StoreFlags),
}

pub fn run(context: &Context, command: ConfigCommand) -> Outcome {
    let ConfigCommand::Show(flags) = command;
    let config = context.config(&flags.flags())?;
    let file = config.file.as_ref().map(|file| file.display().to_string());
    let document = serde_json::json!({ "file": file, "settings": config.shown });
    context.output.result(&document, || {
        let row = |shown: &crate::config::Shown| {
            vec![shown.key.to_owned(), shown.value.clone(), shown.origin.to_string(), shown.help.to_owned()]
        };
        let rows: Vec<Vec<String>> = config.shown.iter().map(row).collect();
        context.output.table(&["key", "value", "origin", "meaning"], &rows)
    });
    Ok(Exit::Ok)
}
