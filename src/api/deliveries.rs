//! How far files got on their way to the customer, as rooms and calls show it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::room::Room;
use crate::room::delivery::{Delivery, Stage};
use crate::store::CallRow;

use super::problem::Problem;
use super::view::{self, iso};
use super::visit::Visit;

/// A file on its way, or on the customer's side.
#[derive(Serialize, ToSchema)]
pub struct DeliveryView {
    pub call_id: String,
    pub attachment: String,
    pub filename: String,
    /// `resolved`, `scanned`, `uploaded`, `submitting`, `accepted`, `sent`, `delivered`, `read`; `failed`; or `unknown`: it may be there.
    pub status: &'static str,
    /// How often a person had it tried again.
    pub attempt: u32,
    /// The channel's own id of the message.
    pub message_id: Option<String>,
    /// Why the channel gave it up.
    pub failure: Option<FailureView>,
    pub changed_at: String,
}

#[derive(Serialize, ToSchema)]
pub struct FailureView {
    /// The channel's own; 0: it said none.
    pub code: i64,
    pub title: String,
}

pub fn all(room: &Room) -> Vec<DeliveryView> {
    room.outside.iter().flat_map(|outside| &outside.deliveries).map(|delivery| shown(room, delivery)).collect()
}

fn shown(room: &Room, delivery: &Delivery) -> DeliveryView {
    let doubted = room.effect(&delivery.call_id).is_some_and(|effect| effect.doubtful || effect.stranded);
    let failure = delivery.failed.as_ref().map(|failure| FailureView { code: failure.code, title: failure.title.clone() });
    DeliveryView {
        call_id: delivery.call_id.to_string(),
        attachment: delivery.attachment.clone(),
        filename: delivery.filename.clone(),
        status: if doubted && delivery.reached < Stage::Accepted { "unknown" } else { delivery.status() },
        attempt: delivery.attempt,
        message_id: delivery.message_id.clone(),
        failure,
        changed_at: iso(delivery.at),
    }
}

/// Of a call that sends a file; `None`: it sends none, or it is not remembered any more.
pub async fn of_call(visit: &Visit, row: &CallRow) -> Result<Option<DeliveryView>, Problem> {
    if row.call.name != "send_attachment" {
        return Ok(None);
    }
    let Some(room) = visit.api.queries.room(visit.key.company, &row.room).await? else { return Ok(None) };
    let room = view::snapshot(&room)?;
    let is_it = |delivery: &&Delivery| delivery.call_id == row.call.call_id;
    Ok(room.outside.iter().flat_map(|outside| &outside.deliveries).find(is_it).map(|delivery| shown(&room, delivery)))
}
