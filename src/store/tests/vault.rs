//! A company's CRM token: sealed, its company's alone, never shown.

use super::*;
use crate::actors::outside::{CrmDialect, CrmOptions, Secret};
use crate::room::Company;
use crate::store::StoreError;

const CANARY: &str = "canary-7f3e9b1c-token";

fn set(store: &Store, company: &str, token: &str) -> CompanyNo {
    wait(async {
        let row = match store.directory().create_company(company, "cli").await {
            Ok(row) => row,
            Err(_) => store.queries().company_by_name(company).await.unwrap().unwrap(),
        };
        let options = CrmOptions { per_second: 3.0, ..CrmOptions::default() };
        let secret = Secret::new(token.into());
        let version =
            store.directory().set_crm(row.no, "https://crm.test", CrmDialect::Gateway, &options, &secret, "cli:me").await;
        assert_eq!(store.vault().crm_version(row.no).await.unwrap(), Some(version.unwrap()));
        row.no
    })
}

fn opened(store: &Store, company: CompanyNo) -> Result<Option<(String, i64)>, String> {
    let access = wait(store.vault().crm(company)).map_err(|why| why.to_string())?;
    Ok(access.map(|access| (access.secret.reveal().to_owned(), access.version)))
}

#[test]
fn a_token_comes_back_as_it_was_set_and_only_then() {
    each(|place| {
        let serving = Serving::at(place);
        let (store, vault) = (&serving.store, serving.store.vault());
        let view = |no: CompanyNo| -> Company { wait(store.queries().company(no)).unwrap() };
        let before = wait(store.queries().config_version()).unwrap();
        let acme = set(store, "acme", CANARY);
        let other = wait(store.directory().create_company("other", "cli")).unwrap().no;
        let access = wait(vault.crm(acme)).unwrap().unwrap();
        assert_eq!(
            (&*access.base_url, access.dialect, access.options.per_second),
            ("https://crm.test", CrmDialect::Gateway, 3.0)
        );
        assert_eq!((access.secret.reveal(), access.company), (CANARY, acme));
        assert!(!format!("{access:?}").contains("canary"));
        assert!(view(acme).crm && !view(other).crm);
        assert!(wait(vault.crm(other)).unwrap().is_none() && wait(vault.crm_version(other)).unwrap().is_none());
        assert!(wait(store.queries().config_version()).unwrap() >= before + 2, "a running server notices");

        let shown = wait(store.queries().crm(acme)).unwrap().unwrap();
        assert_eq!((shown.base_url.as_str(), shown.version, shown.effects_open), ("https://crm.test", access.version, 0));
        assert!(wait(store.queries().crm(other)).unwrap().is_none());

        let again = set(store, "acme", "second");
        let (token, version) = opened(store, again).unwrap().unwrap();
        assert!(token == "second" && version > access.version);
        assert!(wait(store.directory().clear_crm(acme, "cli:me")).unwrap());
        assert!(!wait(store.directory().clear_crm(acme, "cli:me")).unwrap());
        assert!(!view(acme).crm && opened(store, acme).unwrap().is_none());
        set(store, "acme", "third");
        assert!(opened(store, acme).unwrap().unwrap().1 > version, "no version ever comes back");
        let audit = wait(store.queries().audit(acme, None, 100)).unwrap();
        let told: Vec<&str> = audit.iter().map(|row| row.what.as_str()).filter(|what| what.starts_with("crm")).collect();
        assert_eq!(told.iter().filter(|what| what.contains("crm set to https://crm.test")).count(), 3);
        assert!(told.contains(&"crm cleared") && audit.iter().all(|row| !row.by.is_empty() && !row.what.contains("canary")));
        let (directory, options, secret) = (store.directory(), CrmOptions::default(), Secret::new(CANARY.into()));
        let nobody = directory.set_crm(CompanyNo(99), "https://crm.test", CrmDialect::Bearer, &options, &secret, "cli");
        assert!(matches!(wait(nobody), Err(StoreError::NotFound(_))));
    });
}

