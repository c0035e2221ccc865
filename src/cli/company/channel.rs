//! `bellhop company channel …`: where a company's conversations live, straight in the database; a running server follows within
//! a second. Tokens are read from files, sealed, and never printed again. The webhook's address is printed, because somebody
//! may have to put it in by hand; whoever has it can tell us things.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::find;
use super::reach::{BudgetArgs, DialectName, base_url, dialect_text, is_here, token};
use crate::actors::outside::ChannelOptions;
use crate::cli::output::time_text;
use crate::cli::{Context, Exit, Failure, Outcome, StoreFlags};
use crate::room::{ChannelKind, CompanyNo};
use crate::store::{ChannelRow, NewChannel, Store};

#[derive(Debug, Subcommand)]
pub enum ChannelCommand {
    /// Connect a channel, or change how it is reached; what is not given goes back to its default
    Set(Box<SetArgs>),
    /// Print how it is reached, without the tokens
    Show {
        company: String,
        #[command(flatten)]
        store: StoreFlags,
    },
    /// Disconnect it: the company's rooms live here from then on
    Clear {
        company: String,
        #[command(flatten)]
        store: StoreFlags,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum KindName {
    /// Here: there is nobody outside to tell
    Embedded,
    /// In Qontak's omnichannel inbox
    #[default]
    Qontak,
    /// On WhatsApp, by Meta's Cloud API
    #[value(name = "whatsapp_cloud")]
    WhatsappCloud,
}

#[derive(Debug, Args)]
pub struct SetArgs {
    company: String,
    #[arg(long, value_enum, default_value_t)]
    kind: KindName,
    /// https://host or http://host:port, nothing behind it [default for whatsapp_cloud: https://graph.facebook.com]
    #[arg(long, value_name = "URL", required_if_eq("kind", "qontak"))]
    base_url: Option<String>,
    /// File with the token: of an admin or supervisor there, or of a system user at Meta
    #[arg(long, value_name = "FILE", required_if_eq_any([("kind", "qontak"), ("kind", "whatsapp_cloud")]))]
    token_file: Option<PathBuf>,
    /// File with the bot's token, with which messages are sent
    #[arg(long, value_name = "FILE")]
    bot_token_file: Option<PathBuf>,
    /// Meta's id of the business's phone number
    #[arg(long, value_name = "ID", required_if_eq("kind", "whatsapp_cloud"))]
    phone_number_id: Option<String>,
    /// File with the app's secret, with which Meta signs webhooks
    #[arg(long, value_name = "FILE", required_if_eq("kind", "whatsapp_cloud"))]
    app_secret_file: Option<PathBuf>,
    /// Version of Meta's API [default: v23.0]
    #[arg(long, value_name = "VERSION")]
    api_version: Option<String>,
    /// Where this server is reached from there, nothing behind it: its webhooks come to it
    #[arg(long, value_name = "URL", required_if_eq_any([("kind", "qontak"), ("kind", "whatsapp_cloud")]))]
    public_url: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    dialect: DialectName,
    #[command(flatten)]
    budget: BudgetArgs,
    /// So long a message in Qontak's chat whose answer was lost is looked for among what the chat tells [default: 600000]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(i64).range(0..=600_000))]
    echo_wait_ms: Option<i64>,
    /// Make the webhook's address anew; the old one ends
    #[arg(long)]
    new_secret: bool,
    #[command(flatten)]
    store: StoreFlags,
}

pub async fn run(context: &Context, command: ChannelCommand) -> Outcome {
    match command {
        ChannelCommand::Set(args) if args.kind == KindName::Embedded => clear(context, &args.company, &args.store, false).await,
        ChannelCommand::Set(args) => set(context, &args).await,
        ChannelCommand::Show { company, store } => {
            let store = context.store_beside(&store)?;
            let shown = show(context, &store, &company).await;
            store.close();
            shown
        }
        ChannelCommand::Clear { company, store } => clear(context, &company, &store, true).await,
    }
}

/// Everything that can be wrong with them is looked at before the database is touched.
fn read(args: &SetArgs) -> Result<NewChannel, Failure> {
    let given = |value: &Option<String>, flag: &'static str| match value {
        Some(text) => base_url(flag, text),
        None => Err(Failure::usage(format!("{flag} is needed"))),
    };
    let file = args.token_file.as_ref().ok_or_else(|| Failure::usage("--token-file is needed"))?;
    let (kind, options, base_url) = match args.kind {
        KindName::WhatsappCloud => {
            let graph = Some(args.base_url.clone().unwrap_or_else(|| GRAPH.to_owned()));
            (ChannelKind::WhatsappCloud, args.budget.checked_over(whatsapp_options(args)?)?, given(&graph, "--base-url")?)
        }
        _ => {
            let usual = ChannelOptions::default();
            let echo_wait_ms = args.echo_wait_ms.unwrap_or(usual.echo_wait_ms);
            let options = args.budget.checked_over(ChannelOptions { echo_wait_ms, ..usual })?;
            (ChannelKind::Qontak, options, given(&args.base_url, "--base-url")?)
        }
    };
    Ok(NewChannel {
        kind,
        base_url,
        public_url: given(&args.public_url, "--public-url")?,
        dialect: args.dialect.dialect(),
        options,
        token: token(file)?,
        bot_token: args.bot_token_file.as_ref().map(|file| token(file)).transpose()?,
        app_secret: args.app_secret_file.as_ref().map(|file| token(file)).transpose()?,
        new_secret: args.new_secret,
    })
}

/// Where Meta's API is.
const GRAPH: &str = "https://graph.facebook.com";

/// Meta lets a number send 80 messages a second unless it says otherwise; some room is left.
fn whatsapp_options(args: &SetArgs) -> Result<ChannelOptions, Failure> {
    let account = args.phone_number_id.clone().ok_or_else(|| Failure::usage("--phone-number-id is needed"))?;
    if account.is_empty() || account.len() > 32 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Failure::usage("--phone-number-id must be the number's id at Meta: digits only"));
    }
    let usual =
        ChannelOptions { per_second: 50.0, per_minute: 3_000.0, burst: 50, account: Some(account), ..ChannelOptions::default() };
    let api_version = args.api_version.clone().unwrap_or(usual.api_version.clone());
    let (major, minor) = api_version.trim_start_matches('v').split_once('.').unwrap_or_default();
    let number = |text: &str| !text.is_empty() && text.len() < 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !api_version.starts_with('v') || !number(major) || !number(minor) {
        return Err(Failure::usage("--api-version must be like v23.0"));
    }
    Ok(ChannelOptions { api_version, ..usual })
}

