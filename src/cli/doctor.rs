//! `bellhop doctor`: looks at this machine and its configuration, leaves everything as it was, and says the next command for what is wrong.

mod channel;
mod crm;
mod files;
mod postgres;

use std::io::Read;
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::http::{Client, Request};
use super::output::Paint;
use super::{Context, Exit, Failure, Outcome, StoreFlags};
use crate::config::Config;
use crate::store::{Pepper, Store, StoreError, StoreOptions, StoreUrl};

#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    store: StoreFlags,
    /// The address `serve` is to use [env: BELLHOP_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long)]
    listen: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    status: Level,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

fn check(name: &'static str, status: Level, detail: impl Into<String>, next: Option<&str>) -> Check {
    Check { name, status, detail: detail.into(), next: next.map(str::to_owned) }
}

pub async fn run(context: &Context, args: DoctorArgs) -> Outcome {
    let mut flags = args.store.flags();
    flags.values.extend(args.listen.map(|listen| ("listen", listen)));
    let checks = match context.config(&flags) {
        Err(failure) => vec![check("config", Level::Fail, failure.sentence, Some("bellhop config show"))],
        Ok(config) => {
            let _waiting = context.output.waits_for("looking");
            all(&config).await
        }
    };
    let worst = checks.iter().map(|check| check.status).max_by_key(|level| *level as u8).unwrap_or(Level::Ok);
    let document = serde_json::json!({ "status": worst, "checks": checks });
    context.output.result(&document, || text(context, &checks));
    if worst == Level::Fail {
        let failed =
            checks.iter().filter(|check| check.status == Level::Fail).map(|check| check.name).collect::<Vec<_>>().join(", ");
        context.output.note(&format!("bellhop: failed checks: {failed}"));
        return Ok(Exit::CheckFailed);
    }
    Ok(Exit::Ok)
}

fn text(context: &Context, checks: &[Check]) -> String {
    let mut lines = vec![];
    for check in checks {
        let (paint, word) = match check.status {
            Level::Ok => (Paint::Good, "ok  "),
            Level::Warn => (Paint::Warning, "warn"),
            Level::Fail => (Paint::Bad, "fail"),
        };
        lines.push(format!("{}  {:<11} {}", context.output.paint(paint, word), check.name, check.detail));
        if let Some(next) = &check.next {
            lines.push(format!("                  next: {next}"));
        }
    }
    lines.join("\n")
}

async fn all(config: &Config) -> Vec<Check> {
    let from = config.file.as_ref().map_or("no file".to_owned(), |file| file.display().to_string());
    let mut checks =
        vec![check("config", Level::Ok, format!("{} settings, {from}", config.shown.len()), None), secret_key(config)];
    checks.extend(database(config).await);
    checks.extend(durability(config));
    checks.push(disk(config));
    checks.extend(files::checks(config).await);
    checks.push(port(config).await);
    checks
}

fn secret_key(config: &Config) -> Check {
    let path = config.secret_key_path();
    let shown = path.display();
    match std::fs::metadata(&path) {
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            let mode = found.permissions().mode() & 0o777;
            check(
                "secret key",
                Level::Fail,
                format!("{shown} can be read by others (mode {mode:04o})"),
                Some(&format!("chmod 600 {shown}")),
            )
        }
        Ok(_) => check("secret key", Level::Ok, format!("{shown} is readable by its owner only"), None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let level = if sqlite_file(config).is_some_and(Path::exists) { Level::Warn } else { Level::Ok };
            let next =
                (level == Level::Warn).then_some("bring back the backup of bellhop.key; without it no existing API key is valid");
            check("secret key", level, format!("{shown} does not exist yet; it is made at first use"), next)
        }
        Err(error) => {
            check("secret key", Level::Fail, format!("{shown} cannot be looked at: {error}"), Some("bellhop config show"))
        }
    }
}

fn sqlite_file(config: &Config) -> Option<&Path> {
    match &config.database_url {
        StoreUrl::Sqlite(file) => Some(file),
        StoreUrl::Postgres(_) => None,
    }
}

/// The database, its schema, and the clock against what the database remembers.
async fn database(config: &Config) -> Vec<Check> {
    if sqlite_file(config).is_some_and(|file| !file.exists()) {
        let missing =
            check("database", Level::Warn, format!("{} does not exist yet", config.database_url), Some("bellhop migrate"));
        return vec![missing, clock(None)];
    }
    // Keys are not looked at, so no secret is needed and none is made.
    let pepper = if config.secret_key_path().exists() {
        Pepper::load_or_make(config.secret_key_file.as_deref(), &config.data_dir).unwrap_or(Pepper([0; 32]))
    } else {
        Pepper([0; 32])
    };
    let options = StoreOptions {
        url: config.database_url.clone(),
        migrate: false,
        readers: 1,
        journal_queue: config.journal_queue,
        pepper,
    };
    let store = match Store::open_beside(options) {
        Ok(store) => store,
        Err(error) => {
            let next = match &error {
                StoreError::OlderSchema { .. } => "bellhop migrate",
                StoreError::NewerSchema { .. } => "use the newer bellhop that made this database",
                _ => "check --database-url and that the server of the database runs",
            };
            let name = if matches!(error, StoreError::OlderSchema { .. } | StoreError::NewerSchema { .. }) {
                "schema"
            } else {
                "database"
            };
            return vec![check(name, Level::Fail, Failure::from(error).sentence, Some(next)), clock(None)];
        }
    };
    let queries = store.queries();
    let mut checks = vec![];
    match queries.ping().await {
        Ok(()) => checks.push(check("database", Level::Ok, format!("{} answers", config.database_url), None)),
        Err(error) => checks.push(check("database", Level::Fail, Failure::from(error).sentence, Some("bellhop migrate"))),
    }
    checks.push(check("schema", Level::Ok, "up to date", None));
    checks.extend(postgres::checks(&queries).await);
    let companies = queries.companies().await.unwrap_or_default();
    if companies.is_empty() {
        checks.push(check("companies", Level::Warn, "there is no company yet", Some("bellhop company create NAME")));
    }
    checks.extend(crm::checks(&store, &companies).await);
    checks.extend(channel::checks(&store, &companies).await);
    checks.push(clock(companies.iter().map(|company| company.created_at.0).max()));
    store.close();
    checks
}

