//! PURE. What can be asked of a room: the catalog, one file per action, and the wire shapes models speak (`dialect/`).
//! No clock, no chance, no I/O: an action sees the room, the call and its ground, and answers with a decision.
//!
//! A new action is one file (`DESCRIPTION`, `NEEDS`, `FIELDS`, its type, `read`, `decide`) and one line in `catalog!`.

// A refusal is an answer, not an accident: it is as common as success and boxing it would only cost an allocation.

pub mod admit;
pub mod arguments;
pub mod canonical;
pub mod deal;
pub mod dialect;
pub mod fence;
pub mod json;
pub mod nearest;
mod people;
pub mod record;
pub mod sourced;
pub mod ticket;
pub mod tools;

use crate::room::{Decision, FunctionCall, Ground, Next, Refusal, Room};

use arguments::Field;
use fence::Class;
use json::Object;

pub use admit::{Admission, Admitted, DoorAnswer, admit};

/// What an action needs beside the room itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    /// The company's CRM.
    Crm,
    /// At least one file an AI agent may send, or may have fetched.
    Files,
    /// Something this program does not have yet, as it is called in a sentence.
    Unbuilt(&'static str),
}

impl Needs {
    /// Whether it is there for a company that has this.
    pub const fn met(self, has: Has) -> bool {
        match self {
            Self::Nothing => true,
            Self::Crm => has.crm,
            Self::Files => has.files,
            Self::Unbuilt(_) => false,
        }
    }
}

/// What a company has, as far as actions need it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Has {
    pub crm: bool,
    pub files: bool,
}

impl Has {
    /// For this caller: what an AI agent may send may have been published.
    pub fn of(company: &crate::room::Company, ai_agent: Option<&crate::room::AiAgentId>) -> Self {
        Self { crm: company.crm, files: company.has_files(ai_agent) }
    }
}

/// What is known of an action without calling it.
pub struct ActionEntry {
    /// The action's name: its file, its type and the tool models call are spelled the same.
    pub name: &'static str,
    /// For the model.
    pub description: &'static str,
    pub class: Class,
    /// Its other side; without it a call is checked and answered `not_connected`.
    pub needs: Needs,
    /// JSON Schema of its arguments, in the subset that every provider takes.
    pub schema: fn() -> serde_json::Value,
    /// Its arguments as a table.
    pub fields: &'static [Field],
    read: fn(&Object) -> Result<Request, Refusal>,
}

/// Makes the modules, the request type, the catalog and the dispatch from one list. A name comes from its module, so an action that
/// is listed twice or has no file does not compile, and one that has a file but no line here is not part of the program (`tidy`).
macro_rules! catalog {
    ($($module:ident: $arguments:ident,)*; $($own:ident: $asked:ident,)*) => {
        $(pub mod $module;)*
        $(pub mod $own;)*

        /// A call's typed arguments, one variant per action.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Request {
            $($arguments($module::$arguments),)*
            $($asked($own::$asked),)*
        }

        /// Every action there is.
        pub static CATALOG: &[ActionEntry] = &[$(catalog!(@entry $module: $arguments),)*];

        /// What only people and timers have done; no AI agent is offered it.
        static PEOPLES: &[ActionEntry] = &[$(catalog!(@entry $own: $asked),)*];

        /// What this call leads to in this room. Pure.
        pub fn decide(room: &Room, call: &FunctionCall, request: &Request, ground: &Ground<'_>) -> Decision {
            if let Some(refusal) = tools::withdrawn(call, ground) {
                return Decision::Refused(refusal);
            }
            match request {
                $(Request::$arguments(arguments) => {
                    // Those of the room say themselves what is already so: that is no step anybody must allow.
                    let judged = if $module::CLASS == Class::Room { None } else { fence::judge(room, call, $module::CLASS, ground) };
                    judged.unwrap_or_else(|| $module::decide(room, call, arguments, ground))
                })*
                $(Request::$asked(_) => Decision::Refused($own::only_by_people()),)*
            }
        }
    };
    (@entry $module:ident: $arguments:ident) => {
        ActionEntry {
            name: stringify!($module),
            description: $module::DESCRIPTION,
            class: $module::CLASS,
            needs: $module::NEEDS,
            schema: || arguments::schema($module::FIELDS),
            fields: $module::FIELDS,
            read: |object| {
                let checked = arguments::check(stringify!($module), $module::FIELDS, object)?;
                $module::read(checked).map(Request::$arguments)
            },
        }
    };
}

catalog! {
    create_deal: CreateDeal,
    update_deal: UpdateDeal,
    create_ticket: CreateTicket,
    update_ticket: UpdateTicket,
    assign_agent: AssignAgent,
    resolve_conversation: ResolveConversation,
    create_tag: CreateTag,
    send_attachment: SendAttachment,
    call_api: CallApi,
    ;
    return_conversation: ReturnConversation,
}

/// The entry of this name. Names are exact: models are told the right one, never guessed at.
pub fn entry(name: &str) -> Option<&'static ActionEntry> {
    CATALOG.iter().find(|entry| entry.name == name)
}

/// Reads a stored call's arguments again, when a room wakes with a call still open.
pub fn reread(name: &str, arguments: &str) -> Result<(&'static str, Request), Refusal> {
    let peoples = || PEOPLES.iter().find(|entry| entry.name == name);
    let entry = entry(name).or_else(peoples).ok_or_else(|| unknown_tool(name))?;
    let object = json::parse(arguments.as_bytes()).map_err(|_| {
        Refusal::new("argument_invalid", Next::DoNotRetry, "The stored arguments of this call cannot be read any more.")
    })?;
    Ok((entry.name, (entry.read)(&object)?))
}

/// For names outside the catalog only.
fn unknown_tool(name: &str) -> Refusal {
    let close = nearest::nearest(name, CATALOG.iter().map(|entry| entry.name), 3);
    Refusal::new("unknown_tool", Next::UseOtherTool, format!("There is no tool `{}`.", nearest::shown(name)))
        .with_candidates(close.into_iter().map(String::from))
}

/// The answer of an action whose other side is not there.
fn not_connected(needs: Needs) -> Refusal {
    let side = match needs {
        Needs::Nothing => "The other side of this tool",
        Needs::Crm => "The CRM",
        Needs::Files => "The library of files",
        Needs::Unbuilt(side) => side,
    };
    let message = format!(
        "{side} is not connected yet, so nothing was done. Do not call this tool again, and do not tell the customer that it was done."
    );
    Refusal::new("not_connected", Next::DoNotRetry, message)
}

#[cfg(test)]
mod tests;
