//! What the outside tells us: kept durably, then answered, and only later acted upon (`actors::inbox`). Whose it is says the path;
//! nothing in a body can name another company.

use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::inbox::Letter;

use super::answer;
use super::problem::{self, Kind, Problem};
use super::visit::{Answer, Knock};

/// Largest webhook.
pub const MAX_BODY: usize = 256 * 1024;

/// It is kept.
#[derive(Serialize, ToSchema)]
pub struct KeptView {
    /// False: it is known already.
    new: bool,
}

pub async fn receive(mut knock: Knock) -> Answer {
    let bytes = knock.body(MAX_BODY).await?;
    let unreadable = || Problem::new(Kind::MalformedJson, "A webhook is one JSON object.");
    let (api, sender) = (&knock.api, knock.sender);
    let label = api.ears.label(sender.source, sender.company, &bytes).ok_or_else(unreadable)?;
    let body = String::from_utf8(bytes.to_vec()).map_err(|_| unreadable())?;
    let received_at = api.clock.now();
    let (company, source) = (sender.company, sender.source);
    let letter = Letter { company, source, key: label.key, room: label.room, body, received_at };
    // The vendor does not send again: whatever is answered here but 200 is lost for it, so it is said loudly.
    let new = api.inbox.append(letter).await.map_err(|why| {
        tracing::error!(%why, "a webhook could not be kept");
        Problem::new(Kind::StorageUnavailable, "It was not kept. Send it again.")
    })?;
    if !new {
        metrics::counter!(crate::telemetry::WEBHOOKS_REPEATED).increment(1);
    }
    Ok(answer::json(problem::OK, &KeptView { new }))
}