/// `newest_us`: the newest time the database knows, in microseconds.
fn clock(newest_us: Option<i64>) -> Check {
    const YEAR_2025_US: i64 = 1_735_689_600_000_000;
    let now = jiff::Timestamp::now();
    if now.as_microsecond() < YEAR_2025_US {
        return check("clock", Level::Fail, format!("this machine thinks it is {now:.0}"), Some("timedatectl set-ntp true"));
    }
    match newest_us {
        Some(newest) if newest > now.as_microsecond() + 1_000_000 => {
            check("clock", Level::Fail, "the database has entries from the future", Some("timedatectl set-ntp true"))
        }
        _ => check("clock", Level::Ok, format!("{now:.0}"), None),
    }
}

/// What can be seen of the file from outside; `serve` asserts the settings of its own connections at its start.
fn durability(config: &Config) -> Option<Check> {
    let file = sqlite_file(config)?;
    let folder = existing_folder(file);
    let kind = file_system(&folder).unwrap_or_default();
    if ["tmpfs", "ramfs"].contains(&kind.as_str()) {
        let detail = format!("{} is in memory ({kind}): a reboot loses it", folder.display());
        return Some(check("durability", Level::Warn, detail, None));
    }
    if ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"].contains(&kind.as_str()) {
        let detail = format!("{} is on a network ({kind}): SQLite's locks do not hold there", folder.display());
        return Some(check("durability", Level::Fail, detail, Some("put the file on a local disk, or use PostgreSQL")));
    }
    let mut head = [0_u8; 20];
    Some(match std::fs::File::open(file).and_then(|mut file| file.read_exact(&mut head)) {
        // Bytes 18 and 19 of a SQLite file are 2 when it is in WAL mode.
        Ok(()) if head[18..20] == [2, 2] => check("durability", Level::Ok, "WAL; synchronous=FULL is asserted by `serve`", None),
        Ok(()) => check("durability", Level::Warn, "the file is not in WAL mode yet", Some("bellhop migrate")),
        Err(_) => check("durability", Level::Ok, format!("{} is on a local disk ({kind})", folder.display()), None),
    })
}

fn existing_folder(file: &Path) -> PathBuf {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    absolute.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn file_system(folder: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/mounts").ok()?;
    let mount = |line: &str| {
        let mut words = line.split(' ').skip(1);
        Some((PathBuf::from(words.next()?), words.next()?.to_owned()))
    };
    let at = mounts.lines().filter_map(mount).filter(|(place, _)| folder.starts_with(place));
    at.max_by_key(|(place, _)| place.components().count()).map(|(_, kind)| kind)
}

fn disk(config: &Config) -> Check {
    const FAIL_KIB: u64 = 100 * 1024;
    const WARN_KIB: u64 = 1024 * 1024;
    let folder = sqlite_file(config).map_or_else(|| existing_folder(&config.data_dir.join("x")), existing_folder);
    let shown = folder.display();
    let free = std::process::Command::new("df").arg("-Pk").arg(&folder).output().ok().and_then(|output| {
        let text = String::from_utf8(output.stdout).ok()?;
        text.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()
    });
    match free {
        None => check("disk", Level::Warn, format!("free space of {shown} is unknown (no `df` here)"), None),
        Some(free) => {
            let level = match free {
                _ if free < FAIL_KIB => Level::Fail,
                _ if free < WARN_KIB => Level::Warn,
                _ => Level::Ok,
            };
            let next = (level != Level::Ok).then(|| format!("df -h {shown}"));
            check("disk", level, format!("{} MiB free in {shown}", free / 1024), next.as_deref())
        }
    }
}

async fn port(config: &Config) -> Check {
    let listen = config.listen.as_str();
    let Some(address) = listen.to_socket_addrs().ok().and_then(|mut addresses| addresses.next()) else {
        return check("port", Level::Fail, format!("{listen} is not an address of any machine"), Some("bellhop config show"));
    };
    if TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_err() {
        return match TcpListener::bind(address) {
            Ok(_) => check("port", Level::Ok, format!("{listen} is free"), Some("bellhop serve")),
            Err(error) => check(
                "port",
                Level::Fail,
                format!("{listen} cannot be used: {error}"),
                Some("bellhop serve --listen 127.0.0.1:0"),
            ),
        };
    }
    let ready = match Client::new(&format!("http://{address}"), None) {
        Ok(client) => tokio::time::timeout(Duration::from_secs(3), client.try_once(&Request::get(&["readyz"]))).await,
        Err(failure) => return check("port", Level::Fail, failure.sentence, None),
    };
    match ready {
        Ok(Ok(answer)) if answer.is_success() => check("port", Level::Ok, format!("{listen} is serving and ready"), None),
        Ok(Ok(answer)) if answer.status == 503 => {
            check("port", Level::Warn, format!("{listen} is serving, not ready"), Some("bellhop doctor"))
        }
        _ => {
            check("port", Level::Fail, format!("something else listens on {listen}"), Some("bellhop serve --listen 127.0.0.1:0"))
        }
    }
}