#[test]
fn a_refresh_token_is_spent_by_one_process_at_a_time() {
    each(|place| {
        let serving = Serving::at(place);
        let (acme, vault) = (set(&serving.store, "acme", "first"), serving.store.vault());
        let version = wait(vault.crm_version(acme)).unwrap().unwrap();
        let claims = |holder: &str, version: i64, now: i64| {
            wait(vault.claim_refresh(acme, version, holder, Timestamp(now), Timestamp(now + 10))).unwrap()
        };
        let both = wait(async {
            tokio::join!(
                vault.claim_refresh(acme, version, "a", Timestamp(1), Timestamp(11)),
                vault.claim_refresh(acme, version, "b", Timestamp(1), Timestamp(11))
            )
        });
        let (a, b) = (both.0.unwrap(), both.1.unwrap());
        assert!(a != b, "one of two at once");
        let (winner, loser) = if a { ("a", "b") } else { ("b", "a") };
        assert!(!claims(loser, version, 10) && claims(winner, version, 2), "until its time is over, and it may go on");
        assert!(claims(loser, version, 12), "who died in the middle of it is not waited for");
        assert!(!claims(winner, version, 13));
        wait(vault.release_refresh(acme, winner)).unwrap();
        assert!(!claims(winner, version, 13), "nobody gives back what another holds");
        wait(vault.release_refresh(acme, loser)).unwrap();
        assert!(claims(winner, version, 13));
        assert!(wait(vault.replace_crm_secret(acme, version, &Secret::new("fresh".into()))).unwrap());
        assert!(!claims(winner, version, 14) && !claims(loser, version, 99), "that version is over");
        assert!(claims(loser, version + 1, 14), "and the next is nobody's yet");
    });
}

#[test]
fn a_refreshed_token_is_stored_only_over_the_one_it_came_from() {
    each(|place| {
        let serving = Serving::at(place);
        let (acme, vault) = (set(&serving.store, "acme", "first"), serving.store.vault());
        let version = wait(vault.crm_version(acme)).unwrap().unwrap();
        let (fresh, late) = (Secret::new("fresh".into()), Secret::new("late".into()));
        assert!(wait(vault.replace_crm_secret(acme, version, &fresh)).unwrap());
        assert!(!wait(vault.replace_crm_secret(acme, version, &late)).unwrap(), "somebody was there first");
        assert_eq!(opened(&serving.store, acme).unwrap(), Some(("fresh".into(), version + 1)));
        assert_eq!(wait(vault.crm(acme)).unwrap().unwrap().dialect, CrmDialect::Gateway, "the rest stays");
        wait(serving.store.directory().clear_crm(acme, "cli")).unwrap();
        assert!(!wait(vault.replace_crm_secret(acme, version + 1, &late)).unwrap(), "and a cleared one stays cleared");
        let audit = wait(serving.store.queries().audit(acme, None, 100)).unwrap();
        assert_eq!(audit.iter().filter(|row| row.what == "crm token refreshed" && row.by == "system").count(), 1);
    });
}

#[test]
fn a_sealed_token_is_worthless_elsewhere() {
    each(|place| {
        let serving = Serving::at(place);
        let (acme, other) = (set(&serving.store, "acme", CANARY), set(&serving.store, "other", "theirs"));
        let swap =
            "UPDATE crm_access SET sealed = (SELECT sealed FROM crm_access AS theirs WHERE theirs.company = 1) WHERE company = 2";
        assert_eq!((acme, other), (CompanyNo(1), CompanyNo(2)));
        place.conn().batch_execute(swap).unwrap();
        let why = opened(&serving.store, other).unwrap_err();
        assert!(why.contains("not its own") && !why.contains("canary"), "{why}");
        assert_eq!(opened(&serving.store, acme).unwrap().unwrap().0, CANARY);
        let mut options = place.options();
        options.pepper = Pepper([8; 32]);
        let stranger = Store::open_beside(options).unwrap();
        let why = opened(&stranger, acme).unwrap_err();
        assert!(why.contains("secret key file is not the one") && !why.contains("canary"), "{why}");
        assert_ne!(stranger.reference_key(), serving.store.reference_key());
        let beside = Store::open_beside(place.options()).unwrap();
        assert_eq!(beside.reference_key(), serving.store.reference_key());
        assert_eq!(opened(&beside, acme).unwrap().unwrap().0, CANARY, "a command beside the server reads it");
    });
}

#[test]
fn a_token_stands_nowhere_in_the_database() {
    each(|place| {
        let serving = Serving::at(place);
        let acme = set(&serving.store, "acme", CANARY);
        let version = wait(serving.store.vault().crm_version(acme)).unwrap().unwrap();
        let fresh = Secret::new(format!("{CANARY}-fresh"));
        assert!(wait(serving.store.vault().replace_crm_secret(acme, version, &fresh)).unwrap());
        let held = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
        if let StoreUrl::Sqlite(path) = &place.url {
            let folder =
                || std::fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
            assert!(folder().any(|file| file.windows(8).any(|part| part == b"crm.test")), "the log is looked at as well");
            assert!(!folder().any(|file| held(&file)));
            serving.store.close();
            assert!(!folder().any(|file| held(&file)));
        } else {
            use diesel::prelude::*;
            let found: Vec<Vec<u8>> =
                crate::store::conn::on_each!(&mut place.conn(), |c| crate::store::schema::crm_access::table
                    .select(crate::store::schema::crm_access::sealed)
                    .load(c))
                .unwrap();
            assert!(found.len() == 1 && !held(&found[0]));
        }
    });
}
