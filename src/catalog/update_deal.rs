//! `update_deal`: changes a deal in the CRM.

use crate::room::{Decision, FunctionCall, Ground, Refusal, Room};

use super::arguments::{Checked, Field, Kind, missing_refusal, optional};
use super::not_connected;

pub const DESCRIPTION: &str =
    "Change a deal in the CRM. Give only what changes. Without `deal` the one of this conversation is meant.";
pub const NOT_CONNECTED: Option<&str> = Some("The CRM");
pub const FIELDS: &[Field] = &[
    optional("deal", Kind::Line(128), "Id of the deal; left out: the one of this conversation."),
    optional("name", Kind::Line(255), "What the deal is called."),
    optional("amount", Kind::Amount, "Its value: a number without quotes, separators or currency."),
    optional("currency", Kind::Line(16), "ISO code of the currency, for example IDR."),
    optional("pipeline", Kind::Line(200), "Name of the pipeline; left out: as it is."),
    optional("stage", Kind::Line(200), "Name of the stage; left out: as it is."),
    optional("owner", Kind::Line(200), "Name of the colleague it belongs to."),
    optional("source", Kind::Line(200), "Where it came from, by name."),
    optional("priority", Kind::Line(200), "Its priority, by name."),
    optional("company", Kind::Line(255), "Name of the customer's company."),
    optional("start_date", Kind::Date, "YYYY-MM-DD."),
    optional("close_date", Kind::Date, "When it is expected to close, YYYY-MM-DD."),
    optional("expiry_date", Kind::Date, "YYYY-MM-DD."),
    optional("custom_fields", Kind::Pairs(50), "The company's own fields: a list of {field, value}, both strings, at most 50."),
];

#[derive(Clone, Debug, PartialEq)]
pub struct UpdateDeal {
    /// Its id or number; `None`: the one of this room.
    pub deal: Option<String>,
    pub name: Option<String>,
    pub amount: Option<f64>,
    pub currency: Option<String>,
    pub pipeline: Option<String>,
    pub stage: Option<String>,
    pub owner: Option<String>,
    pub source: Option<String>,
    pub priority: Option<String>,
    pub company: Option<String>,
    pub start_date: Option<String>,
    pub close_date: Option<String>,
    pub expiry_date: Option<String>,
    pub custom_fields: Vec<(String, String)>,
}

pub fn read(arguments: Checked<'_>) -> Result<UpdateDeal, Refusal> {
    if !arguments.has_any_but("deal") {
        return Err(missing_refusal("update_deal", &["something to change"])
            .with_allowed(FIELDS.iter().skip(1).map(|field| field.name.to_owned())));
    }
    Ok(UpdateDeal {
        deal: arguments.line("deal"),
        name: arguments.line("name"),
        amount: arguments.amount("amount"),
        currency: arguments.line("currency"),
        pipeline: arguments.line("pipeline"),
        stage: arguments.line("stage"),
        owner: arguments.line("owner"),
        source: arguments.line("source"),
        priority: arguments.line("priority"),
        company: arguments.line("company"),
        start_date: arguments.line("start_date"),
        close_date: arguments.line("close_date"),
        expiry_date: arguments.line("expiry_date"),
        custom_fields: arguments.pairs("custom_fields"),
    })
}

pub fn decide(_room: &Room, _call: &FunctionCall, _arguments: &UpdateDeal, _ground: &Ground<'_>) -> Decision {
    Decision::Refused(not_connected(NOT_CONNECTED))
}
