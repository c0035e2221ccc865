//! A conversation as the channel shows it (qontak-api.md 2.3). Fields nobody here needs are left where they are; what is missing
//! is empty, but a room without its status is no room.

use serde_json::Value;

use crate::outbound::encoded;
use crate::room::tag::fold;
use crate::room::{CompanyNo, RoomId};

use super::QontakChannel;
use super::wire::Reading;
use crate::outbound::{Step, Stop};

/// What there is of a room, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct There {
    pub resolved: bool,
    /// As they are shown there.
    pub tags: Vec<String>,
    /// Ids of the people who are in it, in the channel's order.
    pub agent_ids: Vec<String>,
    /// `wa_cloud`, `ig`, …; empty: it does not say.
    pub channel: String,
    /// When the customer's session began, as it is written there.
    pub session_at: Option<String>,
}

impl There {
    /// `None`: it is deleted.
    fn read(data: &Value) -> Option<Self> {
        let status = data.get("status")?.as_str()?;
        let texts = |key: &str| -> Vec<String> {
            let rows = data.get(key).and_then(Value::as_array).into_iter().flatten();
            rows.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let text = |key: &str| data.get(key).and_then(Value::as_str).map(str::to_owned);
        let resolved = status.eq_ignore_ascii_case("resolved");
        let room = Self {
            resolved,
            tags: texts("tags"),
            agent_ids: texts("agent_ids"),
            channel: text("channel").unwrap_or_default(),
            session_at: text("session_at"),
        };
        (!status.eq_ignore_ascii_case("deleted")).then_some(room)
    }

    /// The tag's name there.
    pub fn tag(&self, folded: &str) -> Option<&str> {
        self.tags.iter().map(String::as_str).find(|shown| fold(shown) == folded)
    }

    pub fn has(&self, user: &str) -> bool {
        self.agent_ids.iter().any(|id| id == user)
    }
}

/// Whether an answer's `data` is a room.
pub fn is_room(data: &Value) -> bool {
    data.get("id").is_some_and(Value::is_string) && data.get("status").is_some_and(Value::is_string)
}

/// The room that a write answered with.
pub fn of_answer(data: &Value) -> Option<There> {
    is_room(data).then(|| There::read(data)).flatten()
}

/// Path of a room, from the mount on.
pub fn path(room: &RoomId) -> String {
    format!("/rooms/{}", encoded(room.as_str()))
}

impl QontakChannel {
    /// The room as it is there now; `None`: there is no such room.
    pub(super) async fn room(&self, company: CompanyNo, room: &RoomId) -> Step<Option<There>> {
        match self.read(company, &path(room), is_room).await? {
            Reading::Found { data, .. } => Ok(There::read(&data)),
            // An id that is none of theirs may be "not found" or "wrong".
            Reading::Refused { status: 400 | 404 | 410 | 422 } => Ok(None),
            Reading::Refused { status } => Err(Stop::later(2_000, format!("a read was refused with {status}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_room_is_read_as_far_as_it_matters() {
        let data = json!({"id": "r", "status": "assigned", "tags": ["VIP"], "agent_ids": ["u1", 7], "extra": {}});
        let room = of_answer(&data).unwrap();
        assert_eq!((room.resolved, room.tag("vip"), room.has("u1"), room.has("7")), (false, Some("VIP"), true, false));
        assert!(of_answer(&json!({"id": "r", "status": "resolved"})).unwrap().resolved);
        assert_eq!(of_answer(&json!({"id": "r", "status": "deleted"})), None);
        assert_eq!(of_answer(&json!({"id": "r"})), None);
        assert_eq!(path(&RoomId::trusted("a/../b?c")), "/rooms/a%2F..%2Fb%3Fc");
    }
}
