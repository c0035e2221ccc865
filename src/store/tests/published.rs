//! Publishing: what was looked at is what is put in force, whoever writes at the same time.

use super::*;
use crate::room::DraftTool;
use crate::store::{Directory, Publication, RevisionRow, StoreError};

fn sales() -> AiAgentId {
    AiAgentId::new("sales").unwrap()
}

/// A draft of one tool that is told apart by its text.
fn draft(text: &str) -> Vec<DraftTool> {
    vec![DraftTool { name: "create_tag".into(), description: Some(text.into()), ..DraftTool::default() }]
}

fn puts(directory: &Directory, company: CompanyNo, text: &str, expected: Option<i64>) -> Result<i64, StoreError> {
    wait(directory.put_draft(company, &sales(), draft(text), expected, "cli:me"))
}

fn publishes(directory: &Directory, company: CompanyNo, draft_version: Option<i64>) -> Result<RevisionRow, StoreError> {
    let publication = Publication { draft_version, ..Publication::default() };
    wait(directory.publish(company, &sales(), publication, "cli:me")).map(|made| made.expect("a draft that can be"))
}

fn said(row: &RevisionRow) -> &str {
    row.tools[0].description.as_deref().unwrap()
}

#[test]
fn a_draft_that_somebody_else_changed_is_not_published() {
    each(|place| {
        let serving = Serving::at(place);
        let (here, queries) = (serving.store.directory(), serving.store.queries());
        let company = wait(here.create_company("acme", "cli")).unwrap().no;
        assert_eq!(puts(&here, company, "looked at", None).unwrap(), 1);
        let looked_at = wait(queries.draft(company, &sales())).unwrap().unwrap().version;
        // Another program's builder, between our reading and our publishing.
        let beside = Store::open_beside(place.options()).unwrap();
        assert_eq!(puts(&beside.directory(), company, "not looked at", Some(looked_at)).unwrap(), 2);

        assert!(matches!(publishes(&here, company, Some(looked_at)), Err(StoreError::Conflict(_))));
        assert_eq!(wait(queries.revisions(company, &sales(), i64::MAX, 10)).unwrap(), []);
        assert_eq!(wait(queries.draft(company, &sales())).unwrap().unwrap().revision, None, "nothing is in force");
        assert_eq!(said(&publishes(&here, company, Some(2)).unwrap()), "not looked at");
        assert!(matches!(puts(&here, company, "late", Some(looked_at)), Err(StoreError::Conflict(_))));
        assert_eq!(publishes(&here, company, None).unwrap().revision, 2, "who does not ask gets what stands");
    });
}

#[test]
fn who_publishes_while_others_write_publishes_what_was_looked_at() {
    each(|place| {
        let serving = Serving::at(place);
        let (here, beside) = (serving.store.directory(), Store::open_beside(place.options()).unwrap());
        let company = wait(here.create_company("acme", "cli")).unwrap().no;
        let mut version = puts(&here, company, "draft 1", None).unwrap();
        for _ in 0..12 {
            let (next, writes) = (format!("draft {}", version + 1), beside.directory());
            let writer = std::thread::spawn(move || puts(&writes, company, &next, Some(version)).unwrap());
            match publishes(&here, company, Some(version)) {
                Ok(row) => assert_eq!(said(&row), format!("draft {version}")),
                Err(error) => assert!(matches!(error, StoreError::Conflict(_)), "{error}"),
            }
            version = writer.join().unwrap();
        }
    });
}
