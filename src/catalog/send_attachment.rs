//! `send_attachment`: sends the customer a file of the company's library.

use crate::room::{Decision, FunctionCall, Ground, Refusal, Room};

use super::arguments::{Checked, Field, Kind, optional, required};
use super::fence::Class;
use super::{Needs, not_connected};

pub const DESCRIPTION: &str = "Send the customer a file from the company's library, by its name.";
pub const NEEDS: Needs = Needs::Unbuilt("The channel for files");
pub const CLASS: Class = Class::Send;
pub const FIELDS: &[Field] = &[
    required("attachment", Kind::Line(128), "Name of a file in the company's library. Never a link."),
    optional("caption", Kind::Text(4_096), "Text sent with it. At most 4,096 characters."),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendAttachment {
    pub attachment: String,
    pub caption: Option<String>,
}

pub fn read(arguments: Checked<'_>) -> Result<SendAttachment, Refusal> {
    Ok(SendAttachment { attachment: arguments.required_line("attachment"), caption: arguments.owned("caption") })
}

pub fn decide(_room: &Room, _call: &FunctionCall, _arguments: &SendAttachment, _ground: &Ground<'_>) -> Decision {
    Decision::Refused(not_connected(NEEDS))
}
