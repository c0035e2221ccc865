//! One file on its way in, from its first byte to its address. **Invariant:** only what was read whole, told by its bytes, small
//! enough and scanned reaches an address.

use std::sync::Arc;

use super::blobs::{Draft, Whole};
use super::filename::harmless;
use super::location::{Place, Wash};
use super::ole;
use super::refused::Refused;
use super::scan::{Scan, Verdict};
use super::sniff::{Declared, HEAD, Look, first_look, in_zip};
use crate::actors::outside;
use crate::room::channel_limits::largest;
use crate::room::{CompanyNo, Format};

/// The end of a zip that is read for its directory.
const ZIP_END: u64 = 128 * 1024;

/// Takes bytes, in whatever pieces they come.
pub struct Intake {
    draft: Draft,
    declared: Declared,
    scan: Option<Arc<dyn Scan>>,
    head: Vec<u8>,
    /// What the head says, once there is enough of it.
    look: Option<Look>,
    wash: Option<Wash>,
    received: u64,
    max_bytes: u64,
    _place: outside::Place,
}

impl Intake {
    pub(super) fn new(draft: Draft, declared: Declared, scan: Option<Arc<dyn Scan>>, place: outside::Place) -> Self {
        let max_bytes = Format::ALL.iter().map(|format| largest(*format)).max().unwrap_or(0);
        Self { draft, declared, scan, head: vec![], look: None, wash: None, received: 0, max_bytes, _place: place }
    }

    /// The next bytes; what cannot be kept is refused as soon as that is certain.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        self.received += bytes.len() as u64;
        self.fits()?;
        if self.look.is_some() {
            return self.pass_on(bytes).await;
        }
        self.head.extend_from_slice(bytes);
        if self.head.len() >= HEAD { self.decide().await } else { Ok(()) }
    }

    fn fits(&self) -> Result<(), Refused> {
        if self.received > self.max_bytes { Err(Refused::TooLarge { max_bytes: self.max_bytes }) } else { Ok(()) }
    }

    async fn decide(&mut self) -> Result<(), Refused> {
        let look = first_look(&self.head[..self.head.len().min(HEAD)], &self.declared);
        match look {
            Look::Not(what) => return Err(refusal(&self.declared, what)),
            Look::Is(format) => {
                self.max_bytes = largest(format);
                self.wash = Some(Wash::new(format));
            }
            Look::Zip | Look::Ole => {}
        }
        self.look = Some(look);
        self.fits()?;
        let beginning = self.head.clone();
        self.head.truncate(HEAD);
        self.pass_on(&beginning).await
    }

    async fn pass_on(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        // Text was judged by its beginning: something else may still hang behind it.
        if matches!(self.look, Some(Look::Is(Format::Text | Format::Csv))) && bytes.contains(&0) {
            return Err(refusal(&self.declared, "bytes of no known format"));
        }
        match &mut self.wash {
            None => self.draft.write(bytes).await,
            Some(wash) => {
                let mut out = Vec::with_capacity(bytes.len());
                wash.push(bytes, &mut out);
                self.draft.write(&out).await
            }
        }
    }

    /// Gives up: nothing of it is left when this returns.
    pub async fn discard(self) {
        self.draft.discard().await;
    }

    /// The end of the file: what it is, and whether it may stay.
    pub async fn finish(mut self) -> Result<Ready, Refused> {
        let place = match self.end().await {
            Ok(place) => place,
            Err(refused) => {
                self.discard().await;
                return Err(refused);
            }
        };
        let Self { draft, declared, scan, head, look, .. } = self;
        let whole = draft.finish().await?;
        match judged(&whole, &declared, &head, look, scan.as_deref()).await {
            Ok(format) => Ok(Ready { whole, format, place, given: declared.filename }),
            Err(refused) => {
                whole.discard().await;
                Err(refused)
            }
        }
    }

    /// The last bytes.
    async fn end(&mut self) -> Result<Place, Refused> {
        if self.received == 0 {
            return Err(Refused::Empty);
        }
        if self.look.is_none() {
            self.decide().await?;
        }
        let Some(wash) = self.wash.take() else { return Ok(Place::Nowhere) };
        let mut out = vec![];
        let place = wash.finish(&mut out).map_err(|what| refusal(&self.declared, what))?;
        self.draft.write(&out).await?;
        Ok(place)
    }
}

fn refusal(declared: &Declared, what: &'static str) -> Refused {
    match declared.format() {
        Some(declared) => Refused::Mismatch { declared, what },
        None => Refused::Unsupported { what },
    }
}

/// What a file is that is all there: containers are opened, and the scanner is asked.
async fn judged(
    whole: &Whole,
    declared: &Declared,
    head: &[u8],
    look: Option<Look>,
    scan: Option<&dyn Scan>,
) -> Result<Format, Refused> {
    let told = match look {
        Some(Look::Is(format)) => Ok(format),
        Some(Look::Zip) => in_zip(head, &whole.part(whole.size.saturating_sub(ZIP_END), ZIP_END).await?),
        _ => ole::told(whole, head).await?,
    };
    let format = told.map_err(|what| refusal(declared, what))?;
    let max_bytes = largest(format);
    if whole.size > max_bytes {
        return Err(Refused::TooLarge { max_bytes });
    }
    let Some(scan) = scan else { return Ok(format) };
    match scan.scan(whole.pieces().await?).await {
        Verdict::Clean => Ok(format),
        Verdict::Infected(name) => Err(Refused::Infected { name }),
        Verdict::Error(why) => Err(Refused::ScanUnavailable(why)),
        Verdict::TooLarge => Err(Refused::ScanUnavailable("the scanner's own limit of size is smaller than the file".into())),
    }
}

/// A file that may be kept, and is not yet. Dropped, it is gone.
pub struct Ready {
    whole: Whole,
    format: Format,
    place: Place,
    given: String,
}

/// A file at its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub sha256: String,
    pub size: u64,
    pub format: Format,
    pub filename: String,
    /// What became of the place it was made at.
    pub place: Place,
}

impl Ready {
    /// Told by its bytes.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Where it will lie.
    pub fn sha256(&self) -> &str {
        &self.whole.sha256
    }

    pub fn size(&self) -> u64 {
        self.whole.size
    }

    /// It is not wanted: nothing of it is left when this returns.
    pub async fn discard(self) {
        self.whole.discard().await;
    }

    /// `key` names it where its own name is worth nothing.
    pub async fn keep(self, company: CompanyNo, key: &str) -> Result<Kept, Refused> {
        let Self { whole, format, place, given } = self;
        let (sha256, size) = (whole.sha256.clone(), whole.size);
        whole.keep(company).await?;
        Ok(Kept { sha256, size, format, filename: harmless(&given, format, key), place })
    }
}

#[cfg(test)]
#[path = "tests/intake.rs"]
mod tests;
