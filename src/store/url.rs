//! Which database, and what can go wrong with it. Never prints a password.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where everything is remembered: `sqlite:bellhop.db`, `sqlite:/absolute/path`, `postgres://user@127.0.0.1:5432/db`.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    Sqlite(PathBuf),
    Postgres(String),
}

/// Sorted by what the holder can do next; each shows as one sentence for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("The database URL is not usable: {0}.")]
    BadUrl(String),
    #[error(
        "The database was made by a newer Bellhop (its schema is {found}, this program knows up to {known}); use that version."
    )]
    NewerSchema { found: String, known: String },
    #[error("The database's schema is {found}, this program needs {known}; run `bellhop migrate`.")]
    OlderSchema { found: String, known: String },
    /// Another `serve` has the file, or every reader is occupied: try again later.
    #[error("{0}")]
    Busy(String),
    /// The database cannot be reached, is full or read-only; nothing was written.
    #[error("The database is not available: {0}.")]
    Unavailable(String),
    #[error("{0}")]
    Conflict(String),
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    #[error("{0}")]
    Invalid(String),
    /// The secret key file is not one, or is no secret.
    #[error("{0}")]
    BadSecret(String),
    /// A statement failed in a way that is nobody's fault but ours.
    #[error("The database did not understand us while {doing}.")]
    Failed { doing: &'static str, source: diesel::result::Error },
    #[error("{what}")]
    Io { what: String, source: std::io::Error },
}

impl FromStr for StoreUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" {
                return Err(StoreError::BadUrl("sqlite: needs the path of a file".into()));
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let parsed = tokio_postgres::Config::from_str(text).map_err(|error| StoreError::BadUrl(describe(&error)))?;
            if parsed.get_ssl_mode() == tokio_postgres::config::SslMode::Require {
                return Err(StoreError::BadUrl(
                    "connections to PostgreSQL are made without TLS, so sslmode=require cannot be kept".into(),
                ));
            }
            return Ok(Self::Postgres(text.to_owned()));
        }
        Err(StoreError::BadUrl("it must begin with sqlite: or postgres://".into()))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&masked(url)),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

/// The password stands between the first `:` after the scheme and the last `@` of the authority, or in `password=`.
fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "postgres://…".into() };
    let (before_query, query) = rest.split_once('?').map_or((rest, None), |(a, b)| (a, Some(b)));
    let mut out = format!("{scheme}://");
    match before_query.rsplit_once('@') {
        Some((user, host)) => {
            let name = user.split_once(':').map_or(user, |(name, _)| name);
            out.push_str(name);
            out.push_str(if name.len() == user.len() { "@" } else { ":***@" });
            out.push_str(host);
        }
        None => out.push_str(before_query),
    }
    if let Some(query) = query {
        let shown: Vec<&str> =
            query.split('&').map(|pair| if pair.starts_with("password=") { "password=***" } else { pair }).collect();
        out.push('?');
        out.push_str(&shown.join("&"));
    }
    out
}

/// An error and what caused it, in one line.
pub(in crate::store) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for text in ["postgres://me:s3cr3t@h:5432/db", "postgres://me:s3@cr3t@h/db?password=s3cr3t&connect_timeout=3"] {
            let shown = StoreUrl::Postgres(text.into()).to_string();
            assert!(!shown.contains("cr3t") && shown.contains("me:***@h"), "{shown}");
        }
        assert_eq!("sqlite:a.db".parse::<StoreUrl>().unwrap(), StoreUrl::Sqlite("a.db".into()));
        for bad in ["mysql://x", "sqlite:", "postgres://h/db?sslmode=require", "sqlite::memory:"] {
            assert!(bad.parse::<StoreUrl>().is_err(), "{bad}");
        }
    }
}
