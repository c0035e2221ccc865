//! Why a file is not kept. Each has a code that callers branch on; none repeats what somebody sent.

use std::error::Error;
use std::io;

use crate::room::Format;
use crate::room::channel_limits::megabytes;

/// Sorted by what the sender can do next; each shows as one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("The file has no bytes.")]
    Empty,
    #[error("The file is larger than {}, which is the most any channel takes of its kind.", megabytes(*.max_bytes))]
    TooLarge { max_bytes: u64 },
    #[error("The file is {what}; a library takes {}.", formats())]
    Unsupported { what: &'static str },
    #[error("The file is called .{} but is {what}.", .declared.extension())]
    Mismatch { declared: Format, what: &'static str },
    #[error("The scanner found {name} in the file.")]
    Infected { name: String },
    #[error("The file could not be scanned, and is not kept without: {0}.")]
    ScanUnavailable(String),
    #[error("There is no space left for files; nothing was kept.")]
    StorageFull,
    #[error("Where files lie cannot be used now: {0}.")]
    Storage(String),
    /// Nothing can be kept or read before somebody has set it right.
    #[error("{0}")]
    BadSetting(String),
    #[error("Too many files are coming in at once.")]
    Busy,
}

fn formats() -> String {
    let all: Vec<&str> = Format::ALL.iter().map(|format| format.extension()).collect();
    all.join(", ")
}

impl Refused {
    /// Stable, snake_case.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty_file",
            Self::TooLarge { .. } => "too_large",
            Self::Unsupported { .. } => "unsupported_type",
            Self::Mismatch { .. } => "type_mismatch",
            Self::Infected { .. } => "infected",
            Self::ScanUnavailable(_) => "scan_unavailable",
            Self::StorageFull => "storage_full",
            Self::Storage(_) | Self::BadSetting(_) => "storage_unavailable",
            Self::Busy => "too_many_uploads",
        }
    }

    /// What the disk said: a full one is told apart, wherever in the chain of causes it stands.
    pub(super) fn storage(error: &(dyn Error + 'static)) -> Self {
        let mut cause = Some(error);
        let mut text = String::new();
        while let Some(one) = cause {
            let kind = one.downcast_ref::<io::Error>().map(io::Error::kind);
            if matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
                return Self::StorageFull;
            }
            let more = one.to_string();
            if !text.contains(&more) {
                text.push_str(if text.is_empty() { "" } else { ": " });
                text.push_str(&more);
            }
            cause = one.source();
        }
        Self::Storage(text.replace('\n', " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_however_deep_it_stands() {
        #[derive(Debug, thiserror::Error)]
        #[error("Unable to copy data to file")]
        struct Outer(#[source] io::Error);
        let full = Outer(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(Refused::storage(&full), Refused::StorageFull);
        let other = Outer(io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!(Refused::storage(&other).code(), "storage_unavailable");
    }

    #[test]
    fn a_refusal_says_what_would_be_taken() {
        let told = Refused::Unsupported { what: "an archive" }.to_string();
        assert!(told.contains("an archive") && told.contains("docx") && !told.contains("zip"), "{told}");
        let told = Refused::Mismatch { declared: Format::Png, what: "a web page" }.to_string();
        assert_eq!(told, "The file is called .png but is a web page.");
    }
}
