//! `bellhop company crm …`: how a company's CRM is reached, straight in the database; a running server follows within a second.
//! The token is read from a file, sealed, and never printed again, not even in an error.

pub mod check;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::find;
use super::reach::{BudgetArgs, DialectName, base_url, dialect_text, is_here, token};
use crate::actors::outside::CrmOptions;
use crate::cli::output::time_text;
use crate::cli::{Context, Exit, Failure, Outcome, StoreFlags};
use crate::store::{CrmRow, Store};

#[derive(Debug, Subcommand)]
pub enum CrmCommand {
    /// Connect a CRM, or change how it is reached; what is not given goes back to its default
    Set(Box<SetArgs>),
    /// Print how it is reached, without the token
    Show {
        company: String,
        #[command(flatten)]
        store: StoreFlags,
    },
    /// Ask it for what a call would need, write nothing, and say what was found
    Check {
        company: String,
        #[command(flatten)]
        store: StoreFlags,
    },
    /// Disconnect it: its actions answer not_connected from then on
    Clear {
        company: String,
        #[command(flatten)]
        store: StoreFlags,
    },
}

#[derive(Debug, Args)]
pub struct SetArgs {
    company: String,
    /// https://host or http://host:port, nothing behind it
    #[arg(long, value_name = "URL")]
    base_url: String,
    /// File with the token, or with the JSON of a refreshable one
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    #[arg(long, value_enum, default_value_t)]
    dialect: DialectName,
    #[command(flatten)]
    budget: BudgetArgs,
    /// Label of the custom field that carries our reference [default: bellhop_reference]
    #[arg(long, value_name = "LABEL")]
    reference_field: Option<String>,
    /// Pipeline of a deal whose call names none [default: the first]
    #[arg(long, value_name = "NAME")]
    deal_pipeline: Option<String>,
    /// Pipeline of a ticket whose call names none [default: the first]
    #[arg(long, value_name = "NAME")]
    ticket_pipeline: Option<String>,
    /// Send ticket_pipeline_id with new tickets, beside their stage
    #[arg(long)]
    send_ticket_pipeline: bool,
    /// Make a contact for a customer who has none
    #[arg(long)]
    create_contacts: bool,
    /// Header X-Crm-User-Sso-Id of the gateway
    #[arg(long, value_name = "ID")]
    sso_id: Option<String>,
    #[command(flatten)]
    store: StoreFlags,
}

pub async fn run(context: &Context, command: CrmCommand) -> Outcome {
    match command {
        CrmCommand::Set(args) => set(context, &args).await,
        CrmCommand::Show { company, store } => {
            let store = context.store_beside(&store)?;
            let shown = show(context, &store, &company).await;
            store.close();
            shown
        }
        CrmCommand::Check { company, store } => {
            let store = context.store_beside(&store)?;
            let checked = check::run(context, &store, &company).await;
            store.close();
            checked
        }
        CrmCommand::Clear { company, store } => {
            let store = context.store_beside(&store)?;
            let row = find(&store, &company).await?;
            let cleared = store.directory().clear_crm(row.no, &context.by()).await?;
            store.close();
            if !cleared {
                return Err(not_set(&company));
            }
            let document = serde_json::json!({ "company": row.name, "cleared": true });
            context.output.result(&document, || format!("{} has no CRM any more", row.name));
            Ok(Exit::Ok)
        }
    }
}

async fn set(context: &Context, args: &SetArgs) -> Outcome {
    // Everything that can be wrong is looked at before the database is touched.
    let (base_url, options) = (base_url("--base-url", &args.base_url)?, options(args)?);
    let token = token(&args.token_file)?;
    let dialect = args.dialect.dialect();
    let store = context.store_beside(&args.store)?;
    let row = find(&store, &args.company).await?;
    store.directory().set_crm(row.no, &base_url, dialect, &options, &token, &context.by()).await?;
    store.close();
    if base_url.starts_with("http://") && !is_here(&base_url) {
        context.output.note("bellhop: this CRM is not reached over https, so its token travels readable for others");
    }
    let document = serde_json::json!({
        "company": row.name, "base_url": base_url, "dialect": dialect_text(dialect), "token": "sealed"
    });
    context.output.result(&document, || format!("{} reaches its CRM at {base_url}; the token is sealed", row.name));
    Ok(Exit::Ok)
}

