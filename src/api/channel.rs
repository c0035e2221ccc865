//! How the company's channel stands: where its rooms live, budget and circuits of the way there, what was heard and is not yet
//! applied. Read from the store and from what the lanes publish; asks no actor and no channel.

use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::outside::CrmDialect;
use crate::room::ChannelKind;

use super::line::{self, LineShape};
use super::visit::{Answer, Visit};
use super::{answer, problem};

/// The company's channel.
#[derive(Serialize, ToSchema)]
pub struct ChannelShape {
    /// Whether rooms live anywhere but here.
    connected: bool,
    /// `embedded`, `qontak` or `whatsapp_cloud`.
    kind: &'static str,
    base_url: Option<String>,
    /// `bearer` or `gateway`.
    dialect: Option<CrmDialect>,
    /// Where we are reached from there; without the secret of the webhook's path.
    public_url: Option<String>,
    /// Requests a second and a minute, at most.
    per_second: Option<f64>,
    per_minute: Option<f64>,
    /// Webhooks that came and are not applied yet.
    webhooks_waiting: i64,
    #[serde(flatten)]
    line: LineShape,
}

pub async fn get(visit: Visit) -> Answer {
    let company = visit.key.company;
    let access = visit.api.queries.channel(company).await?;
    let kind = access.as_ref().map_or(ChannelKind::Embedded, |access| access.kind);
    let shape = ChannelShape {
        connected: kind != ChannelKind::Embedded,
        kind: kind.as_str(),
        dialect: access.as_ref().map(|access| access.dialect),
        per_second: access.as_ref().map(|access| access.options.per_second),
        per_minute: access.as_ref().map(|access| access.options.per_minute),
        webhooks_waiting: access.as_ref().map_or(0, |access| access.waiting),
        public_url: access.as_ref().map(|access| access.public_url.clone()),
        base_url: access.map(|access| access.base_url),
        line: line::shown(visit.api.router.channel(company)),
    };
    Ok(answer::json(problem::OK, &shape))
}
