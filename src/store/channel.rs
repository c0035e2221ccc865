//! Companies' channels: where their conversations live, the tokens for it and the secret of the webhook's path, all three under
//! one seal. The path's secret can be looked up by a keyed hash, and read back only by whoever has the installation's key.

use std::sync::Arc;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::conn::{Conn, run};
use super::directory::{Changed, Directory};
use super::open::now;
use super::queries::Queries;
use super::records::{ChannelRow, WebhookRow};
use super::schema::{channel_access, companies, inbox};
use super::seal::Seal;
use super::secrets::{hash_webhook, new_webhook_secret};
use super::url::StoreError;
use super::vault::{dialect, dialect_text, public_id};
use super::workers::Workers;
use crate::actors::outside::{ChannelAccess, ChannelOptions, CrmDialect, Secret};
use crate::room::{ChannelKind, CompanyNo, Timestamp};

/// What the seal is bound to, beside the company.
const COLUMN: &str = "channel_access.sealed";

/// A company's channel as somebody sets it.
pub struct NewChannel {
    pub kind: ChannelKind,
    /// Without a slash at its end, as the next.
    pub base_url: String,
    pub public_url: String,
    pub dialect: CrmDialect,
    pub options: ChannelOptions,
    pub token: Secret,
    pub bot_token: Option<Secret>,
    /// What webhooks are signed with, where the channel signs them.
    pub app_secret: Option<Secret>,
    /// The webhook's path is made anew, and the old one ends.
    pub new_secret: bool,
}

/// All that is secret about a channel, as it lies under the seal.
#[derive(Serialize, Deserialize)]
struct Sealed {
    token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bot_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    app_secret: Option<String>,
    webhook_secret: String,
}

impl Sealed {
    fn open(seal: &Seal, company: &str, sealed: &[u8]) -> Result<Self, StoreError> {
        let text = seal.open(company, COLUMN, sealed)?;
        // The parser's own sentence would quote what it read.
        serde_json::from_str(text.reveal()).map_err(|_| StoreError::Invalid("A sealed channel cannot be read.".into()))
    }

    fn close(&self, seal: &Seal, company: &str) -> Result<Vec<u8>, StoreError> {
        let text = serde_json::to_string(self).map_err(|_| StoreError::Invalid("The channel cannot be sealed.".into()))?;
        seal.close(company, COLUMN, &Secret::new(text))
    }
}

fn webhook_url(public_url: &str, kind: ChannelKind, secret: &str) -> Secret {
    Secret::new(format!("{public_url}/v1/webhooks/{}/{secret}", kind.as_str()))
}

fn kind(text: &str) -> Result<ChannelKind, StoreError> {
    ChannelKind::parse(text).ok_or_else(|| StoreError::Invalid("A stored channel's kind is not known.".into()))
}

fn options(text: &str) -> Result<ChannelOptions, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Invalid(format!("Stored channel options cannot be read: {error}.")))
}

impl Directory {
    /// Connects the company's channel, or changes how. Answers the new version and the webhook's address, whose secret stays
    /// the same unless a new one is asked for (or the old one can no longer be read).
    pub async fn set_channel(&self, company: CompanyNo, new: NewChannel, by: &str) -> Result<(i64, Secret), StoreError> {
        let (seal, writer) = (Arc::clone(&self.seal), Arc::clone(&self.writer));
        self.change(Some(company), by, move |conn| {
            let id = public_id(conn, company)?;
            let found: Vec<(i64, Vec<u8>)> = run!(conn, "reading the channel's settings", |c| channel_access::table
                .filter(channel_access::company.eq(company.0))
                .select((channel_access::version, channel_access::sealed))
                .load(c))?;
            let before = found.first().filter(|_| !new.new_secret).and_then(|(_, old)| Sealed::open(&seal, &id, old).ok());
            let webhook_secret = before.map_or_else(new_webhook_secret, |before| Ok(before.webhook_secret))?;
            let address = webhook_url(&new.public_url, new.kind, &webhook_secret);
            let webhook_key = hash_webhook(&writer.pepper, &webhook_secret).to_vec();
            let revealed = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.reveal().to_owned());
            let (bot_token, app_secret) = (revealed(&new.bot_token), revealed(&new.app_secret));
            let sealed = Sealed { token: new.token.reveal().to_owned(), bot_token, app_secret, webhook_secret };
            let sealed = sealed.close(&seal, &id)?;
            let chosen = serde_json::to_string(&new.options).map_err(|error| StoreError::Invalid(error.to_string()))?;
            // Never a version that was there before, even after the settings were cleared.
            let at = now().0;
            let version = found.first().map_or(at, |(version, _)| at.max(version + 1));
            let values = (
                channel_access::kind.eq(new.kind.as_str()),
                channel_access::base_url.eq(&new.base_url),
                channel_access::dialect.eq(dialect_text(new.dialect)),
                channel_access::options.eq(&chosen),
                channel_access::sealed.eq(&sealed),
                channel_access::webhook_key.eq(&webhook_key),
                channel_access::public_url.eq(&new.public_url),
                channel_access::version.eq(version),
                channel_access::updated_at.eq(at),
            );
            run!(conn, "writing the channel's settings", |c| diesel::insert_into(channel_access::table)
                .values((channel_access::company.eq(company.0), values))
                .on_conflict(channel_access::company)
                .do_update()
                .set(values)
                .execute(c))?;
            let what = format!("channel set to {} at {} ({})", new.kind.as_str(), new.base_url, dialect_text(new.dialect));
            Ok(Changed::new(company, what, (version, address)))
        })
        .await
    }

    /// The company's rooms live here from now on. False: they already did.
    pub async fn clear_channel(&self, company: CompanyNo, by: &str) -> Result<bool, StoreError> {
        self.change(Some(company), by, move |conn| {
            let row = channel_access::table.filter(channel_access::company.eq(company.0));
            let done = run!(conn, "clearing the channel's settings", |c| diesel::delete(row).execute(c))?;
            Ok(Changed::one(company, "channel cleared".into(), done))
        })
        .await
    }
}

