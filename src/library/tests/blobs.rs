//! Whole at its address or not there at all.

use std::path::PathBuf;

use super::*;

const ACME: CompanyNo = CompanyNo(1);

/// Every file under a folder.
pub fn files_in(folder: &Folder) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let deeper = |path: PathBuf| if path.is_dir() { files_in(&path) } else { vec![path] };
    entries.flatten().flat_map(|entry| deeper(entry.path())).collect()
}

async fn bytes_of(pieces: Pieces) -> Vec<u8> {
    pieces.try_collect::<Vec<Bytes>>().await.unwrap().concat()
}

#[tokio::test]
async fn bytes_come_back_from_the_address_of_their_hash() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path(), Who::Serve).unwrap();
    let content: Vec<u8> = (0..700_000_u32).map(|n| (n % 251) as u8).collect();
    let mut draft = blobs.begin().await.unwrap();
    for piece in content.chunks(70_001) {
        draft.write(piece).await.unwrap();
    }
    let whole = draft.finish().await.unwrap();
    let sha256 = whole.sha256.clone();
    assert_eq!(sha256, data_encoding::HEXLOWER.encode(ring::digest::digest(&SHA256, &content).as_ref()));
    assert_eq!((whole.size, &whole.part(699_990, 100).await.unwrap()[..]), (700_000, &content[699_990..]));
    assert!(blobs.read(ACME, &sha256, None).await.unwrap().is_none(), "not at its address before it is kept");
    whole.keep(ACME).await.unwrap();
    assert_eq!(bytes_of(blobs.read(ACME, &sha256, None).await.unwrap().unwrap()).await, content);
    assert!(blobs.read(CompanyNo(2), &sha256, None).await.unwrap().is_none(), "another company has its own");
    assert_eq!(files_in(folder.path()).len(), 1, "{:?}", files_in(folder.path()));

    let mut again = blobs.begin().await.unwrap();
    again.write(&content).await.unwrap();
    again.finish().await.unwrap().keep(ACME).await.unwrap();
    assert_eq!(files_in(folder.path()).len(), 1, "the same bytes lie there once");
}

#[tokio::test]
async fn what_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path(), Who::Serve).unwrap();
    let nothing_left = || async {
        for _ in 0..10_000 {
            if files_in(folder.path()).is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("left: {:?}", files_in(folder.path()));
    };
    let draft = async || {
        let mut draft = blobs.begin().await.unwrap();
        draft.write(&vec![7; 2 * BLOCK]).await.unwrap();
        assert_eq!(files_in(folder.path()).len(), 1);
        draft
    };
    draft().await.discard().await;
    assert!(files_in(folder.path()).is_empty());
    drop(draft().await);
    nothing_left().await;
    draft().await.finish().await.unwrap().discard().await;
    assert!(files_in(folder.path()).is_empty());
    drop(draft().await.finish().await.unwrap());
    nothing_left().await;
}

#[tokio::test]
async fn a_start_removes_what_the_dead_left() {
    let folder = tempfile::tempdir().unwrap();
    let half = |who: Who| {
        let place = folder.path().join(INCOMING).join(who.folder());
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("0192#1"), b"half").unwrap();
        place.join("0192#1")
    };
    let (of_serve, of_command) = (half(Who::Serve), half(Who::Command));
    Blobs::open(folder.path(), Who::Command).unwrap();
    assert!(of_serve.exists(), "a command beside a server leaves the server's alone");
    Blobs::open(folder.path(), Who::Serve).unwrap();
    assert!(!of_serve.exists() && of_command.exists(), "a command may be at work");
    let long_ago = SystemTime::now() - STALE - Duration::from_secs(1);
    fs::File::options().write(true).open(&of_command).unwrap().set_modified(long_ago).unwrap();
    Blobs::open(folder.path(), Who::Serve).unwrap();
    assert!(!of_command.exists());
}

#[test]
fn an_address_is_a_hash_and_no_path() {
    for bad in ["", "../../etc/passwd", &"g".repeat(64), &"A".repeat(64), &"a".repeat(63)] {
        assert!(address(ACME, bad).is_err(), "{bad}");
    }
    assert_eq!(address(ACME, &"ab".repeat(32)).unwrap().to_string(), format!("blobs/1/ab/{}", "ab".repeat(32)));
}

#[tokio::test]
async fn who_is_removing_bytes_and_who_brings_them_are_in_nobody_s_way() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path(), Who::Serve).unwrap();
    let brings = async || {
        let mut draft = blobs.begin().await.unwrap();
        draft.write(b"the same bytes").await.unwrap();
        let whole = draft.finish().await.unwrap();
        let sha256 = whole.sha256.clone();
        whole.keep(ACME).await.unwrap();
        sha256
    };
    let sha256 = brings().await;
    let read = async || Some(bytes_of(blobs.read(ACME, &sha256, None).await.unwrap()?).await);
    let aside = blobs.set_aside(ACME, &sha256).await.unwrap().unwrap();
    assert!(!blobs.is_there(ACME, &sha256).await.unwrap());
    assert_eq!(read().await.as_deref(), Some(&b"the same bytes"[..]), "who reads them meanwhile finds them");
    brings().await;
    aside.remove().await.unwrap();
    assert!(blobs.is_there(ACME, &sha256).await.unwrap(), "what came meanwhile stays");
    // A process died with them aside: they are found there, also beside others, and come back.
    drop(blobs.set_aside(ACME, &sha256).await.unwrap());
    brings().await;
    drop(blobs.set_aside(ACME, &sha256).await.unwrap());
    blobs.set_aside(ACME, &sha256).await.unwrap().unwrap().put_back().await.unwrap();
    assert!(blobs.is_there(ACME, &sha256).await.unwrap() && files_in(folder.path()).len() == 1);
    blobs.set_aside(ACME, &sha256).await.unwrap().unwrap().remove().await.unwrap();
    assert!(read().await.is_none() && blobs.set_aside(ACME, &sha256).await.unwrap().is_none());
}
