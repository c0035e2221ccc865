//! What the Cloud API keeps: accounts, uploaded media, and messages with the life they had.

use jiff::Timestamp;
use serde_json::{Value, json};

/// A business's phone number.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub display_phone_number: String,
    /// Where its webhooks go.
    pub webhook_url: Option<String>,
    /// The receiver answered the handshake.
    pub verified: bool,
}

/// An uploaded file. Of its bytes only what proves them is kept.
#[derive(Clone, Debug)]
pub struct Media {
    pub id: String,
    pub phone: String,
    pub mime: String,
    pub size: usize,
    pub sha256: String,
    pub filename: String,
    pub uploaded_at: Timestamp,
}

impl Media {
    pub fn shown(&self) -> Value {
        json!({
            "id": self.id, "phone_number_id": self.phone, "mime_type": self.mime, "file_size": self.size, "sha256": self.sha256,
            "filename": self.filename, "messaging_product": "whatsapp",
        })
    }
}

/// A message in a customer's conversation.
#[derive(Clone, Debug)]
pub struct Sent {
    /// `wamid.…`
    pub id: String,
    pub phone: String,
    pub to: String,
    /// `text`, `image`, …
    pub kind: String,
    pub text: Option<String>,
    pub media: Option<Media>,
    /// As the customer sees the file.
    pub filename: Option<String>,
    pub callback: Option<String>,
    /// The last of its life.
    pub status: &'static str,
    pub at: Timestamp,
}

impl Sent {
    pub fn record(&self) -> Value {
        json!({
            "id": self.id, "phone_number_id": self.phone, "to": self.to, "type": self.kind, "text": self.text,
            "filename": self.filename, "media": self.media.as_ref().map(Media::shown), "biz_opaque_callback_data": self.callback,
            "status": self.status, "at": self.at.to_string(),
        })
    }
}
