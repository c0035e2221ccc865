//! Who may open the store, with which schema, and what its directory keeps.

use std::os::unix::fs::MetadataExt;

use super::*;
use crate::room::{Agent, AgentId, Division, DivisionId, Hours, Presence, Settings};
use crate::store::{Role, StoreError, checksum_ok, hash_key, migrate};

/// How many steps the schema has, by their folders.
fn steps() -> usize {
    std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite")).unwrap().count()
}

#[test]
fn migrations_run_once_and_a_newer_schema_is_refused() {
    each(|place| {
        let mut old = place.options();
        old.migrate = false;
        if place.is_sqlite() {
            assert!(Store::open_beside(old).is_err(), "no file yet");
        } else {
            assert!(matches!(Store::open_beside(old), Err(StoreError::OlderSchema { .. })));
        }
        assert_eq!(migrate(&place.url).unwrap(), steps());
        assert_eq!(migrate(&place.url).unwrap(), 0);
        if let StoreUrl::Sqlite(path) = &place.url {
            assert_eq!(std::fs::metadata(path).unwrap().mode() & 0o777, 0o600);
        }
        place.conn().batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000000')").unwrap();
        assert!(matches!(migrate(&place.url), Err(StoreError::NewerSchema { .. })));
        assert!(matches!(Store::open_beside(place.options()), Err(StoreError::NewerSchema { .. })));
    });
}

#[test]
fn a_database_of_the_first_schema_keeps_what_it_holds() {
    const FIRST: [&str; 2] = [
        include_str!("../../../migrations/sqlite/00000000000001_first/up.sql"),
        include_str!("../../../migrations/postgres/00000000000001_first/up.sql"),
    ];
    each(|place| {
        if let StoreUrl::Sqlite(path) = &place.url {
            std::fs::File::create(path).unwrap();
        }
        let mut conn = place.conn();
        conn.batch_execute(FIRST[usize::from(!place.is_sqlite())]).unwrap();
        conn.batch_execute(
            "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
             INSERT INTO __diesel_schema_migrations (version) VALUES ('00000000000001');
             INSERT INTO companies (no, id, name, created_at) VALUES (7, 'com_old', 'old', 1);
             UPDATE owners SET epoch = 41;",
        )
        .unwrap();
        let mut unmigrated = place.options();
        unmigrated.migrate = false;
        assert!(matches!(Store::open_beside(unmigrated), Err(StoreError::OlderSchema { .. })));
        assert_eq!(migrate(&place.url).unwrap(), steps() - 1);
        let serving = Serving::at(place);
        assert_eq!(serving.journal.owner_epoch(), 42);
        let view = wait(serving.store.queries().company(CompanyNo(7))).unwrap();
        assert!(!view.crm, "it has none yet");
        let mut room = Draft::new(&serving.journal, 7, "r");
        assert_eq!(serving.one(room.calls(&["a"])), None);
    });
}

#[test]
fn both_schemas_have_the_columns_that_diesel_names() {
    each(|place| {
        migrate(&place.url).unwrap();
        let mut conn = place.conn();
        macro_rules! read {
            ($($table:ident),+) => { $({
                use diesel::prelude::*;
                let found = crate::store::conn::on_each!(&mut conn, |c| crate::store::schema::$table::table
                    .count().filter(diesel::dsl::sql::<diesel::sql_types::Bool>("1 = 1")).get_result::<i64>(c));
                assert!(found.is_ok(), "{}: {found:?}", stringify!($table));
                let columns = diesel::debug_query::<diesel::sqlite::Sqlite, _>(&crate::store::schema::$table::table.select(crate::store::schema::$table::all_columns)).to_string();
                conn.batch_execute(&columns.split(" -- ").next().unwrap().replace('`', "\"")).unwrap();
            })+ };
        }
        read!(
            meta,
            owners,
            companies,
            keys,
            ai_agents,
            tags,
            agents,
            divisions,
            settings,
            audit,
            rooms,
            room_events,
            function_calls,
            message_keys,
            timers,
            effects,
            effect_parts,
            crm_access,
            channel_access,
            inbox,
            channel_rooms
        );
    });
}

