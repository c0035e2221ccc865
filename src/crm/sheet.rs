//! Which argument of an action stands under which key of the CRM, for deals and for tickets (qontak-api.md 1.5, 1.7): the two
//! tables that the rest of this folder reads. Holds no logic but looking up.

use crate::catalog::{Request, deal::DealFields, ticket::TicketFields};
use crate::room::{EffectKind, RecordKind};

/// How a standard field is written and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Amount,
    /// A deal's date: ISO with offset.
    IsoDate,
    /// A ticket's date: `DD-MM-YYYY`.
    DashedDate,
    /// Options without ids: matched and sent by name.
    Currency,
    /// Options with e-mail addresses.
    Person,
    Choice,
    /// A company of the CRM, found by its name.
    Company,
}

#[derive(Debug)]
pub struct Standard {
    /// What the model calls it. `None`: only reachable by its label, like a custom field.
    pub argument: Option<&'static str>,
    /// In bodies, reads and (with `required::key_of`) the template.
    pub key: &'static str,
    /// Where reads show it for people.
    pub shown: &'static str,
    pub kind: Kind,
}

/// The one argument that only a change takes (qontak-api.md 3.1, 3.2).
const LOST_REASON: &str = "lost_reason";

impl Standard {
    /// What a call of this kind gives it as.
    pub fn argument_of(&self, creates: bool) -> Option<&'static str> {
        self.argument.filter(|argument| !(creates && *argument == LOST_REASON))
    }
}

const fn field(argument: &'static str, key: &'static str, shown: &'static str, kind: Kind) -> Standard {
    Standard { argument: Some(argument), key, shown, kind }
}

#[derive(Debug)]
pub struct Sheet {
    pub kind: RecordKind,
    /// Also the last part of its address.
    pub plural: &'static str,
    pub fields: &'static [Standard],
    pub pipeline: (&'static str, &'static str),
    pub stage: (&'static str, &'static str),
    /// Whether the pipeline is sent on create (a ticket's is implied by its stage, qontak-api.md 1.7).
    pub sends_pipeline: bool,
    /// Key and shown key of whoever it belongs to. On deals always sent: a PUT without it changes the owner.
    pub owner: (&'static str, &'static str),
    /// Keys that are sent back as they were read.
    pub kept: &'static [&'static str],
    /// What the owner is called in results.
    pub owner_name: &'static str,
}

pub static DEAL: Sheet = Sheet {
    kind: RecordKind::Deal,
    plural: "deals",
    fields: &[
        field("name", "name", "name", Kind::Text),
        field("currency", "currency", "currency", Kind::Currency),
        field("amount", "size", "size", Kind::Amount),
        field("close_date", "closed_date", "closed_date", Kind::IsoDate),
        field("start_date", "start_date", "start_date", Kind::IsoDate),
        field("expiry_date", "expired_date", "expired_date", Kind::IsoDate),
        field("owner", "creator_id", "creator_name", Kind::Person),
        field("source", "crm_source_id", "crm_source_name", Kind::Choice),
        field("priority", "crm_priority_id", "crm_priority_name", Kind::Choice),
        field(LOST_REASON, "crm_lost_reason_id", "crm_lost_reason_name", Kind::Choice),
        field("company", "crm_company_id", "crm_company_name", Kind::Company),
    ],
    pipeline: ("crm_pipeline_id", "crm_pipeline_name"),
    stage: ("crm_stage_id", "crm_stage_name"),
    sends_pipeline: true,
    owner: ("creator_id", "creator_name"),
    kept: &[
        "crm_lead_ids",
        "product_association_ids",
        "product_association_name",
        "product_association_quantity",
        "product_association_price",
        "product_association_total_price",
    ],
    owner_name: "owner",
};

