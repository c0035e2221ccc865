//! How an outside system of a company is reached, as the commands for its CRM and its channel ask: address, dialect, token file,
//! budget. Never repeats what may hold a secret.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::{Args, ValueEnum};

use crate::actors::outside::{ChannelOptions, CrmDialect, Secret};
use crate::cli::Failure;

/// A token is some hundred letters; a refreshable one with its client's names some thousand.
const LARGEST_TOKEN_FILE: u64 = 16 * 1_024;

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum DialectName {
    /// /api/v3.1 with a bearer token
    #[default]
    Bearer,
    /// /qontak/crm with requests signed by HMAC
    Gateway,
}

impl DialectName {
    pub const fn dialect(self) -> CrmDialect {
        match self {
            Self::Bearer => CrmDialect::Bearer,
            Self::Gateway => CrmDialect::Gateway,
        }
    }
}

pub const fn dialect_text(dialect: CrmDialect) -> &'static str {
    match dialect {
        CrmDialect::Bearer => "bearer",
        CrmDialect::Gateway => "gateway",
    }
}

/// How much may be asked of it, and how long an answer may take.
#[derive(Debug, Args)]
pub struct BudgetArgs {
    /// Requests a second, at most [default: 5]
    #[arg(long, value_name = "NUMBER")]
    per_second: Option<f64>,
    /// Requests a minute, at most [default: 100]
    #[arg(long, value_name = "NUMBER")]
    per_minute: Option<f64>,
    /// Requests that may leave at once after a quiet time [default: 5]
    #[arg(long, value_name = "NUMBER")]
    burst: Option<u32>,
    /// So long a request that was given up may still land [default: 10000]
    #[arg(long, value_name = "MS")]
    grace_ms: Option<i64>,
    /// An attempt is given up after this time [default: 10000]
    #[arg(long, value_name = "MS")]
    attempt_timeout_ms: Option<i64>,
    /// So long a message whose answer was lost is waited for [default: 45000]
    #[arg(long, value_name = "MS", hide = true)]
    status_wait_ms: Option<i64>,
}

impl BudgetArgs {
    pub fn checked(&self) -> Result<ChannelOptions, Failure> {
        self.checked_over(ChannelOptions::default())
    }

    /// `usual`: what counts where nothing is given.
    pub fn checked_over(&self, usual: ChannelOptions) -> Result<ChannelOptions, Failure> {
        let options = ChannelOptions {
            per_second: self.per_second.unwrap_or(usual.per_second),
            per_minute: self.per_minute.unwrap_or(usual.per_minute),
            burst: self.burst.unwrap_or(usual.burst),
            attempt_timeout_ms: self.attempt_timeout_ms.unwrap_or(usual.attempt_timeout_ms),
            grace_ms: self.grace_ms.unwrap_or(usual.grace_ms),
            status_wait_ms: self.status_wait_ms.unwrap_or(usual.status_wait_ms),
            ..usual
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
        let times = [
            ("--grace-ms", options.grace_ms, 0, 600_000),
            ("--attempt-timeout-ms", options.attempt_timeout_ms, 50, 120_000),
            ("--status-wait-ms", options.status_wait_ms, 0, 600_000),
        ];
        if let Some((name, _, least, most)) = times.iter().find(|(_, ms, least, most)| !(*least..=*most).contains(ms)) {
            return Err(Failure::usage(format!("{name} must be {least} to {most}")));
        }
        Ok(options)
    }
}

/// Scheme, host and port, without a slash at the end.
pub fn base_url(flag: &str, text: &str) -> Result<String, Failure> {
    // What was given is not repeated: it may hold a password.
    let wrong = |why: &str| Failure::usage(format!("{flag} {why}"));
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
pub fn is_here(base_url: &str) -> bool {
    let host = reqwest::Url::parse(base_url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// The file's content without blanks around it: one line of a token, or a JSON object of a refreshable one.
pub fn token(path: &Path) -> Result<Secret, Failure> {
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
    use super::*;
    use crate::cli::Exit;

    #[test]
    fn a_base_url_ends_with_its_host() {
        for (given, kept) in [
            ("https://crm.qontak.com", "https://crm.qontak.com"),
            (" http://127.0.0.1:9090/ ", "http://127.0.0.1:9090"),
            ("https://CRM.qontak.com:443", "https://crm.qontak.com"),
        ] {
            assert_eq!(base_url("--base-url", given).unwrap(), kept);
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
            let failure = base_url("--base-url", wrong).unwrap_err();
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
