//! A company's tags and policies.

use actix_web::http::header::{ETAG, HeaderValue};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::fence;
use crate::room::tag;
use crate::room::{People, Settings, TagPolicy};
use crate::store::StoreError;

use super::page::Turn;
use super::problem::{self, Kind, Problem};
use super::visit::{Answer, Visit};
use super::{answer, headers, people, strict};

/// Largest body here.
pub const MAX_BODY: usize = 16 * 1024;

/// A tag of the company.
#[derive(Serialize, ToSchema)]
pub struct TagView {
    /// As it is shown.
    pub name: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TagBody {
    /// 1 to 50 characters. Names that differ only in case, width or spacing are the same tag.
    name: String,
}

pub async fn list_tags(visit: Visit) -> Answer {
    let company = visit.api.queries.company(visit.key.company).await?;
    let turn = Turn::of(&visit, "tags", &[])?;
    let after = turn.after.as_deref().unwrap_or_default();
    let mut rest: Vec<_> = company.tags.iter().filter(|(folded, _)| folded.as_bytes() > after).collect();
    rest.sort_unstable_by(|a, b| a.0.cmp(b.0));
    let list = turn.page(rest, |(folded, _)| folded.as_bytes().to_vec(), |(_, shown)| TagView { name: shown.to_string() });
    Ok(answer::json(problem::OK, &list))
}

pub async fn post_tag(mut visit: Visit) -> Answer {
    let body: TagBody = visit.json(MAX_BODY).await?;
    let name = tag::clean(&body.name).map_err(|problem| strict::bad("/name", format!("A tag name {problem}.")))?;
    let created = visit.api.directory.put_tag(visit.key.company, &name, &visit.by()).await?;
    visit.api.directory_changed(visit.key.company).await;
    Ok(answer::json(if created { problem::CREATED } else { problem::OK }, &TagView { name }))
}

pub async fn delete_tag(visit: Visit) -> Answer {
    // What cannot be a tag is none of the company's.
    let name = visit.segment("tag").and_then(|name| tag::clean(&name).ok()).ok_or_else(Problem::not_found)?;
    let deleted = visit.api.directory.delete_tag(visit.key.company, &tag::fold(&name), &visit.by()).await?;
    people::gone(&visit, deleted).await
}

/// What happens when a call names a tag the company does not have.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TagRule {
    CreateIfMissing,
    ExistingOnly,
}

/// The company's policies. What is left out of a PUT is set back to its default.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SettingsView {
    pub tag_policy: TagRule,
    /// 1 to 1,000.
    pub max_tags_per_room: u32,
    /// 1 to 100.
    pub max_tags_per_call: u32,
    /// 1 to 100,000.
    pub max_tags_per_company: u32,
    /// 1 to 50 of `[a-z0-9_]{1,40}`.
    pub resolve_reasons: Vec<String>,
    /// Hosts from which AI agents may have files fetched by their address; at most 50. Empty: from none.
    pub file_hosts: Vec<String>,
    /// Whether a file that is too large for its channel may be sent as a link, where an AI agent asks for that.
    pub links_for_large_files: bool,
    pub people: People,
}

impl Default for SettingsView {
    fn default() -> Self {
        Self::from(Settings::default())
    }
}

impl From<Settings> for SettingsView {
    fn from(settings: Settings) -> Self {
        Self {
            tag_policy: match settings.tag_policy {
                TagPolicy::CreateIfMissing => TagRule::CreateIfMissing,
                TagPolicy::ExistingOnly => TagRule::ExistingOnly,
            },
            max_tags_per_room: settings.max_tags_per_room,
            max_tags_per_call: settings.max_tags_per_call,
            max_tags_per_company: settings.max_tags_per_company,
            resolve_reasons: settings.resolve_reasons,
            file_hosts: settings.file_hosts,
            links_for_large_files: settings.links_for_large_files,
            people: settings.people,
        }
    }
}

fn checked(view: SettingsView) -> Result<Settings, Problem> {
    let settings = Settings {
        tag_policy: match view.tag_policy {
            TagRule::CreateIfMissing => TagPolicy::CreateIfMissing,
            TagRule::ExistingOnly => TagPolicy::ExistingOnly,
        },
        max_tags_per_room: view.max_tags_per_room,
        max_tags_per_call: view.max_tags_per_call,
        max_tags_per_company: view.max_tags_per_company,
        resolve_reasons: view.resolve_reasons,
        file_hosts: view.file_hosts,
        links_for_large_files: view.links_for_large_files,
        people: view.people,
    };
    match fence::check(&settings) {
        Ok(()) => Ok(settings),
        Err(bad) => Err(Problem::field(Kind::InvalidBody, pointer(bad.name, settings), format!("It {}.", bad.rule))),
    }
}

/// Where a setting of this name stands in the body.
fn pointer(name: &str, settings: Settings) -> String {
    let is_own = serde_json::to_value(SettingsView::from(settings)).is_ok_and(|all| all.get(name).is_some());
    if is_own { format!("/{name}") } else { format!("/people/{name}") }
}

fn with_etag(settings: Settings, version: i64) -> Answer {
    let mut response = answer::json(problem::OK, &SettingsView::from(settings));
    if let Ok(tag) = HeaderValue::from_str(&headers::etag(version)) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

pub async fn get_settings(visit: Visit) -> Answer {
    let (settings, version) = visit.api.queries.settings(visit.key.company).await?;
    with_etag(settings, version)
}

pub async fn put_settings(mut visit: Visit) -> Answer {
    let settings = checked(visit.json(MAX_BODY).await?)?;
    let (_, current) = visit.api.queries.settings(visit.key.company).await?;
    let expected = headers::if_match(visit.http.headers(), current)?;
    let by = visit.by();
    let version = match visit.api.directory.set_settings(visit.key.company, settings.clone(), expected, &by).await {
        // Between our look and the write somebody else wrote.
        Err(StoreError::Conflict(_)) => return Err(headers::stale()),
        other => other?,
    };
    visit.api.directory_changed(visit.key.company).await;
    with_etag(settings, version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_have_bounds() {
        let check = |json: &str| strict::read::<SettingsView>(json.as_bytes()).and_then(checked);
        assert_eq!(check("{}").unwrap(), Settings::default());
        assert_eq!(check(r#"{"tag_policy":"existing_only"}"#).unwrap().tag_policy, TagPolicy::ExistingOnly);
        for bad in [
            r#"{"max_tags_per_room":0}"#,
            r#"{"max_tags_per_call":101}"#,
            r#"{"resolve_reasons":[]}"#,
            r#"{"resolve_reasons":["a","a"]}"#,
            r#"{"resolve_reasons":["Not Plain"]}"#,
            r#"{"people":{"approvals":[{"action":"create_dael"}]}}"#,
        ] {
            assert_eq!(check(bad).unwrap_err().code(), "invalid_body", "{bad}");
        }
        for (name, at) in [
            ("max_tags_per_room", "/max_tags_per_room"),
            ("idle_reassign_s", "/people/idle_reassign_s"),
            ("approvals", "/people/approvals"),
        ] {
            assert_eq!(pointer(name, Settings::default()), at);
        }
    }
}
