//! One tree of settings: a flag wins over the environment, the environment over the file, the file over the default.
//! The only file that reads the environment; nothing else may name `std::env`. It never prints a secret.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::library::{Bucket, KeyPair, ScanAddress};
use crate::outbound::Reach;
use crate::store::{StoreError, StoreUrl};

mod bucket;
mod keys;

use keys::OTHER_VARIABLES;
pub use keys::{KEYS, Key};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Flag,
    Environment,
    File,
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => "file",
            Self::Default => "default",
        })
    }
}

/// How the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Auto,
    Json,
    Pretty,
}

/// Why there is no configuration; each is one sentence for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration file {path} cannot be read: {source}")]
    Unreadable { path: String, source: std::io::Error },
    #[error("the configuration file {path} is not TOML: {what}")]
    NotToml { path: String, what: String },
    #[error("{place} is not a setting{hint}")]
    Unknown { place: String, hint: String },
    #[error("{name} (from {origin}) is {value:?}, but must be {wanted}")]
    Invalid { name: &'static str, origin: Origin, value: String, wanted: String },
    #[error("database_url (from {origin}): {source}")]
    Database { origin: Origin, source: StoreError },
}

/// What the process was given by its surroundings, read once.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Names without `BELLHOP_`.
    pub bellhop: BTreeMap<String, String>,
    /// `NO_COLOR` is set and not empty, or `TERM=dumb`.
    pub no_color: bool,
    /// Who sits at the terminal, for the audit.
    pub user: Option<String>,
    pub temporary: PathBuf,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, if the first two are set.
    pub aws_keys: Option<KeyPair>,
}

/// Whether a command line that could not be understood asks for this flag.
pub fn is_given(flag: &str) -> bool {
    std::env::args_os().skip(1).take_while(|word| word != "--").any(|word| word == flag)
}

impl Environment {
    pub fn read() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let bellhop = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.to_str()?.strip_prefix("BELLHOP_")?.to_owned(), value.to_str()?.to_owned())))
            .collect();
        Self {
            bellhop,
            no_color: text("NO_COLOR").is_some() || text("TERM").as_deref() == Some("dumb"),
            user: text("USER").or_else(|| text("LOGNAME")),
            temporary: std::env::temp_dir(),
            aws_keys: text("AWS_ACCESS_KEY_ID")
                .zip(text("AWS_SECRET_ACCESS_KEY"))
                .map(|(id, secret)| KeyPair::new(id, secret, text("AWS_SESSION_TOKEN"))),
        }
    }

    /// `BELLHOP_{name}`, when it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.bellhop.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// What the command line said: `config` is the file, the rest by setting name.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub config: Option<PathBuf>,
    pub values: Vec<(&'static str, String)>,
}

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: String,
    pub database_url: StoreUrl,
    pub data_dir: PathBuf,
    /// `None`: `bellhop.key` in `data_dir`, made at first use.
    pub secret_key_file: Option<PathBuf>,
    pub log: Arc<str>,
    pub log_format: LogFormat,
    pub migrate: bool,
    pub workers: usize,
    pub max_in_flight_per_room: u32,
    pub idle_after_s: u32,
    pub readers: usize,
    pub journal_queue: usize,
    pub stop_within_s: u32,
    /// `None`: files lie in `files` in `data_dir`.
    pub bucket: Option<Bucket>,
    /// `None`: files are not scanned.
    pub scan: Option<ScanAddress>,
    /// What files may be fetched from beside the public internet.
    pub files_private_allow: Reach,
    /// Without a slash at its end. `None`: links to files begin with a slash.
    pub public_url: Option<String>,
    pub link_lifetime_s: u32,
    pub fetched_kept_s: u32,
    /// In the order of `KEYS`, as they were written (or worked out), for `config show`.
    pub shown: Vec<Shown>,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// Where the process is to end itself, for tests (`Faults::dying`).
    #[cfg(debug_assertions)]
    pub die_at: Option<String>,
}

/// One line of `config show`.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    pub key: &'static str,
    pub value: String,
    pub origin: Origin,
    #[serde(skip)]
    pub help: &'static str,
}

