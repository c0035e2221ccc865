//! `bellhop company crm …`: how a company's CRM is reached, straight in the database; a running server follows within a second.
//! The token is read from a file, sealed, and never printed again, not even in an error.

pub mod check;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::find;
use crate::actors::outside::{CrmDialect, CrmOptions, Secret};
use crate::cli::output::time_text;
use crate::cli::{Context, Exit, Failure, Outcome, StoreFlags};
use crate::store::{CrmRow, Store};

/// A token is some hundred letters; a refreshable one with its client's names some thousand.
const LARGEST_TOKEN_FILE: u64 = 16 * 1_024;

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

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum DialectName {
    /// /api/v3.1 with a bearer token
    #[default]
    Bearer,
    /// /qontak/crm with requests signed by HMAC
    Gateway,
}

impl DialectName {
    const fn dialect(self) -> CrmDialect {
        match self {
            Self::Bearer => CrmDialect::Bearer,
            Self::Gateway => CrmDialect::Gateway,
        }
    }
}

const fn dialect_text(dialect: CrmDialect) -> &'static str {
    match dialect {
        CrmDialect::Bearer => "bearer",
        CrmDialect::Gateway => "gateway",
    }
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
    /// Requests a second, at most [default: 5]
    #[arg(long, value_name = "NUMBER")]
    per_second: Option<f64>,
    /// Requests a minute, at most [default: 100]
    #[arg(long, value_name = "NUMBER")]
    per_minute: Option<f64>,
    /// Requests that may leave at once after a quiet time [default: 5]
    #[arg(long, value_name = "NUMBER")]
    burst: Option<u32>,
    /// Label of the custom field that carries our reference [default: bellhop_reference]
    #[arg(long, value_name = "LABEL")]
    reference_field: Option<String>,
    /// Pipeline of a deal whose call names none [default: the first]
    #[arg(long, value_name = "NAME")]
    deal_pipeline: Option<String>,
    /// Pipeline of a ticket whose call names none [default: the first]
    #[arg(long, value_name = "NAME")]
    ticket_pipeline: Option<String>,
    /// Make a contact for a customer who has none
    #[arg(long)]
    create_contacts: bool,
    /// So long a request that was given up may still land [default: 10000]
    #[arg(long, value_name = "MS")]
    grace_ms: Option<i64>,
    /// An attempt is given up after this time [default: 10000]
    #[arg(long, value_name = "MS")]
    attempt_timeout_ms: Option<i64>,
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
    let (base_url, options) = (base_url(&args.base_url)?, options(args)?);
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

