//! A clamd as far as files are scanned: reads a stream of pieces and says whether it holds what it looks for.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub struct Scanner {
    pub port: u16,
    saw: Arc<AtomicUsize>,
    gone: Arc<AtomicBool>,
}

impl Scanner {
    /// Finds `signature` wherever it stands.
    pub fn up(signature: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (saw, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, over) = (saw.clone(), gone.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(mut stream) = stream
                    && let Ok(bytes) = streamed(&mut stream)
                {
                    counted.fetch_add(1, Ordering::SeqCst);
                    let found = bytes.windows(signature.len()).any(|window| window == signature);
                    let _ = stream.write_all(if found { b"stream: Test.Signature FOUND\0" } else { b"stream: OK\0" });
                }
            }
        });
        Self { port, saw, gone }
    }

    /// How many files it was shown.
    pub fn saw(&self) -> usize {
        self.saw.load(Ordering::SeqCst)
    }
}

impl Drop for Scanner {
    /// Takes no connection from here on.
    fn drop(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn streamed(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut command = [0; 10];
    stream.read_exact(&mut command)?;
    assert_eq!(&command, b"zINSTREAM\0");
    let mut bytes = vec![];
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length == 0 {
            return Ok(bytes);
        }
        let start = bytes.len();
        bytes.resize(start + length, 0);
        stream.read_exact(&mut bytes[start..])?;
    }
}
