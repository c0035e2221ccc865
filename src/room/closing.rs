//! What a company tells its customer last, where that has to travel through a channel: a part of the resolve's own effect, sent
//! before the conversation is closed. It is a courtesy: whatever becomes of it holds the resolve up no longer. Pure.

use serde::{Deserialize, Serialize};

use super::company::{Company, Ground};
use super::courtesy::is_courtesy;
use super::deliveries::HUMAN_TYPING;
use super::effect::OpenEffect;
use super::event::{Fact, Writer};
use super::hand_over;
use super::refusal::{Next, Refusal};
use super::state::{Lifecycle, Room};

/// What became of a closing message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum ClosingOutcome {
    /// The channel took it.
    Sent { message_id: String },
    /// It may be with the customer; it is not sent again.
    Unconfirmed,
    /// It was left out; `why` is a code.
    NotSent { why: String },
}

impl ClosingOutcome {
    pub fn not_sent(why: &str) -> Self {
        Self::NotSent { why: why.to_owned() }
    }
}

/// Whether the customer wrote after this was asked for.
fn has_written(room: &Room, effect: &OpenEffect) -> bool {
    effect.seq > 0 && room.last_inbound_seq > effect.seq
}

/// Whether the next part of a resolve may leave: the last look before what cannot be called back. Whether control moved is looked
/// at again by the mark itself (`EffectPlan::fenced`).
pub fn may_go_on(room: &Room, effect: &OpenEffect, ground: &Ground<'_>) -> Result<(), Refusal> {
    let says = effect.plan.closing.is_some();
    if says && matches!(room.lifecycle, Lifecycle::Resolved { .. }) {
        return Err(Refusal::new("room_resolved", Next::DoNotRetry, "The conversation is resolved."));
    }
    if has_written(room, effect) {
        return Err(new_customer_message(room));
    }
    if says && effect.plan.fenced && room.typing_until.is_some_and(|until| until > ground.now) {
        return Err(Refusal::new(HUMAN_TYPING, Next::RetryLater, "A human agent is writing to the customer just now."));
    }
    Ok(())
}

/// Whether a conversation that is closed here moved on while its closing message was on its way: the customer wrote, or control
/// moved. One that is closed in a channel's inbox is closed there by now, whatever else happened.
pub fn is_overtaken(room: &Room, effect: &OpenEffect, company: &Company) -> bool {
    !company.tells_channel(room) && (room.epoch != effect.epoch || has_written(room, effect))
}

/// What follows the end of a conversation over there whose customer wrote while we had it ended: here it goes on, and nobody is
/// closed away unheard. A mere thank-you needs no answer.
pub fn goes_on(room: &Room, effect: &OpenEffect, ground: &Ground<'_>) -> Vec<Fact> {
    let over = matches!(room.lifecycle, Lifecycle::Resolved { .. });
    let thanks = is_courtesy(&room.last_inbound_preview);
    if over || thanks || !ground.company.tells_channel(room) || !has_written(room, effect) {
        return vec![];
    }
    let anew = hand_over::begins_anew(ground.now, ground);
    vec![Fact::RoomReopened { episode: room.episode + 1, anew, keeps_tags: anew }, Fact::ResolvedThere]
}

/// The closing message as a line of the conversation; `None`: it was not sent, or its channel tells of it by itself. `late`: the
/// conversation has moved on since.
pub fn said(room: &Room, effect: &OpenEffect, outcome: Option<&ClosingOutcome>, company: &Company, late: bool) -> Option<Fact> {
    let (Some(ClosingOutcome::Sent { message_id }), Some(text)) = (outcome, &effect.plan.closing) else { return None };
    (!company.tells_channel(room)).then(|| line(message_id.clone(), text, late))
}

pub(super) fn line(message_id: String, text: &str, late: bool) -> Fact {
    Fact::MessageReceived {
        message_id,
        from: Writer::AiAgent,
        agent_id: None,
        text: text.to_owned(),
        late,
        said_at: None,
        aside: false,
    }
}

/// A customer's word comes before the end of their conversation.
pub fn new_customer_message(room: &Room) -> Refusal {
    let message = format!(
        "The customer wrote again before this could be closed: \"{}\". Read and answer it, then decide again.",
        room.last_inbound_preview
    );
    Refusal::new("new_customer_message", Next::FixAndRetry, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::{ChannelKind, CompanyNo, Control, EffectKind, EffectPlan, Timestamp};

    fn effect(closing: Option<&str>) -> OpenEffect {
        let plan = EffectPlan { closing: closing.map(Into::into), ..EffectPlan::absolute(EffectKind::Resolution, true) };
        OpenEffect {
            call_id: crate::room::CallId::trusted("c1"),
            name: "resolve_conversation".into(),
            plan,
            epoch: 1,
            episode: 1,
            customer: None,
            since: Timestamp(1),
            seq: 5,
            stranded: false,
            doubtful: false,
            retries: 0,
            send_again: false,
            edited: None,
        }
    }

    #[test]
    fn what_the_customer_wrote_since_comes_first_and_a_person_who_types_is_not_talked_over() {
        let company = Company::empty(CompanyNo(1));
        let ground = Ground { now: Timestamp(1_000), company: &company, approved: false };
        let code = |room: &Room, closing| may_go_on(room, &effect(closing), &ground).err().map(|refusal| refusal.code);
        for closing in [None, Some("Bye.")] {
            assert_eq!(code(&Room { last_inbound_seq: 4, ..Room::default() }, closing), None);
            assert_eq!(code(&Room { last_inbound_seq: 6, ..Room::default() }, closing), Some("new_customer_message"));
        }
        let typing = Room { typing_until: Some(Timestamp(2_000)), ..Room::default() };
        assert_eq!((code(&typing, None), code(&typing, Some("Bye."))), (None, Some(HUMAN_TYPING)));
        let over = Room { lifecycle: Lifecycle::Resolved { at: Timestamp(9) }, ..Room::default() };
        assert_eq!((code(&over, None), code(&over, Some("Bye."))), (None, Some("room_resolved")));
    }

    #[test]
    fn what_is_closed_here_is_not_closed_over_anybodys_head() {
        let mut company = Company::empty(CompanyNo(1));
        company.channel = ChannelKind::WhatsappCloud;
        let room = Room { channel: "whatsapp_cloud".into(), last_inbound_seq: 4, ..Room::default() };
        assert!(!is_overtaken(&room, &effect(Some("Bye.")), &company));
        assert!(is_overtaken(&Room { last_inbound_seq: 6, ..room.clone() }, &effect(None), &company));
        assert!(is_overtaken(&Room { epoch: 2, control: Control::Nobody, ..room.clone() }, &effect(None), &company));
        company.channel = ChannelKind::Qontak;
        assert!(!is_overtaken(&Room { epoch: 2, last_inbound_seq: 6, ..room }, &effect(None), &company), "it is closed there");
    }
}
