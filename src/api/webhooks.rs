//! What the outside tells us: kept durably, then answered, and only later acted upon (`actors::inbox`). Whose it is says the path;
//! nothing in a body can name another company, and where the channel signs what it says, the signature has to be right.

use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::inbox::Letter;
use crate::room::ChannelKind;

use super::answer;
use super::problem::{self, Kind, Problem};
use super::visit::{Answer, Knock};

/// Largest webhook: of Meta's what Meta documents as its own bound.
const fn max_body(source: ChannelKind) -> usize {
    match source {
        ChannelKind::WhatsappCloud => 3 * 1024 * 1024,
        ChannelKind::Embedded | ChannelKind::Qontak => 256 * 1024,
    }
}

/// Longest challenge of a handshake.
const LONGEST_CHALLENGE: usize = 256;
/// Where Meta's signature stands.
const SIGNATURE: &str = "x-hub-signature-256";

/// It is kept.
#[derive(Serialize, ToSchema)]
pub struct KeptView {
    /// False: it is known already.
    new: bool,
}

pub async fn receive(mut knock: Knock) -> Answer {
    let bytes = knock.body(max_body(knock.sender.source)).await?;
    let unreadable = || Problem::new(Kind::MalformedJson, "A webhook is one JSON object.");
    let (api, sender) = (&knock.api, knock.sender);
    let (company, source) = (sender.company, sender.source);
    // The vendor may not send again: whatever is answered here but 200 may be lost, so it is said loudly.
    let unkept = |why| {
        tracing::error!(%why, "a webhook could not be kept");
        Problem::new(Kind::StorageUnavailable, "It was not kept. Send it again.")
    };
    let believed = api.doorkeeper.believes(source, company, &bytes, knock.header(SIGNATURE)).await.map_err(unkept)?;
    let Some(believed) = believed else {
        tracing::warn!(event = "webhook.unsigned", company = company.0, "a webhook without the right signature was turned away");
        metrics::counter!(crate::telemetry::WEBHOOKS_REFUSED, "code" => "unsigned").increment(1);
        return Err(Problem::new(Kind::Forbidden, "The signature is not that of this channel."));
    };
    let sheets = api.ears.sheets(source, company, &believed, &bytes).ok_or_else(unreadable)?;
    let received_at = api.clock.now();
    let letters = sheets.into_iter().map(|sheet| {
        let (key, room) = (sheet.label.key, sheet.label.room);
        api.inbox.append(Letter { company, source, key, room, body: sheet.body, received_at, echo: sheet.echo })
    });
    let kept = futures_util::future::try_join_all(letters).await.map_err(unkept)?;
    let new = kept.contains(&true);
    if !new {
        metrics::counter!(crate::telemetry::WEBHOOKS_REPEATED).increment(1);
    }
    Ok(answer::json(problem::OK, &KeptView { new }))
}

/// Meta asks first whether somebody here wants to be told: the token is the path's own secret, the answer its challenge.
pub async fn greet(knock: Knock) -> Answer {
    let queries = knock.queries();
    let of = |name: &str| queries.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let challenge = of("hub.challenge");
    let sane = (1..=LONGEST_CHALLENGE).contains(&challenge.len()) && challenge.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if knock.sender.source != ChannelKind::WhatsappCloud || of("hub.mode") != "subscribe" || !sane {
        return Err(Problem::not_found());
    }
    if of("hub.verify_token") != knock.secret() {
        return Err(Problem::new(Kind::Forbidden, "The verify token is not the last part of this address."));
    }
    Ok(answer::text(problem::OK, challenge))
}
