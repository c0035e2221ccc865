//! Sends a part, once, and says what that came to. What is sorted as "may have happened" is never sent again from here. A "no"
//! is held against the room before it is believed: many of the channel's mean "it is so already" (qontak-api.md section 5, 20-22).

use std::sync::Arc;

use serde_json::Value;

use crate::actors::outside::{EffectJob, Part, Permit, Sent};
use crate::outbound::{Ask, CREDENTIALS_MS, Outcome, Slot, Stop, backoff_at, sort};
use crate::room::{Next, Refusal};

use super::QontakChannel;
use super::attach::{no_bot_token, window_closed};
use super::doors;
use super::envelope;
use super::look_up::shows;
use super::part::{Deed, Left};
use super::refusals;
use super::rooms::{self, There};

/// The right to send a part now, which was sent in vain so often before.
struct Leave {
    slot: Slot,
    attempt: u32,
}

impl QontakChannel {
    /// A slot of the company's; without a channel none is needed, because nothing will be sent.
    pub(super) async fn slot_for(&self, job: &EffectJob, part: &Part, attempt: u32) -> Result<Permit, Arc<str>> {
        let (company, deed) = (job.address.company, Deed::of(part)?);
        let at = (deed.class(), doors::of_deed(&deed));
        loop {
            let session = match self.session(company).await {
                Ok(session) => session,
                Err(Stop::Later { why, .. }) => return Err(why),
                Err(Stop::Refuse(_)) => return Ok(Permit(Box::new(None::<Leave>))),
            };
            let slot = self.outbound.slot_at(company, &session.api.host, at, Ask::of(attempt)).await;
            // The wait may have been long.
            match self.session(company).await {
                Ok(now) if now.api.host == session.api.host => return Ok(Permit(Box::new(Some(Leave { slot, attempt })))),
                Ok(_) | Err(_) => drop(slot),
            }
        }
    }

    pub(super) async fn send_part(&self, job: &EffectJob, part: &Part, permit: Permit) -> Result<Sent, Arc<str>> {
        let company = job.address.company;
        let deed = Deed::of(part)?;
        let session = match self.session(company).await {
            Ok(session) => session,
            Err(stop) => return Ok(stop.unsent()),
        };
        let Ok(leave) = permit.0.downcast::<Option<Leave>>() else { return Err("this permit is not the channel's".into()) };
        let Some(Leave { slot, attempt }) = leave.filter(|leave| leave.slot.host() == session.api.host) else {
            return Ok(Sent::not_done(0, false, "the company's channel has moved"));
        };
        let request = match &deed {
            Deed::File { file } => match self.upload(job, &session, file).await {
                Ok(request) => request,
                Err(stop) => return Ok(stop.unsent()),
            },
            deed => {
                let who = if deed.is_message() { session.bot.as_ref() } else { Some(&session.credentials) };
                let Some(who) = who else { return Ok(Sent::refused(&no_bot_token())) };
                let (method, path, body) = deed.request(&job.address.room);
                self.request(&session, who, method, &path, body.as_deref())
            }
        };
        let reply = self.outbound.send(slot, request).await;
        let door = doors::of_deed(&deed);
        self.hear_inside(company, &session, (deed.class(), door), &reply);
        let sorted = sort(reply, true, |body| envelope::judged(body, |data| is_complete(&deed, data)));
        Ok(match sorted {
            Outcome::Success { body } => match envelope::data(&body) {
                Ok(data) => Sent::Done(left_by(&deed, &data).done_in(&job.address.room)),
                Err(_) => Sent::Doubtful { why: "the answer cannot be read".into() },
            },
            Outcome::Refused { status, body } => self.said_no(job, &deed, status, envelope::message(&body)).await,
            Outcome::NotDone { after_ms, why } => {
                Sent::not_done(after_ms.unwrap_or_else(|| backoff_at(2, self.clock.now())), true, why)
            }
            Outcome::Credentials { status } => {
                let changed = matches!(self.session(company).await, Ok(now) if now.access.version != session.access.version);
                match (&deed, status) {
                    _ if changed || attempt == 0 || !doors::is_in_vain(door, status) => {
                        let after_ms = if changed { 0 } else { CREDENTIALS_MS };
                        Sent::not_done(after_ms, false, format!("the channel refuses the token ({status})"))
                    }
                    (Deed::Tag { .. } | Deed::Leave { .. } | Deed::Dismiss { .. }, _) => {
                        let why = refusals::not_allowed(status).message;
                        Sent::Done(Left::Failed { why }.done(job.address.room.as_str()))
                    }
                    _ => Sent::refused(&refusals::not_allowed(status)),
                }
            }
            Outcome::Ambiguous { why } => Sent::Doubtful { why: why.into() },
        })
    }