async fn set(context: &Context, args: &SetArgs) -> Outcome {
    let new = read(args)?;
    let kind = new.kind;
    let (base_url, public_url, dialect) = (new.base_url.clone(), new.public_url.clone(), dialect_text(new.dialect));
    let bot_token = new.bot_token.as_ref().map_or("none", |_| "sealed");
    let store = context.store_beside(&args.store)?;
    let row = find(&store, &args.company).await?;
    let (_, webhook_url) = store.directory().set_channel(row.no, new, &context.by()).await?;
    store.close();
    if base_url.starts_with("http://") && !is_here(&base_url) {
        context.output.note("bellhop: this channel is not reached over https, so its token travels readable for others");
    }
    if public_url.starts_with("http://") && !is_here(&public_url) {
        context.output.note("bellhop: webhooks will not come over https, so their secret address travels readable for others");
    }
    let document = serde_json::json!({
        "company": row.name, "kind": kind.as_str(), "base_url": base_url, "dialect": dialect, "token": "sealed",
        "bot_token": bot_token, "webhook_url": webhook_url.reveal()
    });
    context.output.result(&document, || {
        let name = &row.name;
        format!("{name}'s conversations live at {base_url}; the tokens are sealed\nwebhooks come to {}", webhook_url.reveal())
    });
    Ok(Exit::Ok)
}

