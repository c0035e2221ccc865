//! How a command ends: one enum of exit codes, and the failure that carries a code and one sentence to standard error.

use std::fmt;

use crate::app::StartError;
use crate::config::ConfigError;
use crate::library::Refused;
use crate::store::StoreError;

/// Exit codes, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Ok = 0,
    Failed = 1,
    Usage = 2,
    Config = 3,
    Unreachable = 4,
    NotFound = 5,
    Refused = 6,
    Auth = 7,
    CheckFailed = 8,
    Interrupted = 130,
}

/// The same list for `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed
  2    wrong usage
  3    configuration or migration
  4    server or CRM not reachable, or port in use
  5    not found
  6    conflict, or refused
  7    key missing, wrong or not allowed, or a token refused
  8    a check failed
  130  interrupted";

impl Exit {
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// Stable word for `--json`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Config => "config",
            Self::Unreachable => "unreachable",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::Auth => "auth",
            Self::CheckFailed => "check_failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    /// One line.
    pub sentence: String,
}

pub type Outcome = Result<Exit, Failure>;

impl Failure {
    pub fn new(exit: Exit, sentence: impl fmt::Display) -> Self {
        let sentence = sentence.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { exit, sentence }
    }

    pub fn usage(sentence: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, sentence)
    }
}

/// The sentence of an error with those of what caused it.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.truncate(text.trim_end_matches('.').len());
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::BadUrl(_) | StoreError::BadSecret(_) => Exit::Config,
            StoreError::NewerSchema { .. } | StoreError::OlderSchema { .. } => Exit::Config,
            StoreError::Busy(_) | StoreError::Conflict(_) => Exit::Refused,
            StoreError::Unavailable(_) => Exit::Unreachable,
            StoreError::NotFound(_) => Exit::NotFound,
            StoreError::Invalid(_) => Exit::Usage,
            // Broken files and statements: nothing the caller did.
            _ => Exit::Failed,
        };
        Self::new(exit, with_causes(&error))
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let exit = match &refused {
            Refused::Storage(_) | Refused::StorageFull => Exit::Failed,
            Refused::ScanUnavailable(_) => Exit::Unreachable,
            Refused::BadSetting(_) => Exit::Config,
            _ => Exit::Refused,
        };
        Self::new(exit, format!("{} ({})", refused, refused.code()))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Config, with_causes(&error))
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Store(error) => error.into(),
            StartError::Library(refused) => refused.into(),
            StartError::Listen { .. } => Self::new(Exit::Unreachable, with_causes(&error)),
            StartError::Signals(_) | StartError::Threads => Self::new(Exit::Failed, with_causes(&error)),
        }
    }
}
