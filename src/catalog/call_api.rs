//! `call_api`: the builder's own HTTP action.

use crate::room::{Decision, FunctionCall, Ground, Refusal, Room};

use super::arguments::{Checked, Field, Kind, optional, required};
use super::fence::Class;
use super::{Needs, not_connected};

pub const DESCRIPTION: &str = "Call an API that the company has set up, by its name.";
pub const NEEDS: Needs = Needs::Unbuilt("This API");
pub const CLASS: Class = Class::Crm;
pub const FIELDS: &[Field] = &[
    required("api", Kind::Line(64), "Name of the API, as the company calls it."),
    optional("parameters", Kind::Pairs(50), "Its parameters: a list of {field, value}, both strings, at most 50."),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallApi {
    pub api: String,
    pub parameters: Vec<(String, String)>,
}

pub fn read(arguments: Checked<'_>) -> Result<CallApi, Refusal> {
    Ok(CallApi { api: arguments.required_line("api"), parameters: arguments.pairs("parameters") })
}

pub fn decide(_room: &Room, _call: &FunctionCall, _arguments: &CallApi, _ground: &Ground<'_>) -> Decision {
    Decision::Refused(not_connected(NEEDS))
}
