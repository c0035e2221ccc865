//! Whose token a request carries and what it asks for: the chat gives a company a user's token and a bot's, either may be refused
//! alone, and a user's role may do one thing and not another (qontak-api.md 2.1; section 5, 23).

use crate::outbound::{Door, Step};
use crate::room::{CompanyNo, EffectKind};

use super::QontakChannel;
use super::part::Deed;
use super::refusals;

const USER: &str = "user";
const BOT: &str = "bot";

pub const WEBHOOKS: Door = Door { who: USER, what: "webhooks" };
pub const MESSAGES: Door = Door { who: BOT, what: "messages" };
const ASSIGN: Door = Door { who: USER, what: "assign" };
const TAG: Door = Door { who: USER, what: "tag" };
const RESOLVE: Door = Door { who: USER, what: "resolve" };

/// Of a read, by its path from the mount on.
pub fn of_read(path: &str) -> Door {
    let what = match path.split('?').next().unwrap_or_default() {
        path if path.ends_with("/agents/assignable") => "assignable",
        path if path.starts_with("/rooms") => "rooms",
        path if path.starts_with("/divisions") => "divisions",
        path if path.starts_with("/users") => "users",
        _ => "reads",
    };
    Door { who: USER, what }
}

pub const fn of_deed(deed: &Deed) -> Door {
    match deed {
        Deed::Tag { .. } => TAG,
        Deed::Enter(_) | Deed::RoundRobin | Deed::Leave { .. } | Deed::Dismiss { .. } => ASSIGN,
        Deed::Resolve => RESOLVE,
        Deed::Say { .. } | Deed::File { .. } | Deed::Link { .. } => MESSAGES,
    }
}

/// What an effect of this kind is for in the end.
const fn of_kind(kind: EffectKind) -> Option<Door> {
    match kind {
        EffectKind::Assignment => Some(ASSIGN),
        EffectKind::Tags => Some(TAG),
        EffectKind::Resolution => Some(RESOLVE),
        EffectKind::Attachment => Some(MESSAGES),
        _ => None,
    }
}

/// Whether who waits here waits in vain. A user's token is waited for: nothing can be read without it either, and what it is for
/// is worth doing when it is renewed. A message is not; and a role does not change by itself.
pub fn is_in_vain(door: Door, status: u16) -> bool {
    door.who == BOT || status == 403
}

impl QontakChannel {
    /// Nothing is begun that is known to be refused: who asked is told so at once, and what comes behind it goes on.
    pub(super) async fn may_begin(&self, company: CompanyNo, kind: EffectKind) -> Step<()> {
        let Some(door) = of_kind(kind) else { return Ok(()) };
        let session = self.session(company).await?;
        match self.outbound.refusal(company, &session.api.host, door) {
            Some(status) if is_in_vain(door, status) => Err(refusals::not_allowed(status).into()),
            _ => Ok(()),
        }
    }
}