#[test]
fn one_process_serves_and_the_others_work_beside_it() {
    each(|place| {
        let serving = Serving::at(place);
        let mut room = Draft::new(&serving.journal, 1, "r");
        assert_eq!(serving.one(room.calls(&["a"])), None);
        let beside = Store::open_beside(place.options()).unwrap();
        wait(beside.directory().create_company("acme", "cli")).unwrap();
        assert!(beside.journal(Arc::new(Bags(Mutex::new(channel().0)))).is_err());
        assert_eq!(serving.one(room.calls(&["b"])), None, "and the server goes on");
        if place.is_sqlite() {
            assert!(matches!(Store::open_to_serve(place.options()), Err(StoreError::Busy(_))));
            serving.store.close();
            drop(serving);
            let again = Serving::at(place);
            assert_eq!(again.journal.owner_epoch(), 2);
            room.owner = 2;
            assert_eq!(again.one(room.calls(&["c"])), None);
        } else {
            // Invariant 6: the one that lost the database cannot commit, and is told to end.
            let heir = Serving::at(place);
            assert_eq!(serving.one(room.clone().calls(&["c"])), Some(Rejection::Stale));
            assert!(serving.store.fatal().borrow().as_ref().is_some_and(|why| why.contains("took over")));
            assert!(heir.store.fatal().borrow().is_none());
            room.owner = heir.journal.owner_epoch();
            assert_eq!(heir.one(room.calls(&["c"])), None);
        }
    });
}

/// Invariant 6 on a file, whose lock lets nobody in who would be an heir: here it is a copy put in its place, or a bug.
#[test]
fn a_file_that_has_another_owner_is_not_written() {
    let place = Place::sqlite();
    let serving = Serving::at(&place);
    let mut room = Draft::new(&serving.journal, 1, "r");
    assert_eq!(serving.one(room.calls(&["a"])), None);
    place.conn().batch_execute("UPDATE owners SET epoch = epoch + 1").unwrap();
    assert_eq!(serving.one(room.calls(&["b"])), Some(Rejection::Stale));
    assert!(serving.store.fatal().borrow().as_ref().is_some_and(|why| why.contains("took over")));
}

