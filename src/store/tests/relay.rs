//! The connection is lost, and the server on its other side does not know it: what was sent is still executed, some time later.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Instant;

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::*;

/// A relay to a server that can lose its clients, while the server keeps its connections and everything that was sent.
struct Relay {
    port: u16,
    /// Both ends of every connection so far.
    ends: Arc<Mutex<Vec<(TcpStream, TcpStream)>>>,
}

impl Relay {
    fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, ends) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<(TcpStream, TcpStream)>>>::default());
        let kept = Arc::clone(&ends);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&server) else { return };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || {
                        let mut some = [0; 16 * 1024];
                        while let Ok(n @ 1..) = from.read(&mut some) {
                            if to.write_all(&some[..n]).is_err() {
                                return;
                            }
                        }
                    });
                }
                kept.lock().unwrap().push((client, server));
            }
        });
        Self { port, ends }
    }

    fn loses_its_clients(&self) {
        for (client, _) in self.ends.lock().unwrap().iter() {
            let _ = client.shutdown(Shutdown::Both);
        }
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Waits until so many statements of others are under way.
fn until_under_way(conn: &mut Conn, wanted: i64) {
    let Conn::Pg(c) = conn else { panic!("not PostgreSQL") };
    let patience = Instant::now() + Duration::from_secs(60);
    let active = "SELECT count(*) AS count FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'";
    while diesel::sql_query(active).get_result::<Count>(c).unwrap().count != wanted {
        assert!(Instant::now() < patience, "never {wanted} statements under way");
    }
}

#[test]
fn what_a_lost_connection_had_sent_harms_nobody() {
    each(|place| {
        let StoreUrl::Postgres(url) = &place.url else { return };
        let (before, rest) = url.rsplit_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        let relay = Relay::to(server.to_owned());
        let relayed = format!("{before}@127.0.0.1:{}/{name}", relay.port).parse().unwrap();
        let serving = Serving::with(StoreOptions { url: relayed, ..place.options() });
        let mut room = Draft::new(&serving.journal, 1, "r");
        let mut other = Draft::new(&serving.journal, 1, "other");
        assert_eq!(serving.one(room.calls(&["a"])), None);

        // The statement waits at a table (for less than its second), and its sender goes away.
        let (mut holder, mut watch) = (place.conn(), place.conn());
        holder.batch_execute("BEGIN; LOCK TABLE room_events IN SHARE ROW EXCLUSIVE MODE").unwrap();
        serving.journal.submit(Job::Commit(Box::new(room.clone().calls(&["b"])))).unwrap();
        until_under_way(&mut watch, 1);
        relay.loses_its_clients();
        let Finished::Rejected(_, unclear) = serving.bag().1.remove(0) else { panic!("it cannot have landed") };
        assert!(matches!(unclear, Rejection::Unclear(_)), "{unclear:?}");
        // The journal connects anew and reads how far it is; and only then the old statement goes on.
        let version = serving.load(&room.address).map(|room| room.version);
        holder.batch_execute("COMMIT").unwrap();
        until_under_way(&mut watch, 0);

        assert_eq!(serving.one(other.calls(&["c"])), None, "another room");
        assert_eq!(version, Some(1));
        assert_eq!(serving.one(room.calls(&["b"])), None, "what was read is how it is");
        assert_eq!(serving.one(other.calls(&["d"])), None);
        assert_eq!(serving.load(&room.address).unwrap().version, 2);
    });
}
