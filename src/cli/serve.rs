//! `bellhop serve`: run the server until it is told to stop or must not go on.

use clap::Args;

use super::{Context, Exit, Failure, Outcome, StoreFlags};
use crate::app::{Running, Signals};
use crate::telemetry;

#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    store: StoreFlags,
    /// Address and port [env: BELLHOP_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long)]
    listen: Option<String>,
    /// Do not bring the schema up to date at the start [env: BELLHOP_MIGRATE=false]
    #[arg(long)]
    no_migrate: bool,
    /// Log filter [env: BELLHOP_LOG] [default: info]
    #[arg(long)]
    log: Option<String>,
    /// auto, json or pretty [env: BELLHOP_LOG_FORMAT] [default: auto]
    #[arg(long)]
    log_format: Option<String>,
    /// Web threads [env: BELLHOP_WORKERS] [default: one for each processor]
    #[arg(long)]
    workers: Option<String>,
    /// Calls one room holds before it answers busy [env: BELLHOP_MAX_IN_FLIGHT_PER_ROOM] [default: 1024]
    #[arg(long)]
    max_in_flight_per_room: Option<String>,
    /// Seconds without work after which a room leaves memory [env: BELLHOP_IDLE_AFTER_S] [default: 300]
    #[arg(long)]
    idle_after_s: Option<String>,
    /// Threads that read the store [env: BELLHOP_READERS] [default: 2]
    #[arg(long)]
    readers: Option<String>,
    /// Commits waiting for the write lane [env: BELLHOP_JOURNAL_QUEUE] [default: 4096]
    #[arg(long)]
    journal_queue: Option<String>,
    /// Where files lie: s3://bucket/prefix; empty: in the data folder [env: BELLHOP_FILES_URL]
    #[arg(long, value_name = "URL")]
    files_url: Option<String>,
    /// Address of the bucket's server, when it is not Amazon's [env: BELLHOP_FILES_ENDPOINT]
    #[arg(long, value_name = "URL")]
    files_endpoint: Option<String>,
    /// Region of the bucket [env: BELLHOP_FILES_REGION] [default: us-east-1]
    #[arg(long)]
    files_region: Option<String>,
    /// Whether the bucket's name stands in the path [env: BELLHOP_FILES_PATH_STYLE] [default: auto]
    #[arg(long)]
    files_path_style: Option<String>,
    /// File with the bucket's keys [env: BELLHOP_FILES_CREDENTIALS_FILE]
    #[arg(long, value_name = "FILE")]
    files_credentials_file: Option<String>,
    /// Virus scanner: off, or clamd at tcp://host:port or unix:/path [env: BELLHOP_SCAN] [default: off]
    #[arg(long)]
    scan: Option<String>,
    /// Hosts and networks that are not public but files are fetched from [env: BELLHOP_FILES_PRIVATE_ALLOW]
    #[arg(long)]
    files_private_allow: Option<String>,
    /// Address that customers reach this server at, for links to files [env: BELLHOP_PUBLIC_URL]
    #[arg(long)]
    public_url: Option<String>,
    /// Seconds that a link to a file opens it [env: BELLHOP_LINK_LIFETIME_S] [default: 604800]
    #[arg(long)]
    link_lifetime_s: Option<String>,
    /// Seconds that fetched files are kept behind the end of their call [env: BELLHOP_FETCHED_KEPT_S] [default: 2592000]
    #[arg(long)]
    fetched_kept_s: Option<String>,
    /// Seconds that requests in flight are given at the end [env: BELLHOP_STOP_WITHIN_S] [default: 10]
    #[arg(long)]
    stop_within_s: Option<String>,
}

pub async fn run(context: &Context, args: ServeArgs) -> Outcome {
    let mut flags = args.store.flags();
    let given = [
        ("listen", args.listen),
        ("migrate", args.no_migrate.then(|| "false".to_owned())),
        ("log", args.log),
        ("log_format", args.log_format),
        ("workers", args.workers),
        ("max_in_flight_per_room", args.max_in_flight_per_room),
        ("idle_after_s", args.idle_after_s),
        ("readers", args.readers),
        ("journal_queue", args.journal_queue),
        ("files_url", args.files_url),
        ("files_endpoint", args.files_endpoint),
        ("files_region", args.files_region),
        ("files_path_style", args.files_path_style),
        ("files_credentials_file", args.files_credentials_file),
        ("scan", args.scan),
        ("files_private_allow", args.files_private_allow),
        ("public_url", args.public_url),
        ("link_lifetime_s", args.link_lifetime_s),
        ("fetched_kept_s", args.fetched_kept_s),
        ("stop_within_s", args.stop_within_s),
    ];
    flags.values.extend(given.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let config = context.config(&flags)?;
    telemetry::start_log(&config.log, config.log_format);
    let mut signals = Signals::listen()?;
    let running = Running::start(&config).await?;
    let url = running.url();
    let document = serde_json::json!({
        "url": url,
        "listen": running.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "database_url": config.database_url.to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
    });
    tracing::info!(event = "server.started", url, database = %config.database_url, workers = config.workers, "serving");
    context.output.result(&document, || {
        format!(
            "bellhop {} on {url}\n  database  {}\n  settings  {}\n  docs      {url}/docs\n  stop      Ctrl-C",
            env!("CARGO_PKG_VERSION"),
            config.database_url,
            config.file.as_ref().map_or_else(|| "bellhop config show".to_owned(), |file| file.display().to_string()),
        )
    });
    tokio::select! {
        () = signals.next() => {}
        sentence = running.broken() => return Err(Failure::new(Exit::Failed, sentence)),
    }
    context.output.note("bellhop: stopping; a second signal ends it at once");
    let mut fatal = running.store.fatal();
    tokio::select! {
        () = running.stop() => {}
        () = signals.next() => return Err(Failure::new(Exit::Interrupted, "stopped at once by a second signal")),
        sentence = async { loop {
            if let Some(sentence) = fatal.borrow_and_update().clone() { break sentence }
            if fatal.changed().await.is_err() { std::future::pending::<()>().await }
        } } => return Err(Failure::new(Exit::Failed, sentence)),
    }
    tracing::info!(event = "server.stopped", "stopped");
    context.output.note("bellhop: stopped as asked");
    Ok(Exit::Ok)
}
