//! The messages of an effect, as the outbox remembers them. A file's message does not hold its media id: that may be another one
//! when it is sent. Pure; holds no token.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actors::outside::{EffectJob, Part, PartRow};
use crate::room::SentFile;
use crate::room::outbox::Rule;

use super::reference::Reference;

/// What a part says to the customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub enum Message {
    Text {
        to: String,
        text: String,
    },
    File {
        to: String,
        file: SentFile,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caption: Option<String>,
    },
    /// Words with the address of what is too large to be sent.
    Link {
        to: String,
        text: String,
    },
}

impl Message {
    pub fn of(part: &Part) -> Result<Self, Arc<str>> {
        serde_json::from_str(&part.request).map_err(|error| format!("a part of the outbox cannot be read: {error}").into())
    }

    /// What the effect is about: the file, or what stands for it.
    pub const fn is_file(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Link { .. })
    }

    /// The part behind those that were started.
    pub fn part(&self, job: &EffectJob, ended: &[PartRow]) -> Result<Part, Arc<str>> {
        let no = ended.last().map_or(0, |row| row.part.no + 1);
        let (file, room) = (self.is_file(), job.address.room.clone());
        let reference = Reference { effect: job.key, retries: job.retries, part: no, file, room };
        Ok(Part {
            no,
            name: if self.is_file() { "file" } else { "say" }.into(),
            rule: Rule::Once,
            request: serde_json::to_string(self).map_err(|error| -> Arc<str> { error.to_string().into() })?,
            reference: Some(reference.to_text()),
            shown_name: None,
            hands_to: None,
        })
    }

    /// The body of the request. `media`: the file's id there.
    pub fn body(&self, media: Option<&str>, reference: Option<&str>) -> String {
        let (to, kind, part) = match self {
            Self::Text { to, text } | Self::Link { to, text } => (to, "text", json!({ "body": text })),
            Self::File { to, file, caption } => {
                let mut part = json!({ "id": media });
                if let Some(caption) = caption {
                    part["caption"] = json!(caption);
                }
                if file.kind == "document" {
                    part["filename"] = json!(file.filename);
                }
                (to, file.kind.as_str(), part)
            }
        };
        let mut body = json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": to, "type": kind});
        body[kind] = part;
        if let Some(reference) = reference {
            body["biz_opaque_callback_data"] = json!(reference);
        }
        body.to_string()
    }
}

/// A customer's number as the channel wants it: digits, with the country's.
pub fn number(handle: &str) -> Option<String> {
    let digits: String = handle.chars().filter(|c| !matches!(c, '+' | ' ' | '-' | '(' | ')')).collect();
    ((7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits() {
        assert_eq!(number("+62 812-0000 0009").as_deref(), Some("6281200000009"));
        for handle in ["", "customer-7", "123456", "1234567890123456"] {
            assert_eq!(number(handle), None, "{handle}");
        }
    }
}