pub static TICKET: Sheet = Sheet {
    kind: RecordKind::Ticket,
    plural: "tickets",
    fields: &[
        field("name", "name", "name", Kind::Text),
        field("assignee", "user_id", "user_name", Kind::Person),
        field("priority", "ticket_priority_id", "ticket_priority_name", Kind::Choice),
        field("category", "ticket_category_id", "ticket_category_name", Kind::Choice),
        field("description", "description", "description", Kind::Text),
        field("due_date", "due_date", "due_date", Kind::DashedDate),
        // Scalar both ways, unlike a deal's; no argument of ours.
        Standard { argument: None, key: "crm_company_id", shown: "crm_company_name", kind: Kind::Company },
    ],
    pipeline: ("ticket_pipeline_id", "ticket_pipeline_name"),
    stage: ("ticket_stage_id", "ticket_stage_name"),
    sends_pipeline: false,
    owner: ("user_id", "user_name"),
    kept: &["crm_lead_ids", "crm_product_ids", "crm_task_ids"],
    owner_name: "assignee",
};

impl Sheet {
    /// A lane of the CRM is handed deals and tickets only.
    pub fn of(kind: EffectKind) -> &'static Self {
        match kind {
            EffectKind::Ticket => &TICKET,
            _ => &DEAL,
        }
    }

    pub fn is_ticket(&self) -> bool {
        self.kind == RecordKind::Ticket
    }

    pub fn by_argument(&self, argument: &str) -> Option<&'static Standard> {
        self.fields.iter().find(|field| field.argument == Some(argument))
    }

    pub fn by_key(&self, key: &str) -> Option<&'static Standard> {
        self.fields.iter().find(|field| field.key == key)
    }
}

/// One value that a model gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    Text(String),
    Amount(f64),
}

/// All that a call asks of a record; the same for both kinds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wishes {
    pub pipeline: Option<String>,
    pub stage: Option<String>,
    pub company: Option<String>,
    /// By argument; without the three above.
    pub values: Vec<(&'static str, Wish)>,
    /// By label.
    pub custom: Vec<(String, String)>,
}

impl Wishes {
    /// `None`: not a request to the CRM.
    pub fn of(request: &Request) -> Option<Self> {
        Some(match request {
            Request::CreateDeal(create) => Self::deal(Some(&create.name), &create.fields),
            Request::UpdateDeal(update) => Self::deal(update.name.as_ref(), &update.fields),
            Request::CreateTicket(create) => Self::ticket(Some(&create.name), &create.fields),
            Request::UpdateTicket(update) => Self::ticket(update.name.as_ref(), &update.fields),
            _ => return None,
        })
    }

    pub fn name(&self) -> Option<&str> {
        self.values.iter().find_map(|(argument, wish)| match wish {
            Wish::Text(text) if *argument == "name" => Some(text.as_str()),
            _ => None,
        })
    }

    fn deal(name: Option<&String>, fields: &DealFields) -> Self {
        let texts = [
            ("name", name),
            ("currency", fields.currency.as_ref()),
            ("close_date", fields.close_date.as_ref()),
            ("start_date", fields.start_date.as_ref()),
            ("expiry_date", fields.expiry_date.as_ref()),
            ("owner", fields.owner.as_ref()),
            ("source", fields.source.as_ref()),
            ("priority", fields.priority.as_ref()),
            (LOST_REASON, fields.lost_reason.as_ref()),
        ];
        let mut values = given(texts);
        values.extend(fields.amount.map(|amount| ("amount", Wish::Amount(amount))));
        Self {
            pipeline: fields.pipeline.clone(),
            stage: fields.stage.clone(),
            company: fields.company.clone(),
            values,
            custom: fields.custom_fields.clone(),
        }
    }

    fn ticket(name: Option<&String>, fields: &TicketFields) -> Self {
        let texts = [
            ("name", name),
            ("description", fields.description.as_ref()),
            ("assignee", fields.assignee.as_ref()),
            ("priority", fields.priority.as_ref()),
            ("category", fields.category.as_ref()),
            ("due_date", fields.due_date.as_ref()),
        ];
        Self {
            pipeline: fields.pipeline.clone(),
            stage: fields.stage.clone(),
            company: None,
            values: given(texts),
            custom: fields.custom_fields.clone(),
        }
    }
}

fn given<const N: usize>(texts: [(&'static str, Option<&String>); N]) -> Vec<(&'static str, Wish)> {
    texts.into_iter().filter_map(|(argument, text)| Some((argument, Wish::Text(text?.clone())))).collect()
}
