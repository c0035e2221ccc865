//! The CRM: integer ids, `meta` and `response`, 200 on create. Every route of it that the vendor's page lists and that an
//! agent's tools could reach.

mod companies;
mod contacts;
mod custom_fields;
mod deal_history;
mod deals;
pub mod envelope;
mod fields;
mod lists;
mod notes;
mod pipelines;
mod required;
mod tickets;

use super::route::Route;

pub use contacts::shown as shown_contact;
pub use deals::shown as shown_deal;
pub use lists::listed;
pub use tickets::shown as shown_ticket;

macro_rules! routes {
    ($($method:ident $path:literal [$($query:literal),*] $run:path;)*) => {
        pub const ROUTES: &[Route] =
            &[$(Route { method: stringify!($method), path: $path, query: &[$($query),*], run: $run },)*];
    };
}

// The first that fits wins: names before `{id}`.
routes! {
    GET "deals/info" [] deals::info;
    GET "deals" ["name", "contact_ids", "company_ids", "product_ids", "page", "per_page"] deals::list;
    POST "deals" [] deals::create;
    GET "deals/channel_integration_room/{room}" [] deals::of_room;
    GET "deals/{id}" [] deals::get;
    PUT "deals/{id}" [] deals::update;
    DELETE "deals/{id}" [] deals::delete;
    PUT "deals/{id}/update_owner" [] deals::update_owner;
    GET "deals/{id}/full-field" [] deals::get;
    GET "deals/{id}/timeline" ["page", "per_page"] deal_history::timeline;
    GET "deals/{id}/stage_history" ["page", "per_page"] deal_history::stages;
    GET "deals/{id}/real_creator" [] deal_history::real_creator;
    GET "deals/{id}/chat-history" [] deal_history::chat;
    GET "pipelines" ["page", "per_page"] pipelines::list;
    GET "pipelines/{id}" [] pipelines::get;
    GET "pipelines/{id}/stages" ["page", "per_page"] pipelines::stages;
    GET "tickets/info" [] tickets::info;
    GET "tickets/ticket_pipelines" [] tickets::pipelines;
    GET "tickets" ["page", "per_page"] tickets::list;
    POST "tickets" [] tickets::create;
    GET "tickets/{id}" [] tickets::get;
    PUT "tickets/{id}" [] tickets::update;
    DELETE "tickets/{id}" [] tickets::delete;
    GET "contacts/info" [] contacts::info;
    GET "contacts" [
        "name", "job_title", "phone", "email", "crm_company_id", "crm_deal_id", "crm_status_id", "page", "per_page",
        "created_after", "created_between_start", "created_between_end"
    ] contacts::list;
    POST "contacts" [] contacts::create;
    GET "contacts/{id}" [] contacts::get;
    PUT "contacts/{id}" [] contacts::update;
    DELETE "contacts/{id}" [] contacts::delete;
    PUT "contacts/{id}/update_owner" [] contacts::update_owner;
    GET "companies" ["name", "page", "per_page"] companies::list;
    GET "companies/{id}" [] companies::get;
    GET "notes" ["page", "per_page"] notes::list;
    POST "notes" [] notes::create;
    GET "notes/{id}" [] notes::get;
}