impl Config {
    /// Reads and checks everything; a key nobody knows is an error, not silence.
    pub fn load(flags: &Flags, environment: &Environment) -> Result<Self, ConfigError> {
        let file = flags.config.clone().or_else(|| environment.get("CONFIG").map(PathBuf::from));
        let from_file = file.as_deref().map(read_file).transpose()?.unwrap_or_default();
        let from_environment = known_variables(environment)?;
        let mut found: BTreeMap<&'static str, (String, Origin)> = BTreeMap::new();
        for key in KEYS {
            let flag =
                flags.values.iter().rev().find(|(name, _)| *name == key.name).map(|(_, value)| (value.clone(), Origin::Flag));
            let value = flag
                .or_else(|| from_environment.get(key.name).map(|value| (value.clone(), Origin::Environment)))
                .or_else(|| from_file.get(key.name).map(|value| (value.clone(), Origin::File)))
                .unwrap_or_else(|| (key.default.to_owned(), Origin::Default));
            found.insert(key.name, value);
        }
        let values = Values(found);
        let bucket = values.bucket(environment)?;
        let config = Self { bucket, ..values.checked(file)? };
        #[cfg(debug_assertions)]
        let config = Self { die_at: environment.get("DIE_AT").map(str::to_owned), ..config };
        Ok(config)
    }

    /// Where the secret key is or will be.
    pub fn secret_key_path(&self) -> PathBuf {
        self.secret_key_file.clone().unwrap_or_else(|| self.data_dir.join("bellhop.key"))
    }
}

struct Values(BTreeMap<&'static str, (String, Origin)>);

impl Values {
    fn take(&self, name: &'static str) -> (String, Origin) {
        self.0.get(name).cloned().unwrap_or((String::new(), Origin::Default))
    }

    fn invalid<T>(&self, name: &'static str, wanted: impl Into<String>) -> Result<T, ConfigError> {
        let (value, origin) = self.take(name);
        Err(ConfigError::Invalid { name, origin, value, wanted: wanted.into() })
    }

    fn number(&self, name: &'static str, low: u32, high: u32) -> Result<u32, ConfigError> {
        match self.take(name).0.trim().parse::<u32>() {
            Ok(number) if (low..=high).contains(&number) => Ok(number),
            _ => self.invalid(name, format!("a whole number from {low} to {high}")),
        }
    }

    fn checked(mut self, file: Option<PathBuf>) -> Result<Config, ConfigError> {
        let listen = self.take("listen").0;
        if listen.rsplit_once(':').is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err()) {
            return self.invalid("listen", "an address and a port, like 127.0.0.1:8080 or [::1]:8080");
        }
        let (url, origin) = self.take("database_url");
        let database_url: StoreUrl = url.parse().map_err(|source| ConfigError::Database { origin, source })?;
        // A password in the address must not reach `config show`.
        self.work_out("database_url", true, || database_url.to_string());
        self.work_out("data_dir", false, || default_data_dir(&database_url).display().to_string());
        let data_dir = PathBuf::from(self.take("data_dir").0);
        let (explicit, _) = self.take("secret_key_file");
        let secret_key_file = (!explicit.is_empty()).then(|| PathBuf::from(explicit));
        self.work_out("secret_key_file", false, || data_dir.join("bellhop.key").display().to_string());
        self.work_out("workers", false, || {
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(64).to_string()
        });
        let log_format = match self.take("log_format").0.as_str() {
            "auto" => LogFormat::Auto,
            "json" => LogFormat::Json,
            "pretty" => LogFormat::Pretty,
            _ => return self.invalid("log_format", "auto, json or pretty"),
        };
        let migrate = match self.take("migrate").0.as_str() {
            "true" | "1" | "yes" => true,
            "false" | "0" | "no" => false,
            _ => return self.invalid("migrate", "true or false"),
        };
        let (log, _) = self.take("log");
        if log.parse::<tracing_subscriber::EnvFilter>().is_err() {
            return self.invalid("log", "a level (error, warn, info, debug, trace) or a filter like bellhop=debug,warn");
        }
        let scan = match self.take("scan").0.as_str() {
            "off" => None,
            address => match address.parse() {
                Ok(address) => Some(address),
                Err(()) => return self.invalid("scan", "off, tcp://host:port or unix:/path"),
            },
        };
        let public_url = match self.take("public_url").0.trim_end_matches('/') {
            "" => None,
            url if (url.starts_with("https://") || url.starts_with("http://")) && !url.contains(['?', '#', ' ']) => {
                Some(url.to_owned())
            }
            _ => return self.invalid("public_url", "an address like https://chat.example.com"),
        };
        let Ok(files_private_allow) = self.take("files_private_allow").0.parse() else {
            return self.invalid("files_private_allow", "hosts, addresses or networks, like files.intranet,10.1.0.0/16");
        };
        Ok(Config {
            bucket: None,
            scan,
            files_private_allow,
            public_url,
            link_lifetime_s: self.number("link_lifetime_s", 1, 31_536_000)?,
            fetched_kept_s: self.number("fetched_kept_s", 1, 31_536_000)?,
            listen,
            database_url,
            data_dir,
            secret_key_file,
            log: log.into(),
            log_format,
            migrate,
            workers: self.number("workers", 1, 64)? as usize,
            max_in_flight_per_room: self.number("max_in_flight_per_room", 1, 65_536)?,
            idle_after_s: self.number("idle_after_s", 1, 86_400)?,
            readers: self.number("readers", 1, 64)? as usize,
            journal_queue: self.number("journal_queue", 16, 1_048_576)? as usize,
            stop_within_s: self.number("stop_within_s", 1, 12)?,
            shown: KEYS
                .iter()
                .map(|key| {
                    let (value, origin) = self.take(key.name);
                    Shown { key: key.name, value, origin, help: key.help }
                })
                .collect(),
            file,
            #[cfg(debug_assertions)]
            die_at: None,
        })
    }

    fn work_out(&mut self, name: &'static str, always: bool, value: impl FnOnce() -> String) {
        if let Some(slot) = self.0.get_mut(name)
            && (always || slot.0.is_empty())
        {
            slot.0 = value();
        }
    }
}

