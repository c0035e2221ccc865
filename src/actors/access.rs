//! What a company's outside systems are reached with: addresses, options, secrets, and the vault that keeps the secrets. Plain
//! data and one trait; names no database and prints no secret.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::room::{ChannelKind, CompanyNo, Timestamp};

use super::outside::OutsideFuture;

/// How the CRM is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CrmDialect {
    /// `/api/v3.1` with a bearer token (qontak-api.md 1.1).
    #[default]
    Bearer,
    /// `/qontak/crm`, requests signed with HMAC (qontak-api.md 2.8).
    Gateway,
}

/// How one company uses its CRM; nothing in here is secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrmOptions {
    /// Requests a second, at most (default 5).
    pub per_second: f64,
    /// Requests a minute, at most (default 100).
    pub per_minute: f64,
    /// Requests that may leave at once after a quiet time (default 5).
    pub burst: u32,
    /// Label of the custom field that carries our reference; used only if the company's template has it.
    pub reference_field: String,
    /// Name of the pipeline a deal without one goes to; `None`: the first.
    pub deal_pipeline: Option<String>,
    pub ticket_pipeline: Option<String>,
    /// Send `ticket_pipeline_id` with a new ticket; else its stage alone tells the pipeline (qontak-api.md 3.3; default no).
    pub send_ticket_pipeline: bool,
    /// Make a contact for a customer who has none.
    pub create_contacts: bool,
    /// One attempt is given up after this time (default 10,000).
    pub attempt_timeout_ms: i64,
    /// After that, so long may its request still land (default 10,000).
    pub grace_ms: i64,
    /// A template is read again after this time (default 600,000).
    pub template_ttl_ms: i64,
    /// Header `X-Crm-User-Sso-Id` of the gateway.
    pub sso_id: Option<String>,
}

impl Default for CrmOptions {
    fn default() -> Self {
        Self {
            per_second: 5.0,
            per_minute: 100.0,
            burst: 5,
            reference_field: "bellhop_reference".into(),
            deal_pipeline: None,
            ticket_pipeline: None,
            send_ticket_pipeline: false,
            create_contacts: false,
            attempt_timeout_ms: 10_000,
            grace_ms: 10_000,
            template_ttl_ms: 600_000,
            sso_id: None,
        }
    }
}

/// A secret that no print shows and that is overwritten when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// For the one place that puts it on the wire or under its seal.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a company's CRM is reached with.
#[derive(Clone, Debug)]
pub struct CrmAccess {
    pub company: CompanyNo,
    /// Without a slash at its end.
    pub base_url: Arc<str>,
    pub dialect: CrmDialect,
    pub options: CrmOptions,
    /// As in the token file: the bare token, or the JSON of `outbound::TokenFile`.
    pub secret: Secret,
    /// Raised by every change; a refreshed pair is stored only over the version it came from.
    pub version: i64,
}

/// How the channel's side is driven. Bounds are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelOptions {
    /// Requests a second, on average (default 5).
    pub per_second: f64,
    /// Requests a minute (default 100).
    pub per_minute: f64,
    /// Requests that may leave at once after a quiet time (default 5).
    pub burst: u32,
    pub attempt_timeout_ms: i64,
    pub grace_ms: i64,
    /// After a message whose answer was lost, so long is waited for a status of it (default 45,000); one that comes later tells as well.
    pub status_wait_ms: i64,
    /// The same, where only an echo of the message tells (default 600,000, also the most).
    pub echo_wait_ms: i64,
    /// The business number's id, of WhatsApp's Cloud API.
    pub account: Option<String>,
    /// Version of that API in its paths.
    pub api_version: String,
}

impl Default for ChannelOptions {
    fn default() -> Self {
        Self {
            per_second: 5.0,
            per_minute: 100.0,
            burst: 5,
            attempt_timeout_ms: 10_000,
            grace_ms: 10_000,
            status_wait_ms: 45_000,
            echo_wait_ms: 600_000,
            account: None,
            api_version: "v23.0".into(),
        }
    }
}

/// What a company's channel is reached with.
#[derive(Clone, Debug)]
pub struct ChannelAccess {
    pub company: CompanyNo,
    pub kind: ChannelKind,
    /// Without a slash at its end.
    pub base_url: Arc<str>,
    pub dialect: CrmDialect,
    pub options: ChannelOptions,
    /// The user token (an admin's or supervisor's), as in its file.
    pub token: Secret,
    /// For `/bot` paths only.
    pub bot_token: Option<Secret>,
    /// What the channel signs its webhooks with.
    pub app_secret: Option<Secret>,
    /// Where the channel tells us things: `{public_url}/v1/webhooks/{kind}/{secret}`; `None`: it is not registered.
    pub webhook_url: Option<Secret>,
    /// Raised by every change.
    pub version: i64,
}

/// Where companies' tokens are kept, sealed.
pub trait Vault: Send + Sync + 'static {
    /// `None`: the company has no CRM.
    fn crm(&self, company: CompanyNo) -> OutsideFuture<'_, Option<CrmAccess>>;
    /// Stores a refreshed secret before it is used; `false`: somebody else changed it since `version`.
    fn replace_crm_secret<'a>(&'a self, company: CompanyNo, version: i64, secret: &'a Secret) -> OutsideFuture<'a, bool>;
    /// Claims for `holder` the right to spend the refresh token of `version`, until then: one at a time over all processes. Who
    /// holds it may claim it again. `false`: another holds it, or that version is over. A vault of one process always grants it.
    fn claim_refresh<'a>(
        &'a self,
        _company: CompanyNo,
        _version: i64,
        _holder: &'a str,
        _now: Timestamp,
        _until: Timestamp,
    ) -> OutsideFuture<'a, bool> {
        Box::pin(async { Ok(true) })
    }
    /// Gives the claim back: nothing was spent.
    fn release_refresh<'a>(&'a self, _company: CompanyNo, _holder: &'a str) -> OutsideFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
    /// `None`: the company's rooms live here.
    fn channel(&self, company: CompanyNo) -> OutsideFuture<'_, Option<ChannelAccess>>;
    /// The version, for a cheap look whether what is cached still holds; `None`: no CRM.
    fn crm_version(&self, company: CompanyNo) -> OutsideFuture<'_, Option<i64>>;
    /// The same of the channel.
    fn channel_version(&self, company: CompanyNo) -> OutsideFuture<'_, Option<i64>> {
        Box::pin(async move { Ok(self.channel(company).await?.map(|access| access.version)) })
    }
}