async fn show(context: &Context, store: &Store, company: &str) -> Outcome {
    let row = find(store, company).await?;
    let crm = store.queries().crm(row.no).await?.ok_or_else(|| not_set(company))?;
    // Opened for the look whether this installation's secret still opens it, and let go.
    let token = match store.vault().crm(row.no).await {
        Ok(_) => "sealed",
        Err(why) => {
            context.output.note(&format!("bellhop: {why}"));
            "unreadable"
        }
    };
    let document = serde_json::json!({
        "company": row.name, "base_url": crm.base_url, "dialect": dialect_text(crm.dialect), "token": token,
        "options": crm.options, "version": crm.version, "updated_at": time_text(crm.updated_at),
        "effects": { "open": crm.effects_open, "settled": crm.effects_settled }
    });
    context.output.result(&document, || text(context, &crm, token));
    Ok(Exit::Ok)
}

fn text(context: &Context, crm: &CrmRow, token: &str) -> String {
    let mut rows = vec![
        vec!["base_url".to_owned(), crm.base_url.clone()],
        vec!["dialect".to_owned(), dialect_text(crm.dialect).to_owned()],
        vec!["token".to_owned(), token.to_owned()],
    ];
    if let Ok(serde_json::Value::Object(options)) = serde_json::to_value(&crm.options) {
        rows.extend(options.into_iter().map(|(name, value)| vec![name, super::plain(&value)]));
    }
    rows.push(vec!["updated_at".to_owned(), time_text(crm.updated_at)]);
    rows.push(vec!["effects".to_owned(), format!("{} open, {} settled", crm.effects_open, crm.effects_settled)]);
    context.output.table(&["crm", "value"], &rows)
}

fn not_set(company: &str) -> Failure {
    let how = format!("bellhop company crm set {company} --base-url URL --token-file FILE");
    Failure::new(Exit::NotFound, format!("{company} has no CRM; connect one with `{how}`"))
}

fn options(args: &SetArgs) -> Result<CrmOptions, Failure> {
    let usual = CrmOptions::default();
    let budget = args.budget.checked()?;
    let options = CrmOptions {
        per_second: budget.per_second,
        per_minute: budget.per_minute,
        burst: budget.burst,
        reference_field: args.reference_field.clone().unwrap_or(usual.reference_field),
        deal_pipeline: args.deal_pipeline.clone(),
        ticket_pipeline: args.ticket_pipeline.clone(),
        send_ticket_pipeline: args.send_ticket_pipeline,
        create_contacts: args.create_contacts,
        attempt_timeout_ms: budget.attempt_timeout_ms,
        grace_ms: budget.grace_ms,
        template_ttl_ms: usual.template_ttl_ms,
        sso_id: args.sso_id.clone(),
    };
    let names = [
        ("--reference-field", Some(&options.reference_field)),
        ("--deal-pipeline", options.deal_pipeline.as_ref()),
        ("--ticket-pipeline", options.ticket_pipeline.as_ref()),
        ("--sso-id", options.sso_id.as_ref()),
    ];
    let fits = |name: &str| !name.trim().is_empty() && name.len() <= 200 && !name.chars().any(char::is_control);
    if let Some((flag, _)) = names.iter().find(|(_, name)| name.is_some_and(|name| !fits(name))) {
        return Err(Failure::usage(format!("{flag} must be 1 to 200 bytes of visible text")));
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_outside_contract_parses() {
        let set = "bellhop company crm set acme --base-url http://127.0.0.1:9090 --token-file FILE --database-url sqlite:b.db";
        let more = "--dialect gateway --per-second 2.5 --per-minute 50 --burst 1 --reference-field ref --deal-pipeline Sales \
                    --ticket-pipeline Help --send-ticket-pipeline --create-contacts --grace-ms 0 --attempt-timeout-ms 500 --sso-id 7 --json";
        for line in [
            set,
            &format!("{set} {more}"),
            "bellhop company crm show acme",
            "bellhop company crm check acme",
            "bellhop company crm clear acme --json",
        ] {
            assert!(Cli::try_parse_from(line.split_whitespace()).is_ok(), "{line}");
        }
        let given = |flag: &str| {
            let line = format!("set acme --base-url http://x --token-file f {flag}");
            #[derive(Parser)]
            struct Alone {
                #[command(subcommand)]
                command: CrmCommand,
            }
            let parsed = Alone::try_parse_from(std::iter::once("x").chain(line.split_whitespace())).unwrap().command;
            let CrmCommand::Set(args) = parsed else { panic!("{line}") };
            options(&args)
        };
        assert_eq!(given("").unwrap(), CrmOptions::default());
        assert!(given("--per-second 0.5 --create-contacts").unwrap().create_contacts);
        for wrong in
            ["--per-second 0", "--per-second NaN", "--per-minute -1", "--burst 0", "--attempt-timeout-ms 1", "--grace-ms=-1"]
        {
            let wrong = wrong.replacen(" -", "=-", 1);
            assert_eq!(given(&wrong).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
    }
}
