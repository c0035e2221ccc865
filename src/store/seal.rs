//! How secrets lie in the database: sealed (ChaCha20-Poly1305) under a key derived from the installation's secret, and bound to
//! their company and column. Opens nothing under another company, column or secret; shows neither key nor content.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::secrets::{Pepper, random};
use super::url::StoreError;
use crate::actors::outside::Secret;

/// First byte of what is sealed this way.
const FORM: u8 = 1;
/// Tells a wrong secret key file from a damaged row. It is a hash of the key, too short to say anything about it.
const MARK_BYTES: usize = 4;
const SALT_BYTES: usize = 24;
const HEAD_BYTES: usize = 1 + MARK_BYTES + SALT_BYTES;

/// Seals and opens. One is made at start; the secret itself is not kept in it.
pub(super) struct Seal {
    key: [u8; 32],
    mark: [u8; MARK_BYTES],
}

impl Seal {
    pub fn new(pepper: &Pepper) -> Self {
        let key = blake3::derive_key("bellhop 2026 sealed secrets v1", &pepper.0);
        let mut mark = [0; MARK_BYTES];
        mark.copy_from_slice(&blake3::derive_key("bellhop 2026 mark of the sealing key v1", &key)[..MARK_BYTES]);
        Self { key, mark }
    }

    /// `company`: its public id.
    pub fn close(&self, company: &str, column: &str, secret: &Secret) -> Result<Vec<u8>, StoreError> {
        let salt = random::<SALT_BYTES>()?;
        let mut body = secret.reveal().as_bytes().to_vec();
        self.once(&salt)?.seal_in_place_append_tag(nonce(), bound_to(company, column), &mut body).map_err(|_| too_much())?;
        let mut sealed = Vec::with_capacity(HEAD_BYTES + body.len());
        sealed.push(FORM);
        sealed.extend_from_slice(&self.mark);
        sealed.extend_from_slice(&salt);
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    pub fn open(&self, company: &str, column: &str, sealed: &[u8]) -> Result<Secret, StoreError> {
        let damaged =
            || StoreError::Invalid(format!("What is sealed for company {company} in {column} is damaged or not its own."));
        let (head, body) = sealed.split_at_checked(HEAD_BYTES).filter(|(head, _)| head[0] == FORM).ok_or_else(damaged)?;
        let (mark, salt) = head[1..].split_at(MARK_BYTES);
        if mark != self.mark {
            return Err(StoreError::Invalid(format!(
                "The secret key file is not the one with which {column} of company {company} was sealed; bring that file back, \
                 or set the token again."
            )));
        }
        let mut body = body.to_vec();
        let opened = self.once(salt)?.open_in_place(nonce(), bound_to(company, column), &mut body).map_err(|_| damaged())?.len();
        body.truncate(opened);
        String::from_utf8(body).map(Secret::new).map_err(|_| damaged())
    }

    /// A key that is used for one message, so that the cipher's short nonce need not be drawn by lot.
    fn once(&self, salt: &[u8]) -> Result<LessSafeKey, StoreError> {
        let key = blake3::keyed_hash(&self.key, salt);
        UnboundKey::new(&CHACHA20_POLY1305, key.as_bytes()).map(LessSafeKey::new).map_err(|_| too_much())
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(…)")
    }
}

/// **Invariant:** a key from `once` seals one message, so one nonce is enough.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

/// Length first, so that no two pairs are bound alike.
fn bound_to(company: &str, column: &str) -> Aad<Vec<u8>> {
    let mut bound = (column.len() as u64).to_le_bytes().to_vec();
    bound.extend_from_slice(column.as_bytes());
    bound.extend_from_slice(company.as_bytes());
    Aad::from(bound)
}

fn too_much() -> StoreError {
    StoreError::Invalid("The secret cannot be sealed.".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_company_and_column_open_it() {
        let (one, two) = (Seal::new(&Pepper([1; 32])), Seal::new(&Pepper([2; 32])));
        let secret = Secret::new("canary-token".into());
        let sealed = one.close("com_a", "crm_access.sealed", &secret).unwrap();
        assert_eq!(one.open("com_a", "crm_access.sealed", &sealed).unwrap(), secret);
        assert_ne!(sealed, one.close("com_a", "crm_access.sealed", &secret).unwrap(), "never twice the same");
        let told = |outcome: Result<Secret, StoreError>| outcome.unwrap_err().to_string();
        assert!(told(one.open("com_b", "crm_access.sealed", &sealed)).contains("not its own"));
        assert!(told(one.open("com_a", "crm_access.other", &sealed)).contains("not its own"));
        assert!(told(two.open("com_a", "crm_access.sealed", &sealed)).contains("secret key file is not the one"));
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(one.open("com_a", "crm_access.sealed", &bent).is_err(), "byte {at}");
            assert!(one.open("com_a", "crm_access.sealed", &sealed[..at]).is_err(), "cut at {at}");
        }
        assert!(!sealed.windows(6).any(|six| six == b"canary"));
        assert_eq!(format!("{one:?}"), "Seal(…)");
    }
}
