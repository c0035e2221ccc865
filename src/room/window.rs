//! Until when a customer may be written to. Some channels take a business's own words only for a time after the customer's last
//! message (room-ops.md 4.7). Counted by the channel's own clock, so that a webhook that comes late opens nothing; a minute is
//! kept for the way. Pure.

use super::channel_limits::Channel;
use super::company::Ground;
use super::ids::Timestamp;
use super::refusal::{Candidate, Next, Refusal};
use super::state::Room;

/// 24 hours.
const DAY_MS: i64 = 24 * 3_600_000;
/// What leaves in the last minute may arrive after it.
const MARGIN_MS: i64 = 60_000;

/// How long a channel takes our messages after the customer's last one; `None`: always.
const fn open_ms(channel: Channel) -> Option<i64> {
    match channel {
        Channel::Qontak | Channel::WhatsappCloud | Channel::Instagram | Channel::Messenger => Some(DAY_MS - MARGIN_MS),
        Channel::Telegram | Channel::Line | Channel::Email | Channel::WebChat => None,
    }
}

/// `None`: the customer may be written to.
pub fn closed(room: &Room, ground: &Ground<'_>) -> Option<Refusal> {
    let channel = ground.company.sends_through(room)?;
    let open_ms = open_ms(channel)?;
    let wrote_at = room.customer_wrote_at;
    if wrote_at > Timestamp(0) && ground.now < wrote_at.plus_ms(open_ms) {
        return None;
    }
    // A room from before this was kept, or one in Qontak's inbox of which we heard only later: they did write, nobody here knows
    // when. The channel says it.
    if wrote_at == Timestamp(0) && (room.last_inbound_seq > 0 || channel == Channel::Qontak) {
        return None;
    }
    let since = if wrote_at > Timestamp(0) {
        format!("The customer last wrote at {}, and", wrote_at.to_text())
    } else {
        "The customer has not written here yet, and".to_owned()
    };
    let message = format!(
        "{since} the channel takes messages only for 24 hours after that. Nothing was sent; take one of the options, and do not \
         try again before the customer writes."
    );
    let option = |value: &str, note: &str| Candidate { value: value.to_owned(), note: Some(note.to_owned()) };
    let mut refusal = Refusal::new("window_closed", Next::WaitForHuman, message);
    if !ground.company.agents.is_empty() {
        refusal
            .candidates
            .push(option("assign_agent", "Hand the conversation to a human agent, who can reach them another way."));
    }
    refusal.candidates.push(option("wait_for_customer", "It opens again as soon as the customer writes."));
    Some(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::{ChannelKind, Company, CompanyNo};

    #[test]
    fn it_closes_a_minute_early_and_by_the_customers_clock() {
        let mut company = Company::empty(CompanyNo(1));
        company.channel = ChannelKind::WhatsappCloud;
        let wrote_at = Timestamp(1_763_634_720_000_000);
        let room = Room { channel: "whatsapp_cloud".into(), customer_wrote_at: wrote_at, ..Room::default() };
        let at = |room: &Room, company: &Company, ms: i64| {
            closed(room, &Ground { now: wrote_at.plus_ms(ms), company, approved: false })
        };
        assert_eq!(at(&room, &company, DAY_MS - MARGIN_MS - 1), None);
        let refusal = at(&room, &company, DAY_MS - MARGIN_MS).unwrap();
        let options: Vec<&str> = refusal.candidates.iter().map(|one| one.value.as_str()).collect();
        assert_eq!((refusal.code, options), ("window_closed", vec!["wait_for_customer"]));
        assert!(refusal.message.contains("2025-11-20T10:32:00Z"), "{}", refusal.message);
        // Who never wrote cannot be written to.
        assert!(at(&Room { customer_wrote_at: Timestamp(0), ..room.clone() }, &company, 0).is_some());
        let before = Room { customer_wrote_at: Timestamp(0), last_inbound_seq: 3, ..room.clone() };
        assert_eq!(at(&before, &company, 0), None, "not known is not closed");
        // A room that lives here has no window.
        assert_eq!(at(&Room { channel: "web_chat".into(), ..room.clone() }, &company, 2 * DAY_MS), None);
        // By what Qontak's webhooks told; what it did not tell it is asked itself.
        company.channel = ChannelKind::Qontak;
        let there = Room { channel: "wa_cloud".into(), ..room.clone() };
        assert_eq!(at(&there, &company, DAY_MS - MARGIN_MS - 1), None);
        assert_eq!(at(&there, &company, DAY_MS - MARGIN_MS).map(|refusal| refusal.code), Some("window_closed"));
        assert_eq!(at(&Room { customer_wrote_at: Timestamp(0), ..there }, &company, 2 * DAY_MS), None);
    }
}
