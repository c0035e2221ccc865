//! Divisions, the groups of agents, and their business hours. Must never let hours through that cannot be understood later.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::room::{Division, DivisionId, Hours};

use super::people::{company, gone, page, saved};
use super::problem::{self, Kind, Problem};
use super::visit::{Answer, Visit};
use super::{answer, strict};

/// Largest body that describes a division: its dates for some years.
const MAX_BODY: usize = 64 * 1024;

/// A group of agents.
#[derive(Serialize, ToSchema)]
pub struct DivisionView {
    pub id: String,
    pub name: String,
    /// When it is open; absent: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
}

impl DivisionView {
    fn of(division: &Division) -> Self {
        Self { id: division.id.to_string(), name: division.name.clone(), hours: division.hours.clone() }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DivisionBody {
    /// 1 to 120 bytes.
    name: String,
    /// When it is open; left out or null: always.
    hours: Option<Hours>,
}

/// What is to change of a division; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DivisionPatch {
    name: Option<String>,
    /// `null`: from now on always open.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<Hours>)]
    hours: Option<Option<Hours>>,
}

/// A field that is there, even as `null`.
fn said<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Hours>>, D::Error> {
    Option::<Hours>::deserialize(from).map(Some)
}

fn checked(id: DivisionId, body: DivisionBody) -> Result<Division, Problem> {
    strict::line("/name", &body.name, 120)?;
    if let Some(bad) = body.hours.as_ref().and_then(|hours| hours.check().err()) {
        return Err(Problem::field(Kind::InvalidBody, format!("/hours/{}", bad.field), bad.rule));
    }
    Ok(Division { id, name: body.name, hours: body.hours })
}

fn division_id(visit: &Visit) -> Result<DivisionId, Problem> {
    visit.segment("division_id").and_then(|text| DivisionId::new(&text).ok()).ok_or_else(Problem::not_found)
}

async fn save(visit: &Visit, division: Division, created: bool) -> Answer {
    let view = DivisionView::of(&division);
    visit.api.directory.put_division(visit.key.company, division, &visit.by()).await?;
    visit.api.directory_changed(visit.key.company).await;
    Ok(saved(&view, &format!("/v1/divisions/{}", view.id), created))
}

pub async fn list(visit: Visit) -> Answer {
    let company = company(&visit).await?;
    let list = page(&visit, "divisions", &company.divisions, |division| division.id.as_str(), DivisionView::of)?;
    Ok(answer::json(problem::OK, &list))
}

pub async fn get(visit: Visit) -> Answer {
    let (id, company) = (division_id(&visit)?, company(&visit).await?);
    Ok(answer::json(problem::OK, &DivisionView::of(company.division(&id).ok_or_else(Problem::not_found)?)))
}

pub async fn post(mut visit: Visit) -> Answer {
    let body = visit.json(MAX_BODY).await?;
    let id = DivisionId::trusted(&format!("div_{}", Uuid::now_v7().simple()));
    save(&visit, checked(id, body)?, true).await
}

pub async fn put(mut visit: Visit) -> Answer {
    let id = division_id(&visit)?;
    let division = checked(id.clone(), visit.json(MAX_BODY).await?)?;
    let created = company(&visit).await?.division(&id).is_none();
    save(&visit, division, created).await
}

pub async fn patch(mut visit: Visit) -> Answer {
    let id = division_id(&visit)?;
    let patch: DivisionPatch = visit.json(MAX_BODY).await?;
    let company = company(&visit).await?;
    let old = company.division(&id).ok_or_else(Problem::not_found)?.clone();
    let body = DivisionBody { name: patch.name.unwrap_or(old.name), hours: patch.hours.unwrap_or(old.hours) };
    save(&visit, checked(id, body)?, false).await
}

pub async fn delete(visit: Visit) -> Answer {
    let deleted = visit.api.directory.delete_division(visit.key.company, &division_id(&visit)?, &visit.by()).await?;
    gone(&visit, deleted).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_that_cannot_be_understood_name_the_field() {
        let check = |json: &str| {
            let body = strict::read::<DivisionBody>(json.as_bytes())?;
            checked(DivisionId::trusted("div_1"), body).map(|division| division.hours.is_some())
        };
        assert!(check(r#"{"name":"Sales","hours":{"zone":"Asia/Jakarta","week":{"mon":[["09:00","17:00"]]}}}"#).unwrap());
        assert!(!check(r#"{"name":"Sales","hours":null}"#).unwrap());
        for (json, code) in [
            (r#"{"name":"Sales","hours":{"zone":"Nowhere"}}"#, "invalid_body"),
            (r#"{"name":"Sales","hours":{"zone":"UTC","week":{"mon":[["17:00","09:00"]]}}}"#, "invalid_body"),
            (r#"{"name":"Sales","hours":{"zone":"UTC","week":{"mon":[["09:00"]]}}}"#, "invalid_body"),
            (r#"{"name":"Sales","hours":{"zone":"UTC","weeks":{}}}"#, "unknown_field"),
            (r#"{"name":"Sales","hours":{"week":{}}}"#, "missing_field"),
        ] {
            assert_eq!(check(json).unwrap_err().code(), code, "{json}");
        }
    }

    #[test]
    fn a_patch_tells_null_from_nothing() {
        let patch = |json: &str| strict::read::<DivisionPatch>(json.as_bytes()).unwrap().hours;
        assert_eq!(patch("{}"), None);
        assert_eq!(patch(r#"{"hours":null}"#), Some(None));
        assert!(matches!(patch(r#"{"hours":{"zone":"UTC"}}"#), Some(Some(_))));
    }
}
