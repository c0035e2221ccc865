//! Webhooks are kept once, read in order, and done together with what is known of their room; a channel's secrets are sealed.

use super::*;
use crate::actors::inbox::{Done, Echo, Inbox, Letter};
use crate::actors::outside::{ChannelOptions, CrmDialect, Secret};
use crate::room::ChannelKind;
use crate::store::conn::Conn;
use crate::store::{NewChannel, channel_memory, hash_webhook, inbox_rows, migrate};

fn letter(company: i64, key: u8, room: &str) -> Letter {
    Letter {
        company: CompanyNo(company),
        source: ChannelKind::Qontak,
        key: [key; 16],
        room: RoomId::new(room).ok(),
        body: format!(r#"{{"n":{key},"nul":"\u0000"}}"#),
        received_at: Timestamp(i64::from(key)),
        echo: None,
    }
}

fn positions(inbox: &Arc<dyn Inbox>, after: i64) -> Vec<i64> {
    wait(inbox.waiting(after, 100)).unwrap().iter().map(|row| row.position).collect()
}

#[test]
fn a_webhook_is_kept_once_and_read_until_it_is_done() {
    each(|place| {
        let serving = Serving::at(place);
        let inbox = serving.store.inbox();
        assert!(wait(inbox.append(letter(1, 1, "r1"))).unwrap());
        assert!(!wait(inbox.append(letter(1, 1, "r1"))).unwrap(), "twice is once");
        assert!(wait(inbox.append(letter(2, 1, "r1"))).unwrap(), "each company has its own");
        let many: Vec<_> = (2..200).map(|key| inbox.append(letter(1, key, ""))).collect();
        for outcome in many {
            assert!(wait(outcome).unwrap());
        }
        let all = wait(inbox.waiting(0, 1_000)).unwrap();
        assert_eq!(all.len(), 200);
        assert!(all.is_sorted_by_key(|row| row.position));
        assert_eq!((all[0].company, all[0].room.as_ref().map(RoomId::as_str)), (CompanyNo(1), Some("r1")));
        assert_eq!((all[2].room.as_ref(), &*all[2].body), (None, r#"{"n":2,"nul":"\u0000"}"#));
        let first = all[0].position;
        assert_eq!(positions(&inbox, first).len(), 100, "a slice at a time");

        let room = RoomAddress { company: CompanyNo(1), room: RoomId::trusted("r1") };
        assert_eq!(wait(inbox.known(&room)).unwrap(), None);
        for known in ["one", "two"] {
            let done = Done { position: first, at: Timestamp(1_000), known: Some((room.clone(), known.into())) };
            wait(inbox.done(done)).unwrap();
        }
        assert_eq!(wait(inbox.known(&room)).unwrap().as_deref(), Some("two"));
        let other = RoomAddress { company: CompanyNo(2), ..room };
        assert_eq!(wait(inbox.known(&other)).unwrap(), None);
        assert!(!positions(&inbox, 0).contains(&first));
        assert!(!wait(inbox.append(letter(1, 1, "r1"))).unwrap(), "known also when it is done");
        for row in &all {
            wait(inbox.done(Done { position: row.position, at: Timestamp(1_000), known: None })).unwrap();
        }
        assert_eq!(wait(inbox.forget(Timestamp(1_000))).unwrap(), 0, "not yet");
        assert_eq!(wait(inbox.forget(Timestamp(1_001))).unwrap(), 199);
        assert_eq!(wait(inbox.forget(Timestamp(1_001))).unwrap(), 0, "the newest stays, and with it its number");
        assert!(wait(inbox.append(letter(1, 1, "r1"))).unwrap(), "forgotten");
        assert!(positions(&inbox, 0)[0] > all[199].position);
    });
}

#[test]
fn what_a_channel_spoke_of_is_forgotten_with_the_webhooks() {
    each(|place| {
        let serving = Serving::at(place);
        let (inbox, memory) = (serving.store.inbox(), serving.store.channel_memory());
        for key in [1, 2] {
            let echo = Echo { effect: CallKey([key; 16]), part: 1, message_id: format!("wamid.{key}") };
            wait(inbox.append(Letter { echo: Some(echo), ..letter(1, key, "r1") })).unwrap();
        }
        let echo = |key: u8| wait(memory.echo(CompanyNo(1), CallKey([key; 16]), 1)).unwrap();
        assert_eq!((echo(1).as_deref(), echo(2).as_deref()), (Some("wamid.1"), Some("wamid.2")));
        wait(inbox.forget(Timestamp(2))).unwrap();
        assert_eq!((echo(1), echo(2).as_deref()), (None, Some("wamid.2")));
    });
}

#[test]
fn what_is_old_is_found_without_reading_the_rest() {
    use diesel::connection::InstrumentationEvent;
    use diesel::prelude::*;

    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = diesel::sql_types::Text)]
        detail: String,
    }

    let place = Place::sqlite();
    migrate(&place.url).unwrap();
    let mut conn = place.conn();
    conn.batch_execute(
        "INSERT INTO inbox VALUES (1, 1, 'qontak', x'01', '', '', 1, 1), (2, 1, 'qontak', x'02', '', '', 1, NULL);
         INSERT INTO channel_echoes VALUES (1, x'01', 0, 'wamid.1', 1)",
    )
    .unwrap();
    let asked = Arc::new(Mutex::new(vec![]));
    let Conn::Sqlite(c) = &mut conn else { unreachable!() };
    c.set_instrumentation({
        let asked = asked.clone();
        move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                asked.lock().unwrap().push(query.to_string());
            }
        }
    });
    assert_eq!(inbox_rows::forget(&mut conn, Timestamp(2), 9).unwrap(), 1);
    let echoes = channel_memory::old_echoes(&mut conn, Timestamp(2), 9).unwrap();
    channel_memory::forget_echoes(&mut conn, &echoes).unwrap();

    let asked = std::mem::take(&mut *asked.lock().unwrap());
    let queries: Vec<&String> = asked.iter().filter(|sql| sql.starts_with("SELECT") || sql.starts_with("DELETE")).collect();
    assert_eq!(queries.len(), 5, "{asked:?}");
    let Conn::Sqlite(c) = &mut conn else { unreachable!() };
    for sql in queries {
        let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(c).unwrap();
        // The key of a row is its place: who reads by it without naming one reads everything.
        let reads_all = |step: &Step| step.detail.contains("SCAN") || step.detail.contains("(rowid<?)");
        assert!(!steps.iter().any(reads_all), "{sql}: {:?}", steps.iter().map(|step| &step.detail).collect::<Vec<_>>());
    }
}

