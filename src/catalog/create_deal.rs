//! `create_deal`: a sale that may come of this conversation, made in the CRM.

use crate::room::{Decision, FunctionCall, Ground, RecordKind, Refusal, Room};

use super::arguments::{Checked, Field, Kind, required};
use super::deal::{self, AMOUNT, CLOSE_DATE, COMPANY, CURRENCY, DealFields, EXPIRY_DATE, OWNER, SOURCE, START_DATE};
use super::fence::Class;
use super::record::{self, CUSTOM_FIELDS, FIRST_STAGE, PRIORITY, REPEAT, USUAL_PIPELINE};
use super::{Needs, not_connected};

pub const DESCRIPTION: &str =
    "Make a deal in the CRM for this customer, when they want to buy something. Do not make a second one for the same wish.";
pub const NEEDS: Needs = Needs::Crm;
pub const CLASS: Class = Class::Crm;
pub const FIELDS: &[Field] = &[
    required("name", Kind::Line(255), "What the deal is called."),
    AMOUNT,
    CURRENCY,
    USUAL_PIPELINE,
    FIRST_STAGE,
    OWNER,
    SOURCE,
    PRIORITY,
    COMPANY,
    START_DATE,
    CLOSE_DATE,
    EXPIRY_DATE,
    CUSTOM_FIELDS,
    REPEAT,
];

#[derive(Clone, Debug, PartialEq)]
pub struct CreateDeal {
    pub name: String,
    pub fields: DealFields,
    pub repeat: bool,
}

pub fn read(arguments: Checked<'_>) -> Result<CreateDeal, Refusal> {
    let (name, repeat) = (arguments.required_line("name"), arguments.flag("repeat"));
    Ok(CreateDeal { name, fields: deal::read(arguments), repeat })
}

pub fn decide(room: &Room, call: &FunctionCall, arguments: &CreateDeal, ground: &Ground<'_>) -> Decision {
    if !ground.company.crm {
        return Decision::Refused(not_connected(NEEDS));
    }
    record::create(room, call, RecordKind::Deal, &arguments.name, arguments.fields.pipeline.as_deref(), arguments.repeat)
}
