//! A line that brings only so many bytes in a second to whoever is behind it, as a company's own may be.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// So much passes at a time.
const PIECE: usize = 16 * 1024;

/// A port from which everything goes on to `behind`, the way there at this pace. It ends with the process.
pub fn to(behind: u16, bytes_a_second: u64) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, behind)) else { continue };
            let (Ok(near_back), Ok(far_back)) = (near.try_clone(), far.try_clone()) else { continue };
            thread::spawn(move || passes(near, far, Some(bytes_a_second)));
            thread::spawn(move || passes(far_back, near_back, None));
        }
    });
    port
}

fn passes(mut from: TcpStream, mut to: TcpStream, bytes_a_second: Option<u64>) {
    let mut piece = vec![0; PIECE];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        if let Some(pace) = bytes_a_second {
            thread::sleep(Duration::from_micros(length as u64 * 1_000_000 / pace));
        }
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Read);
    let _ = to.shutdown(Shutdown::Write);
}