fn new_channel(new_secret: bool) -> NewChannel {
    NewChannel {
        kind: ChannelKind::Qontak,
        base_url: "https://chat.test".into(),
        public_url: "https://us.test".into(),
        dialect: CrmDialect::Bearer,
        options: ChannelOptions::default(),
        token: Secret::new("canary-user".into()),
        bot_token: Some(Secret::new("canary-bot".into())),
        app_secret: None,
        new_secret,
    }
}

#[test]
fn a_channel_is_sealed_and_found_by_its_path() {
    each(|place| {
        let serving = Serving::at(place);
        let (store, directory) = (&serving.store, serving.store.directory());
        let acme = wait(directory.create_company("acme", "cli")).unwrap().no;
        let before = wait(store.queries().config_version()).unwrap();
        let (version, address) = wait(directory.set_channel(acme, new_channel(false), "cli")).unwrap();
        assert!(wait(store.queries().config_version()).unwrap() > before, "a running server notices");
        assert_eq!(wait(store.queries().company(acme)).unwrap().channel, ChannelKind::Qontak);
        let secret = address.reveal().strip_prefix("https://us.test/v1/webhooks/qontak/").unwrap().to_owned();
        assert!(secret.len() >= 48);
        let found = wait(store.queries().webhooks()).unwrap();
        assert_eq!((found[0].company, &found[0].key[..]), (acme, &hash_webhook(&place.options().pepper, &secret)[..]));

        let access = wait(store.vault().channel(acme)).unwrap().unwrap();
        assert_eq!((access.token.reveal(), access.bot_token.as_ref().unwrap().reveal()), ("canary-user", "canary-bot"));
        assert_eq!((access.webhook_url.as_ref().unwrap().reveal(), access.version), (address.reveal(), version));
        let shown =
            format!("{access:?}{:?}{:?}", wait(store.queries().channel(acme)), wait(store.queries().audit(acme, None, 9)));
        assert!(!shown.contains("canary") && !shown.contains(&secret));

        let (later, same) = wait(directory.set_channel(acme, new_channel(false), "cli")).unwrap();
        assert!(later > version && same == address, "who sets it again keeps the path");
        let (_, other) = wait(directory.set_channel(acme, new_channel(true), "cli")).unwrap();
        assert!(other != address);
        assert!(wait(directory.clear_channel(acme, "cli")).unwrap() && !wait(directory.clear_channel(acme, "cli")).unwrap());
        assert!(wait(store.vault().channel(acme)).unwrap().is_none() && wait(store.queries().webhooks()).unwrap().is_empty());
        assert_eq!(wait(store.queries().company(acme)).unwrap().channel, ChannelKind::Embedded);
    });
}