impl Queries {
    /// How the company's channel is set, without its secrets; `None`: its rooms live here.
    pub async fn channel(&self, company: CompanyNo) -> Result<Option<ChannelRow>, StoreError> {
        type Row = (String, String, String, String, String, i64, i64);
        self.ask(move |conn| {
            let found: Vec<Row> = run!(conn, "reading the channel's settings", |c| channel_access::table
                .filter(channel_access::company.eq(company.0))
                .select((
                    channel_access::kind,
                    channel_access::base_url,
                    channel_access::dialect,
                    channel_access::options,
                    channel_access::public_url,
                    channel_access::version,
                    channel_access::updated_at
                ))
                .load(c))?;
            let Some((named, base_url, spoken, chosen, public_url, version, at)) = found.into_iter().next() else {
                return Ok(None);
            };
            let open = inbox::table.filter(inbox::company.eq(company.0)).filter(inbox::done_at.is_null());
            let waiting: i64 = run!(conn, "counting webhooks", |c| open.count().get_result(c))?;
            let (kind, dialect, options) = (kind(&named)?, dialect(&spoken)?, options(&chosen)?);
            Ok(Some(ChannelRow { kind, base_url, dialect, options, public_url, version, updated_at: Timestamp(at), waiting }))
        })
        .await
    }

    /// Every webhook path that anybody may call.
    pub async fn webhooks(&self) -> Result<Vec<WebhookRow>, StoreError> {
        self.ask(move |conn| {
            let found: Vec<(Vec<u8>, i64, String)> = run!(conn, "reading webhooks", |c| channel_access::table
                .select((channel_access::webhook_key, channel_access::company, channel_access::kind))
                .load(c))?;
            let row = |(key, company, named): (Vec<u8>, i64, String)| {
                Ok(WebhookRow { key, company: CompanyNo(company), source: kind(&named)? })
            };
            found.into_iter().map(row).collect()
        })
        .await
    }
}

/// Of the channel's settings; `None`: the company's rooms live here.
pub(super) async fn version(readers: &Workers, company: CompanyNo) -> Result<Option<i64>, StoreError> {
    let read = readers.run(move |conn: &mut Conn| {
        let found: Vec<i64> = run!(conn, "reading a channel's version", |c| channel_access::table
            .filter(channel_access::company.eq(company.0))
            .select(channel_access::version)
            .load(c))?;
        Ok(found.into_iter().next())
    });
    read.await
}

/// All that a company's channel is reached with.
pub(super) async fn access(readers: &Workers, seal: &Seal, company: CompanyNo) -> Result<Option<ChannelAccess>, StoreError> {
    type Row = (String, String, String, String, String, Vec<u8>, String, i64);
    let read = readers.run(move |conn: &mut Conn| {
        let found: Vec<Row> = run!(conn, "reading a channel's access", |c| channel_access::table
            .inner_join(companies::table.on(companies::no.eq(channel_access::company)))
            .filter(channel_access::company.eq(company.0))
            .select((
                companies::id,
                channel_access::kind,
                channel_access::base_url,
                channel_access::dialect,
                channel_access::options,
                channel_access::sealed,
                channel_access::public_url,
                channel_access::version,
            ))
            .load(c))?;
        Ok(found.into_iter().next())
    });
    let Some((id, named, base_url, spoken, chosen, sealed, public_url, version)) = read.await? else { return Ok(None) };
    let secrets = Sealed::open(seal, &id, &sealed)?;
    let kind = kind(&named)?;
    Ok(Some(ChannelAccess {
        company,
        kind,
        base_url: base_url.into(),
        dialect: dialect(&spoken)?,
        options: options(&chosen)?,
        webhook_url: Some(webhook_url(&public_url, kind, &secrets.webhook_secret)),
        token: Secret::new(secrets.token),
        bot_token: secrets.bot_token.map(Secret::new),
        app_secret: secrets.app_secret.map(Secret::new),
        version,
    }))
}
