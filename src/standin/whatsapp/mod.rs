//! WhatsApp's Cloud API: media that is uploaded first, messages that name it, and webhooks with a signature that tell what became
//! of them. Its book says which bytes reached whom, so that a file that came twice, or changed on the way, shows.

mod book;
mod controls;
mod envelope;
mod media;
mod messages;
mod tell;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::route::Route;

pub use book::{Account, Media, Sent};
pub use controls::control;
pub use envelope::{unauthorized, unknown_object, wrong};

macro_rules! routes {
    ($($method:ident $path:literal [$($query:literal),*] $run:path;)*) => {
        pub const ROUTES: &[Route] =
            &[$(Route { method: stringify!($method), path: $path, query: &[$($query),*], run: $run },)*];
    };
}

// From the version on.
routes! {
    GET "{id}" ["fields"] media::get;
    DELETE "{id}" ["phone_number_id"] media::delete;
    POST "{phone}/media" [] media::upload;
    POST "{phone}/messages" [] messages::send;
}

/// All of it. An app has one secret and one token; each business number is an account of its own.
#[derive(Default)]
pub struct Whatsapp {
    /// `None`: nobody comes in.
    pub token: Option<String>,
    /// What webhooks are signed with.
    pub app_secret: String,
    pub accounts: BTreeMap<String, Account>,
    pub media: BTreeMap<String, Media>,
    /// What reached customers' conversations, in order.
    pub sent: Vec<Sent>,
    /// When a customer last wrote to an account.
    pub wrote_at: BTreeMap<(String, String), Timestamp>,
}

impl Whatsapp {
    pub fn opens_with(&self, token: Option<&str>) -> bool {
        self.token.is_some() && self.token.as_deref() == token
    }
}

/// What stands behind `/v23.0/`; any version is taken for the present one.
pub fn behind_version(path: &str) -> Option<&str> {
    let (version, rest) = path.strip_prefix("/v")?.split_once('/')?;
    let (major, minor) = version.split_once('.')?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (number(major) && number(minor)).then_some(rest)
}
