//! `update_deal`: changes a deal in the CRM.

use crate::room::{Decision, FunctionCall, Ground, RecordKind, Refusal, Room};

use super::arguments::{Checked, Field, Kind, missing_refusal, optional};
use super::deal::{self, AMOUNT, CLOSE_DATE, COMPANY, CURRENCY, DealFields, EXPIRY_DATE, LOST_REASON, OWNER, SOURCE, START_DATE};
use super::fence::Class;
use super::record::{self, CUSTOM_FIELDS, PRIORITY, SAME_PIPELINE, SAME_STAGE};
use super::{Needs, not_connected};

pub const DESCRIPTION: &str =
    "Change a deal in the CRM. Give only what changes. Without `deal` the one of this conversation is meant.";
pub const NEEDS: Needs = Needs::Crm;
pub const CLASS: Class = Class::Crm;
pub const FIELDS: &[Field] = &[
    optional("deal", Kind::Line(128), "Id of the deal; left out: the one of this conversation."),
    optional("name", Kind::Line(255), "What the deal is called."),
    AMOUNT,
    CURRENCY,
    SAME_PIPELINE,
    SAME_STAGE,
    OWNER,
    SOURCE,
    PRIORITY,
    COMPANY,
    START_DATE,
    CLOSE_DATE,
    EXPIRY_DATE,
    LOST_REASON,
    CUSTOM_FIELDS,
];

#[derive(Clone, Debug, PartialEq)]
pub struct UpdateDeal {
    /// Its id; `None`: the one of this room.
    pub deal: Option<String>,
    pub name: Option<String>,
    pub fields: DealFields,
}

pub fn read(arguments: Checked<'_>) -> Result<UpdateDeal, Refusal> {
    if !arguments.has_any_but("deal") {
        return Err(missing_refusal("update_deal", &["something to change"])
            .with_allowed(FIELDS.iter().skip(1).map(|field| field.name.to_owned())));
    }
    Ok(UpdateDeal { deal: arguments.line("deal"), name: arguments.line("name"), fields: deal::read(arguments) })
}

pub fn decide(room: &Room, call: &FunctionCall, arguments: &UpdateDeal, ground: &Ground<'_>) -> Decision {
    if !ground.company.crm {
        return Decision::Refused(not_connected(NEEDS));
    }
    record::update(room, call, RecordKind::Deal, arguments.deal.as_deref())
}