    /// The channel's "no", held against the room.
    async fn said_no(&self, job: &EffectJob, deed: &Deed, status: u16, said: Option<String>) -> Sent {
        let there = match self.room(job.address.company, &job.address.room).await {
            Ok(there) => there,
            // It certainly did nothing; what that means is found out when it is asked again.
            Err(Stop::Later { after_ms, why }) => return Sent::not_done(after_ms, true, why),
            Err(Stop::Refuse(refusal)) => return Sent::refused(&refusal),
        };
        let done = |left: Left| Sent::Done(left.done(job.address.room.as_str()));
        if *deed != Deed::RoundRobin
            && let Some(left) = shows(deed, there.as_ref())
        {
            return done(left);
        }
        tracing::info!(event = "channel.refused", part = deed.name(), status, "the channel refused a part");
        let why = || said.clone().unwrap_or_else(|| "the channel did not say why".into());
        match (deed, there) {
            (Deed::Tag { .. } | Deed::Leave { .. } | Deed::Dismiss { .. }, _) => done(Left::Failed { why: why() }),
            (_, None) => Sent::refused(&refusals::room_not_in_channel()),
            (Deed::Enter(_) | Deed::RoundRobin, Some(there)) if there.resolved => Sent::refused(&refusals::room_resolved()),
            (Deed::RoundRobin, Some(there)) => self.no_draw(&there, said),
            (Deed::Say { .. } | Deed::File { .. } | Deed::Link { .. }, Some(_))
                if mentions(said.as_deref(), &["24-hour", "24 hour", "session"]) =>
            {
                Sent::refused(&window_closed())
            }
            (Deed::Say { .. } | Deed::File { .. } | Deed::Link { .. }, Some(_)) => {
                Sent::refused(&refusals::channel_refused(said))
            }
            (Deed::Enter(entry), Some(_)) if mentions(said.as_deref(), &["not found"]) => {
                let message = format!("The channel does not know `{}` any more. Choose somebody else.", entry.entrant.name);
                Sent::refused(&Refusal::new("unknown_agent", Next::FixAndRetry, message))
            }
            (Deed::Enter(_) | Deed::Resolve, Some(_)) => Sent::refused(&refusals::channel_refused(said)),
        }
    }

    /// The allocator did not choose.
    fn no_draw(&self, there: &There, said: Option<String>) -> Sent {
        let left = |left: Left| Sent::Done(left.done(""));
        if !there.agent_ids.is_empty() {
            return left(Left::Taken);
        }
        let said_text = said.as_deref();
        if mentions(said_text, &["caa", "allocation", "must be active", "already assigned"]) {
            return left(Left::Inactive);
        }
        if mentions(said_text, &["no agent", "available"]) {
            return Sent::refused(&refusals::no_one_available());
        }
        Sent::refused(&refusals::channel_refused(said))
    }
}

/// Whether the channel's words hold one of these: it has no codes.
fn mentions(said: Option<&str>, words: &[&str]) -> bool {
    let said = said.unwrap_or_default().to_lowercase();
    words.iter().any(|word| said.contains(word))
}

/// Who came in, as an agent-participant says it.
fn who(data: &Value) -> Option<&str> {
    data.get("contact_able_id").and_then(Value::as_str).filter(|id| !id.is_empty())
}

/// Whether the answer to a write says all that must be known (qontak-api.md 2.3).
fn is_complete(deed: &Deed, data: &Value) -> bool {
    match deed {
        Deed::Tag { .. } => rooms::is_room(data),
        Deed::Enter(entry) => who(data) == Some(entry.entrant.user.as_str()),
        Deed::RoundRobin => who(data).is_some(),
        Deed::Say { .. } | Deed::File { .. } | Deed::Link { .. } => data.get("id").is_some_and(Value::is_string),
        // A text, a status or the room: nobody promises which.
        Deed::Leave { .. } | Deed::Dismiss { .. } | Deed::Resolve => true,
    }
}

fn left_by(deed: &Deed, data: &Value) -> Left {
    match deed {
        Deed::Tag { folded, .. } if rooms::of_answer(data).is_none_or(|there| there.tag(folded).is_none()) => {
            Left::Failed { why: "the channel took it and does not show it".into() }
        }
        Deed::RoundRobin => who(data).map_or(Left::Done, |user| Left::Given { user: user.to_owned() }),
        Deed::Say { .. } | Deed::File { .. } | Deed::Link { .. } => {
            Left::Said { message: data.get("id").and_then(Value::as_str).unwrap_or_default().to_owned() }
        }
        _ => Left::Done,
    }
}