/// Scheme, host and port, without a slash at the end.
fn base_url(text: &str) -> Result<String, Failure> {
    // What was given is not repeated: it may hold a password.
    let wrong = |why: &str| Failure::usage(format!("--base-url {why}"));
    let url = reqwest::Url::parse(text.trim()).map_err(|error| wrong(&format!("is not a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("must begin with https:// or http:// and name a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must hold no name and no password; the token goes into a file"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must end with the host or port: paths are ours to add"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether nobody can listen on the way.
fn is_here(base_url: &str) -> bool {
    let host = reqwest::Url::parse(base_url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn options(args: &SetArgs) -> Result<CrmOptions, Failure> {
    let usual = CrmOptions::default();
    let options = CrmOptions {
        per_second: args.per_second.unwrap_or(usual.per_second),
        per_minute: args.per_minute.unwrap_or(usual.per_minute),
        burst: args.burst.unwrap_or(usual.burst),
        reference_field: args.reference_field.clone().unwrap_or(usual.reference_field),
        deal_pipeline: args.deal_pipeline.clone(),
        ticket_pipeline: args.ticket_pipeline.clone(),
        create_contacts: args.create_contacts,
        attempt_timeout_ms: args.attempt_timeout_ms.unwrap_or(usual.attempt_timeout_ms),
        grace_ms: args.grace_ms.unwrap_or(usual.grace_ms),
        template_ttl_ms: usual.template_ttl_ms,
        sso_id: args.sso_id.clone(),
    };
    // Also refuses what is not a number.
    let numbers = [
        ("--per-second", options.per_second, 0.01, 10_000.0),
        ("--per-minute", options.per_minute, 0.1, 600_000.0),
        ("--burst", f64::from(options.burst), 1.0, 10_000.0),
    ];
    if let Some((name, _, least, most)) = numbers.iter().find(|(_, number, least, most)| !(*least..=*most).contains(number)) {
        return Err(Failure::usage(format!("{name} must be {least} to {most}")));
    }
    let times = [("--grace-ms", options.grace_ms, 0, 600_000), ("--attempt-timeout-ms", options.attempt_timeout_ms, 50, 120_000)];
    if let Some((name, _, least, most)) = times.iter().find(|(_, ms, least, most)| !(*least..=*most).contains(ms)) {
        return Err(Failure::usage(format!("{name} must be {least} to {most}")));
    }
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

/// The file's content without blanks around it: one line of a token, or a JSON object of a refreshable one.
fn token(path: &Path) -> Result<Secret, Failure> {
    let shown = path.display();
    let wrong = |why: &str| Failure::usage(format!("the token file {shown} {why}"));
    let cannot = |error: std::io::Error| wrong(&format!("cannot be read: {error}"));
    let mut bytes = vec![];
    File::open(path).map_err(cannot)?.take(LARGEST_TOKEN_FILE + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST_TOKEN_FILE {
        return Err(wrong("is larger than 16 KiB"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("does not hold text"))?.trim();
    if text.is_empty() {
        return Err(wrong("is empty"));
    }
    // Errors of the JSON parser quote what they read.
    if text.starts_with('{') {
        if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_err() {
            return Err(wrong("begins like JSON and is none"));
        }
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong("must hold one token, of visible ASCII letters without blanks, or one JSON object"));
    }
    Ok(Secret::new(text.to_owned()))
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
                    --ticket-pipeline Help --create-contacts --grace-ms 0 --attempt-timeout-ms 500 --sso-id 7 --json";
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

    #[test]
    fn a_base_url_ends_with_its_host() {
        for (given, kept) in [
            ("https://crm.qontak.com", "https://crm.qontak.com"),
            (" http://127.0.0.1:9090/ ", "http://127.0.0.1:9090"),
            ("https://CRM.qontak.com:443", "https://crm.qontak.com"),
        ] {
            assert_eq!(base_url(given).unwrap(), kept);
        }
        for wrong in [
            "crm.qontak.com",
            "ftp://crm.qontak.com",
            "https://me:canary@crm.qontak.com",
            "https://canary@crm.qontak.com",
            "https://crm.qontak.com/api",
            "https://crm.qontak.com?x=canary",
            "https://crm.qontak.com#x",
            "https://",
            "",
        ] {
            let failure = base_url(wrong).unwrap_err();
            assert_eq!(
                (failure.exit, failure.sentence.contains("canary")),
                (Exit::Usage, false),
                "{wrong}: {}",
                failure.sentence
            );
        }
        assert!(is_here("http://127.0.0.1:9090") && is_here("http://[::1]:1") && is_here("http://localhost"));
        assert!(!is_here("http://crm.qontak.com") && !is_here("http://127.0.0.1.evil.test"));
    }

    #[test]
    fn a_token_file_is_read_or_refused_without_repeating_it() {
        let folder = tempfile::tempdir().unwrap();
        let of = |content: &[u8]| {
            let path = folder.path().join("token");
            std::fs::write(&path, content).unwrap();
            token(&path)
        };
        assert_eq!(of(b"  abc.DEF-1\r\n").unwrap().reveal(), "abc.DEF-1");
        assert_eq!(of(b"{\n \"access_token\": \"a\"\n}\n").unwrap().reveal(), "{\n \"access_token\": \"a\"\n}");
        assert_eq!(of(&[b'a'; 16 * 1_024]).unwrap().reveal().len(), 16 * 1_024);
        let large = [b'a'; 16 * 1_024 + 1];
        for wrong in
            [&b""[..], b" \n", b"canary two", b"canary\ntwo", b"{\"canary\"", b"canary\xff", "canar\u{e9}y".as_bytes(), &large]
        {
            let failure = of(wrong).unwrap_err();
            assert_eq!((failure.exit, failure.sentence.contains("canary")), (Exit::Usage, false), "{}", failure.sentence);
        }
        assert!(token(Path::new("/nowhere/token")).unwrap_err().sentence.contains("cannot be read"));
        assert!(token(folder.path()).is_err(), "a folder");
    }
}
