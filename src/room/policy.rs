//! A company's policies about people and AI agents in one conversation: who may do what while a person has it, how a person is
//! chosen, when a resolved conversation opens again, and what needs a person's yes. Plain data with bounds; part of `Settings`.

use serde::{Deserialize, Serialize};

use super::company::BadSetting;
use super::ids::DivisionId;

/// What becomes of an AI agent's call while a person has the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhilePerson {
    Allow,
    /// Refused with `human_in_control`.
    Refuse,
    /// Waits for a person's yes.
    Approve,
}

/// By class of action (`catalog::Class`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Fence {
    /// Tags and notes.
    pub annotate: WhilePerson,
    pub crm: WhilePerson,
    /// Assign and resolve.
    pub room: WhilePerson,
    /// What the customer sees.
    pub send: WhilePerson,
}

impl Default for Fence {
    fn default() -> Self {
        Self { annotate: WhilePerson::Allow, crm: WhilePerson::Allow, room: WhilePerson::Refuse, send: WhilePerson::Refuse }
    }
}

/// How the roster chooses among people who have room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AssignStrategy {
    /// Who was given nothing for longest.
    RoundRobin,
    /// The smallest load, as a share of capacity.
    #[default]
    LeastBusy,
    /// The most free places.
    HighestSpare,
    /// Who had this room last, if they have room; else as least busy.
    LastAgent,
}

impl AssignStrategy {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::LeastBusy => "least_busy",
            Self::HighestSpare => "highest_spare",
            Self::LastAgent => "last_agent",
        }
    }
}

/// What happens to a person's rooms when they go offline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfflinePolicy {
    Keep,
    #[default]
    RequeueOnNextMessage,
    RequeueNow,
}

/// What becomes of a resolved conversation when its customer writes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reopen {
    /// Within `reopen_window_h` it goes on as it was, later it begins anew.
    #[default]
    SameRoom,
    AlwaysSame,
    AlwaysNew,
}

/// Who has a conversation that goes on; one that begins anew is the AI agent's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReopenControl {
    #[default]
    Bot,
    /// Who had it last, if they are online; else the queue.
    LastAgent,
    Queue,
}

/// An action that needs a person's yes, always or when one of its numbers is above a bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRule {
    /// Name of an action.
    pub action: String,
    /// Argument whose number is compared; absent: every call of the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
    /// Calls with more than this need a yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
}

impl Eq for ApprovalRule {}

/// Policies about people and rooms. Defaults are those of a fresh company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct People {
    pub while_person_controls: Fence,
    /// A person who answers the customer takes the conversation.
    pub reply_takes_over: bool,
    /// While a person types, what the AI agent would send waits: so long after each sign of it; 0: it does not. At most 60 s.
    pub typing_hold_s: u32,
    /// A person who was silent for so long gives the conversation back to the AI agent; 0: never. Else 60 to 86,400 s.
    pub return_to_bot_after_s: u32,
    pub strategy: AssignStrategy,
    /// Of rooms in Qontak's inbox Qontak says itself who is there: this and `idle_reassign_s` do not concern them.
    pub on_offline: OfflinePolicy,
    /// Somebody offline for less than this is still given nothing, but keeps what they have; 0 to 3,600 s.
    pub offline_grace_s: u32,
    /// A person who has not answered the customer for so long loses the room to another; 0: never. Else 10 to 86,400 s.
    pub idle_reassign_s: u32,
    /// Automatic assignments to one person within a minute; 0: no bound. At most 1,000.
    pub burst_per_minute: u32,
    /// Where a room goes that its own division cannot take, one after the other; at most 10.
    #[schema(value_type = Vec<String>)]
    pub fallback_divisions: Vec<DivisionId>,
    /// How many places a room of this channel takes; others take 1. Each 0 to 100.
    pub channel_weights: std::collections::BTreeMap<String, u32>,
    /// A short thank-you so soon after resolving does not open the conversation again; 0: it does. At most 168 h.
    pub courtesy_h: u32,
    pub reopen: Reopen,
    /// 1 to 8,760 h.
    pub reopen_window_h: u32,
    pub reopen_control: ReopenControl,
    /// So often in one conversation the AI agent hands over; then it stays with people until it is resolved. 0: no bound. At
    /// most 100.
    pub most_hand_overs: u32,
    /// What the customer is told before their conversation is resolved; at most 1,000 characters. Where it has to travel through a
    /// channel only an AI agent's resolve sends it, and only while the channel takes it. `null`: nothing.
    pub closing_message: Option<String>,
    /// An AI agent that resolves has to say for its colleagues what came of it.
    pub resolve_needs_note: bool,
    /// At most 100.
    pub approvals: Vec<ApprovalRule>,
    /// A call that waits for a yes is void after this time; 60 to 604,800 s.
    pub approval_expires_s: u32,
}