fn default_data_dir(url: &StoreUrl) -> PathBuf {
    match url {
        StoreUrl::Sqlite(file) => match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        },
        StoreUrl::Postgres(_) => PathBuf::from("./.bellhop"),
    }
}

fn read_file(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: shown.clone(), source })?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| ConfigError::NotToml { path: shown.clone(), what: one_line(&error.to_string()) })?;
    let mut values = BTreeMap::new();
    for (name, value) in table {
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            return Err(unknown(format!("{name:?} in {shown}"), &name, |name| name.to_owned()));
        };
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            other => {
                let wanted = "a text, a whole number or true/false".into();
                return Err(ConfigError::Invalid { name: key.name, origin: Origin::File, value: other.to_string(), wanted });
            }
        };
        values.insert(name, value);
    }
    Ok(values)
}

fn known_variables(environment: &Environment) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut values = BTreeMap::new();
    for (variable, value) in &environment.bellhop {
        let name = variable.to_ascii_lowercase();
        if KEYS.iter().any(|key| key.name == name) && *variable == name.to_ascii_uppercase() {
            if !value.is_empty() {
                values.insert(name, value.clone());
            }
        } else if !OTHER_VARIABLES.contains(&variable.as_str()) && !set_by_others(variable) {
            return Err(unknown(format!("BELLHOP_{variable}"), &name, |name| format!("BELLHOP_{}", name.to_ascii_uppercase())));
        }
    }
    Ok(values)
}

/// Tests and benches pass their own things along, and Kubernetes describes a service called "bellhop" to every
/// neighbour in variables of these names; neither is anybody's typing mistake.
fn set_by_others(variable: &str) -> bool {
    ["TEST_", "BENCH_", "SERVICE_", "PORT_"].iter().any(|prefix| variable.starts_with(prefix)) || variable == "PORT"
}

fn unknown(place: String, name: &str, spell: impl Fn(&str) -> String) -> ConfigError {
    let hint = nearest(name, KEYS.iter().map(|key| key.name))
        .map_or_else(|| "; `bellhop config show` lists them all".to_owned(), |found| format!("; did you mean {}?", spell(found)));
    ConfigError::Unknown { place, hint }
}

/// The candidate most like `name`, if any is like it.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(alike, _)| *alike > 0.75)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, candidate)| candidate)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