#[test]
fn the_directory_keeps_companies_apart() {
    each(|place| {
        let serving = Serving::at(place);
        let (directory, queries) = (serving.store.directory(), serving.store.queries());
        wait(async {
            let mut version = queries.config_version().await.unwrap();
            let acme = directory.create_company("acme", "cli").await.unwrap();
            let other = directory.create_company("other", "cli").await.unwrap();
            assert!(acme.id.starts_with("com_"));
            assert!(matches!(directory.create_company("acme", "cli").await, Err(StoreError::Conflict(_))));
            assert_eq!(queries.company_by_name("acme").await.unwrap(), Some(acme.clone()));
            assert_eq!(queries.companies().await.unwrap().len(), 2);
            let sales = AiAgentId::new("sales").unwrap();
            let (key, secret) = directory.create_key(acme.no, Role::Agent, Some(sales.clone()), "cli").await.unwrap();
            assert!(checksum_ok(&secret));
            assert_eq!(queries.ai_agents(acme.no).await.unwrap(), std::slice::from_ref(&sales));
            assert!(queries.ai_agents(other.no).await.unwrap().is_empty());
            assert!(directory.create_key(acme.no, Role::Agent, None, "cli").await.is_err());
            assert!(matches!(directory.create_key(CompanyNo(99), Role::Admin, None, "cli").await, Err(StoreError::NotFound(_))));
            let live = queries.all_keys().await.unwrap();
            assert_eq!(
                (live.len(), live[0].0, live[0].1.ai_agent.clone()),
                (1, hash_key(&Pepper([7; 32]), &secret), Some(sales))
            );
            assert!(!directory.revoke_key(other.no, &key.id, "cli").await.unwrap(), "not theirs");
            assert!(directory.revoke_key(acme.no, &key.id, "cli").await.unwrap());
            assert!(!directory.revoke_key(acme.no, &key.id, "cli").await.unwrap(), "already");
            assert!(queries.all_keys().await.unwrap().is_empty());
            assert!(queries.keys(acme.no).await.unwrap()[0].revoked_at.is_some());

            assert_eq!(queries.settings(acme.no).await.unwrap(), (Settings::default(), 0));
            let changed = Settings { max_tags_per_call: 3, ..Settings::default() };
            assert_eq!(directory.set_settings(acme.no, changed.clone(), Some(0), "key_x").await.unwrap(), 1);
            assert!(matches!(
                directory.set_settings(acme.no, changed.clone(), Some(0), "key_x").await,
                Err(StoreError::Conflict(_))
            ));
            assert_eq!(directory.set_settings(acme.no, changed.clone(), None, "key_x").await.unwrap(), 2);
            let bad = Settings { max_tags_per_room: 0, ..Settings::default() };
            assert!(matches!(directory.set_settings(acme.no, bad, None, "key_x").await, Err(StoreError::Invalid(_))));
            assert_eq!(queries.settings(acme.no).await.unwrap(), (changed.clone(), 2), "and nothing was written");
            let (division, ana) = (DivisionId::new("div_1").unwrap(), AgentId::new("agt_1").unwrap());
            let mut agent = Agent {
                id: ana.clone(),
                name: "Ana".into(),
                email: "ana@acme.test".into(),
                divisions: vec![division.clone()],
                status: Presence::Online,
                capacity: 4,
            };
            directory.put_agent(acme.no, agent.clone(), "key_x").await.unwrap();
            agent.capacity = 5;
            directory.put_agent(acme.no, agent.clone(), "key_x").await.unwrap();
            let mut sales = Division { id: division.clone(), name: "Sales".into(), hours: None };
            directory.put_division(acme.no, sales.clone(), "key_x").await.unwrap();
            let hours = |zone: &str| Hours { zone: zone.into(), closed: vec!["2026-12-25".into()], ..Hours::default() };
            sales.hours = Some(hours("Mars/Olympus"));
            assert!(matches!(directory.put_division(acme.no, sales.clone(), "x").await, Err(StoreError::Invalid(_))));
            sales.hours = Some(hours("Asia/Jakarta"));
            directory.put_division(acme.no, sales.clone(), "key_x").await.unwrap();
            assert_eq!(queries.company(acme.no).await.unwrap().divisions, [sales]);
            assert!(directory.put_tag(acme.no, "VIP", "key_x").await.unwrap());
            assert!(!directory.put_tag(acme.no, "vip", "key_x").await.unwrap());
            let view = queries.company(acme.no).await.unwrap();
            assert_eq!((view.agents, view.divisions.len(), &view.settings), (vec![agent], 1, &changed));
            assert_eq!(view.tags.get("vip").map(|shown| &**shown), Some("VIP"));
            assert!(queries.company(other.no).await.unwrap().tags.is_empty());
            assert!(!directory.delete_agent(other.no, &ana, "x").await.unwrap());
            assert!(
                directory.delete_agent(acme.no, &ana, "x").await.unwrap()
                    && directory.delete_division(acme.no, &division, "x").await.unwrap()
            );
            assert!(directory.delete_tag(acme.no, "vip", "x").await.unwrap());
            let audit = queries.audit(acme.no, None, 100).await.unwrap();
            assert!(audit.len() >= 10 && audit.iter().all(|row| !row.by.is_empty() && row.at.0 > 0));
            assert!(!audit.iter().any(|row| row.what.contains(&secret)));
            assert!(directory.put_tag(acme.no, "x", "").await.is_err(), "somebody must have done it");
            let now = queries.config_version().await.unwrap();
            assert!(std::mem::replace(&mut version, now) + 10 <= now);
            queries.ping().await.unwrap();
        });
    });
}
