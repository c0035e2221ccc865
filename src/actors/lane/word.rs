//! What a lane and its room say to each other of a file, or of a resolve, while the lane carries it.

use std::sync::Arc;

use crate::catalog::fence::LONGEST_HOLD_MS;
use crate::room::delivery::Stage;
use crate::room::outbox::{Came, Rule};
use crate::room::{AgentId, EffectKind, SentFile, Settlement};

use super::{ASK_AGAIN_MS, Beside, Lane};
use crate::actors::outside::Part;

/// What the room is told, or asked.
#[derive(Debug)]
pub enum Word {
    /// Its file got so far.
    Prepared(Stage, Option<Arc<SentFile>>),
    /// A message with its file, or a part of its resolve, is about to leave; or somebody (whom it names) is about to be let in.
    Submit(Option<AgentId>),
}

/// What the room says to it.
#[derive(Debug)]
pub enum Submission {
    Go,
    No(Box<Settlement>),
    /// Not while a person types; the end, if they type for too long.
    Held(Box<Settlement>),
    /// The room cannot say now.
    Later,
}

impl<B: Beside> Lane<'_, B> {
    /// Tells the room how far its file is, if that is news; `None`: it knows.
    pub(super) async fn told_prepared(&mut self, part: &Part) -> Option<Came> {
        let (stage, file) = self.ports.counterpart.prepared(self.job, part, &self.parts)?;
        if self.prepared >= Some(stage) {
            return None;
        }
        if matches!(self.beside.asks(Word::Prepared(stage, file)).await, Submission::Go) {
            self.prepared = Some(stage);
            return None;
        }
        Some(Came::NotDone { after_ms: ASK_AGAIN_MS, counts: false })
    }

    /// Asks the room whether a message to the customer, or the end of their conversation, may leave now; `None`: it may. A fetch
    /// reaches nobody, but in a room that lives here, where it is the sending.
    pub(super) async fn asked(&mut self, part: &Part) -> Option<Came> {
        let here = || self.job.plan.source.as_ref().is_some_and(|source| source.here);
        let is_asked = match self.job.plan.kind {
            EffectKind::Attachment => part.rule == Rule::Once || here(),
            EffectKind::Resolution | EffectKind::Assignment => true,
            _ => false,
        };
        if !is_asked {
            return None;
        }
        let end = match self.beside.asks(Word::Submit(part.hands_to.clone())).await {
            Submission::Go => {
                self.held_since = None;
                return None;
            }
            Submission::Later => return Some(Came::NotDone { after_ms: ASK_AGAIN_MS, counts: false }),
            Submission::Held(end) => {
                let now = self.clock.now();
                if now.ms_since(*self.held_since.get_or_insert(now)) < LONGEST_HOLD_MS {
                    return Some(Came::NotDone { after_ms: ASK_AGAIN_MS, counts: false });
                }
                end
            }
            Submission::No(end) => end,
        };
        self.given = Some(*end);
        Some(Came::End)
    }
}