impl People {
    /// How many places a room of this channel takes.
    pub fn weight(&self, channel: &str) -> u32 {
        self.channel_weights.get(channel).copied().unwrap_or(1)
    }
}

impl Default for People {
    fn default() -> Self {
        Self {
            while_person_controls: Fence::default(),
            reply_takes_over: true,
            typing_hold_s: 15,
            return_to_bot_after_s: 0,
            strategy: AssignStrategy::default(),
            on_offline: OfflinePolicy::default(),
            offline_grace_s: 60,
            idle_reassign_s: 0,
            burst_per_minute: 0,
            fallback_divisions: vec![],
            channel_weights: std::collections::BTreeMap::new(),
            courtesy_h: 24,
            reopen: Reopen::default(),
            reopen_window_h: 168,
            reopen_control: ReopenControl::default(),
            most_hand_overs: 3,
            closing_message: None,
            resolve_needs_note: false,
            approvals: vec![],
            approval_expires_s: 86_400,
        }
    }
}

impl People {
    /// Whether every value is within the bounds stated above.
    pub fn check(&self) -> Result<(), BadSetting> {
        let bounds = [
            ("return_to_bot_after_s", self.return_to_bot_after_s, 60, 86_400, true),
            ("idle_reassign_s", self.idle_reassign_s, 10, 86_400, true),
            ("typing_hold_s", self.typing_hold_s, 0, 60, false),
            ("offline_grace_s", self.offline_grace_s, 0, 3_600, false),
            ("burst_per_minute", self.burst_per_minute, 0, 1_000, false),
            ("reopen_window_h", self.reopen_window_h, 1, 8_760, false),
            ("most_hand_overs", self.most_hand_overs, 0, 100, false),
            ("courtesy_h", self.courtesy_h, 0, 168, false),
            ("approval_expires_s", self.approval_expires_s, 60, 604_800, false),
        ];
        for (name, value, least, most, or_never) in bounds {
            let fits = (least..=most).contains(&value) || (or_never && value == 0);
            if !fits {
                let never = if or_never { "0 or " } else { "" };
                return Err(BadSetting { name, rule: format!("must be {never}{least} to {most}") });
            }
        }
        let lists = [
            ("fallback_divisions", self.fallback_divisions.len(), 10),
            ("channel_weights", self.channel_weights.len(), 50),
            ("approvals", self.approvals.len(), 100),
        ];
        if let Some((name, _, most)) = lists.into_iter().find(|(_, many, most)| many > most) {
            return Err(BadSetting { name, rule: format!("may hold at most {most}") });
        }
        let told = |text: &String| (1..=1_000).contains(&text.trim().chars().count()) && !text.contains('\0');
        if self.closing_message.as_ref().is_some_and(|text| !told(text)) {
            return Err(BadSetting { name: "closing_message", rule: "must have 1 to 1,000 characters".into() });
        }
        if self.channel_weights.values().any(|weight| *weight > 100) {
            return Err(BadSetting { name: "channel_weights", rule: "must be 0 to 100 each".into() });
        }
        let halved =
            |rule: &&ApprovalRule| rule.argument.is_some() != rule.above.is_some() || rule.above.is_some_and(f64::is_nan);
        if self.approvals.iter().any(|rule| halved(&rule)) {
            let rule = "must each name an argument and a number it may not pass, or neither".into();
            return Err(BadSetting { name: "approvals", rule });
        }
        Ok(())
    }
}