/// `must_be`: that there was none is a failure.
async fn clear(context: &Context, company: &str, flags: &StoreFlags, must_be: bool) -> Outcome {
    let store = context.store_beside(flags)?;
    let row = find(&store, company).await?;
    let cleared = store.directory().clear_channel(row.no, &context.by()).await?;
    store.close();
    if !cleared && must_be {
        return Err(not_set(company));
    }
    let document = serde_json::json!({ "company": row.name, "kind": ChannelKind::Embedded.as_str(), "cleared": cleared });
    context.output.result(&document, || format!("{}'s conversations live here", row.name));
    Ok(Exit::Ok)
}

async fn show(context: &Context, store: &Store, company: &str) -> Outcome {
    let row = find(store, company).await?;
    let channel = store.queries().channel(row.no).await?.ok_or_else(|| not_set(company))?;
    let (token, bot_token, webhook_url) = opened(context, store, row.no).await;
    let document = serde_json::json!({
        "company": row.name, "kind": channel.kind.as_str(), "base_url": channel.base_url,
        "dialect": dialect_text(channel.dialect), "token": token, "bot_token": bot_token, "webhook_url": webhook_url,
        "options": channel.options, "version": channel.version, "updated_at": time_text(channel.updated_at),
        "webhooks_waiting": channel.waiting
    });
    context.output.result(&document, || text(context, &channel, token, bot_token, webhook_url.as_deref()));
    Ok(Exit::Ok)
}

/// Opened for the look whether this installation's secret still opens it, and let go but for the address.
async fn opened(context: &Context, store: &Store, company: CompanyNo) -> (&'static str, &'static str, Option<String>) {
    match store.vault().channel(company).await {
        Ok(access) => {
            let bot = access.as_ref().and_then(|access| access.bot_token.as_ref()).map_or("none", |_| "sealed");
            let address = access.and_then(|access| access.webhook_url).map(|address| address.reveal().to_owned());
            ("sealed", bot, address)
        }
        Err(why) => {
            context.output.note(&format!("bellhop: {why}"));
            ("unreadable", "unreadable", None)
        }
    }
}

fn text(context: &Context, channel: &ChannelRow, token: &str, bot_token: &str, webhook_url: Option<&str>) -> String {
    let line = |name: &str, value: &str| vec![name.to_owned(), value.to_owned()];
    let mut rows = vec![
        line("kind", channel.kind.as_str()),
        line("base_url", &channel.base_url),
        line("dialect", dialect_text(channel.dialect)),
        line("token", token),
        line("bot_token", bot_token),
        line("webhook_url", webhook_url.unwrap_or("unreadable")),
    ];
    if let Ok(serde_json::Value::Object(options)) = serde_json::to_value(&channel.options) {
        rows.extend(options.into_iter().map(|(name, value)| vec![name, super::plain(&value)]));
    }
    rows.push(line("updated_at", &time_text(channel.updated_at)));
    rows.push(line("webhooks", &format!("{} waiting", channel.waiting)));
    context.output.table(&["channel", "value"], &rows)
}

fn not_set(company: &str) -> Failure {
    let how = format!("bellhop company channel set {company} --base-url URL --token-file FILE --public-url URL");
    Failure::new(Exit::NotFound, format!("{company} has no channel, its rooms live here; connect one with `{how}`"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::Cli;

    #[test]
    fn the_outside_contract_parses() {
        let parses = |line: &str| Cli::try_parse_from(line.split_whitespace()).is_ok();
        let set = "bellhop company channel set acme --kind qontak --base-url http://127.0.0.1:9090 --token-file F \
                   --bot-token-file F --public-url http://127.0.0.1:8080 --database-url sqlite:b.db";
        let more = "--dialect gateway --per-second 2.5 --per-minute 50 --burst 1 --grace-ms 0 --attempt-timeout-ms 500 --echo-wait-ms 0 --new-secret --json";
        for line in [
            set,
            &format!("{set} {more}"),
            "bellhop company channel set acme --kind embedded",
            "bellhop company channel set acme --kind whatsapp_cloud --phone-number-id 106540352242922 --token-file F \
             --app-secret-file F --public-url https://us.test --api-version v23.0",
            "bellhop company channel show acme",
            "bellhop company channel clear acme --json",
        ] {
            assert!(parses(line), "{line}");
        }
        assert!(!parses("bellhop company channel set acme --kind qontak --base-url http://x --token-file F"));
    }
}
