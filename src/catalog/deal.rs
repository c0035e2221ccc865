//! What `create_deal` and `update_deal` have in common: the fields of a deal as a model names them. Ids, option numbers and the
//! CRM's own names are the adapter's.

use super::arguments::{Checked, Field, Kind, optional};

pub const AMOUNT: Field = optional("amount", Kind::Amount, "Its value: a number without quotes, separators or currency.");
pub const CURRENCY: Field = optional("currency", Kind::Line(16), "ISO code of the currency, for example IDR.");
pub const OWNER: Field = optional("owner", Kind::Line(200), "Name or e-mail of the colleague it belongs to.");
pub const SOURCE: Field = optional("source", Kind::Line(200), "Where it came from, by name.");
pub const COMPANY: Field = optional("company", Kind::Line(255), "Name of the customer's company.");
pub const START_DATE: Field = optional("start_date", Kind::Date, "YYYY-MM-DD.");
pub const CLOSE_DATE: Field = optional("close_date", Kind::Date, "When it is expected to close, YYYY-MM-DD.");
pub const EXPIRY_DATE: Field = optional("expiry_date", Kind::Date, "YYYY-MM-DD.");

/// Of an update alone (qontak-api.md 3.2).
pub const LOST_REASON: Field = optional("lost_reason", Kind::Line(200), "Why it was lost, by name; with a stage that ends it.");

/// A deal's fields; what is `None` was not given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DealFields {
    pub amount: Option<f64>,
    pub currency: Option<String>,
    pub pipeline: Option<String>,
    pub stage: Option<String>,
    pub owner: Option<String>,
    pub source: Option<String>,
    pub priority: Option<String>,
    pub company: Option<String>,
    pub lost_reason: Option<String>,
    pub start_date: Option<String>,
    pub close_date: Option<String>,
    pub expiry_date: Option<String>,
    pub custom_fields: Vec<(String, String)>,
}

pub fn read(arguments: Checked<'_>) -> DealFields {
    DealFields {
        amount: arguments.amount("amount"),
        currency: arguments.line("currency"),
        pipeline: arguments.line("pipeline"),
        stage: arguments.line("stage"),
        owner: arguments.line("owner"),
        source: arguments.line("source"),
        priority: arguments.line("priority"),
        company: arguments.line("company"),
        lost_reason: arguments.line("lost_reason"),
        start_date: arguments.line("start_date"),
        close_date: arguments.line("close_date"),
        expiry_date: arguments.line("expiry_date"),
        custom_fields: arguments.pairs("custom_fields"),
    }
}
