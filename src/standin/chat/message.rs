//! A message there, and the file it may carry.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::dates;
use super::ORGANISATION;

/// A file as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredFile {
    pub id: String,
    pub filename: String,
    pub mime: String,
    pub size: usize,
    pub sha256: String,
    pub url: String,
}

impl StoredFile {
    pub fn new(id: String, filename: &str, mime: &str, bytes: &[u8], server: &str) -> Self {
        let url = format!("{server}/_standin/files/{id}");
        let sha256 = data_encoding::HEXLOWER.encode(&Sha256::digest(bytes));
        Self { id, filename: filename.to_owned(), mime: mime.to_owned(), size: bytes.len(), sha256, url }
    }

    fn shown(&self) -> Value {
        let size = json!({"url": self.url});
        json!({"url": self.url, "filename": self.filename, "size": self.size, "small": size, "medium": size, "large": size})
    }
}

#[derive(Clone, Debug)]
pub struct Message {
    pub id: String,
    pub room_id: String,
    /// `text`, `image`, …
    pub kind: String,
    pub text: Option<String>,
    pub file: Option<StoredFile>,
    /// `customer`, `agent` or `bot`.
    pub participant: &'static str,
    pub sender_id: String,
    pub sender_name: String,
    pub local_id: Option<String>,
    pub status: &'static str,
    pub created_at: Timestamp,
}

impl Message {
    /// As the vendor answers and announces it.
    pub fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "type": self.kind,
            "room_id": self.room_id,
            "is_campaign": false,
            "sender_id": self.sender_id,
            "sender_type": if self.participant == "bot" { "Models::SystemAccount" } else { "Models::Account" },
            "participant_id": self.sender_id,
            "participant_type": self.participant,
            "organization_id": ORGANISATION,
            "text": self.text,
            "status": self.status,
            "external_id": format!("wamid.standin.{}", self.id),
            "local_id": self.local_id,
            "created_at": dates::with_z(self.created_at),
            "sender": {"name": self.sender_name, "participant_type": self.participant},
            "file_uniq_id": self.file.as_ref().map(|file| &file.id),
            "file": self.file.as_ref().map(StoredFile::shown),
            "buttons": [],
        })
    }

    /// As `/_standin/records` tells it: with what proves that the very file arrived.
    pub fn record(&self) -> Value {
        let mut record = self.shown();
        if let Some(file) = &self.file {
            record["file"]["sha256"] = json!(file.sha256);
            record["file"]["mime"] = json!(file.mime);
        }
        record
    }
}
