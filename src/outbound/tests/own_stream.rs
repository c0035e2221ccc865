//! Whose fault it was that a file did not get out.

use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::super::{Body, Class, Outbound, Reply, Request};
use super::peer::{COMPANY, FAST, Peer, SILENCE};
use crate::actors::outside::Pieces;

/// Four bytes were promised.
async fn reply(stream: Pieces) -> Reply {
    reply_within(Duration::from_millis(400), stream).await
}

async fn reply_within(timeout: Duration, stream: Pieces) -> Reply {
    let (out, peer) = (Outbound::new().unwrap(), Peer::start(vec![SILENCE]).await);
    out.set_budget(COMPANY, &peer.host, FAST);
    let slot = out.slot(COMPANY, &peer.host, Class::Upload).await;
    let body = Some(Body::Stream { content_type: "text/plain".into(), length: 4, stream });
    out.send(slot, Request { body, timeout, ..peer.request(true) }).await
}

fn two() -> stream::Iter<std::vec::IntoIter<Result<Vec<u8>, std::io::Error>>> {
    stream::iter(vec![Ok(b"ab".to_vec())])
}

#[tokio::test]
async fn what_broke_off_here_was_not_sent() {
    let broken = two().chain(stream::iter([Err(std::io::Error::other("the bucket is away"))]));
    let said = reply(Box::pin(broken)).await;
    assert!(matches!(said, Reply::NotSent { .. }), "{said:?}");
    let stuck = two().chain(stream::pending());
    let said = reply(Box::pin(stuck)).await;
    assert!(matches!(said, Reply::NotSent { .. }), "{said:?}");
    // Longer where the machine is too busy for all of it to have left by then.
    let mut said = reply(Box::pin(two().chain(two()))).await;
    for longer in [4, 20].map(Duration::from_secs) {
        if matches!(said, Reply::NotSent { .. }) {
            said = reply_within(longer, Box::pin(two().chain(two()))).await;
        }
    }
    assert!(matches!(said, Reply::Lost { .. }), "all of it was there to be taken: {said:?}");
}
