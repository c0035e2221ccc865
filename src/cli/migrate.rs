//! `bellhop migrate`: bring the database's schema up to date.

use clap::Args;

use super::{Context, Exit, Outcome, StoreFlags};

#[derive(Debug, Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    store: StoreFlags,
}

pub fn run(context: &Context, args: &MigrateArgs) -> Outcome {
    let config = context.config(&args.store.flags())?;
    let waiting = context.output.waits_for("bringing the schema up to date");
    let steps = crate::store::migrate(&config.database_url)?;
    drop(waiting);
    let document = serde_json::json!({ "database_url": config.database_url.to_string(), "migrations_run": steps });
    context.output.result(&document, || match steps {
        0 => format!("{} is up to date", config.database_url),
        _ => format!("{} is up to date now ({steps} migrations)\nnext: bellhop company create NAME", config.database_url),
    });
    Ok(Exit::Ok)
}
