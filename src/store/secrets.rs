//! The secret of this installation, and the keys made with it. A key is stored only as a keyed hash; nothing here prints one.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::url::StoreError;

const FILE: &str = "bellhop.key";
const PREFIX: &str = "bh_live_";
const SECRET_LETTERS: usize = 43;
const CHECK_LETTERS: usize = 6;
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// 32 random bytes that make stored hashes worthless without them.
#[derive(Clone)]
pub struct Pepper(pub [u8; 32]);

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

/// What is stored of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl Pepper {
    /// Reads `explicit`, else `bellhop.key` in `data_dir`, which is made (with its folder) at first use. The file holds 64
    /// hexadecimal digits and must be readable by its owner alone.
    pub fn load_or_make(explicit: Option<&Path>, data_dir: &Path) -> Result<Self, StoreError> {
        match explicit {
            Some(path) => Self::load(path)?
                .ok_or_else(|| StoreError::Invalid(format!("The secret key file {} does not exist.", path.display()))),
            None => {
                let path = data_dir.join(FILE);
                if let Some(pepper) = Self::load(&path)? {
                    return Ok(pepper);
                }
                if !data_dir.as_os_str().is_empty() {
                    fs::create_dir_all(data_dir).map_err(|source| io("The data directory cannot be made", data_dir, source))?;
                }
                Self::make(&path)
            }
        }
    }

    fn load(path: &Path) -> Result<Option<Self>, StoreError> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io("The secret key file cannot be read", path, source)),
        };
        if metadata.mode() & 0o077 != 0 {
            return Err(StoreError::BadSecret(format!(
                "Others can read the secret key file {}; make its mode 0600.",
                path.display()
            )));
        }
        let text = fs::read(path).map_err(|source| io("The secret key file cannot be read", path, source))?;
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.trim_ascii()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(|bytes| Some(Self(bytes))).ok_or_else(|| {
            StoreError::BadSecret(format!("The secret key file {} does not hold 64 hexadecimal digits.", path.display()))
        })
    }

    /// Written aside and linked into place, so that nobody ever reads half a secret and of two processes the first one wins.
    fn make(path: &Path) -> Result<Self, StoreError> {
        let secret = Self(random()?);
        let failed = |source| io("The secret key file cannot be made", path, source);
        let aside = path.with_extension(format!("key.{}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside).map_err(failed)?;
        let written =
            file.write_all(format!("{}\n", data_encoding::HEXLOWER.encode(&secret.0)).as_bytes()).and_then(|()| file.sync_all());
        let linked = written.and_then(|()| fs::hard_link(&aside, path));
        let _ = fs::remove_file(&aside);
        match linked {
            Ok(()) => Ok(secret),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Self::load(path)?.ok_or_else(|| StoreError::Invalid(format!("The secret key file {} vanished.", path.display())))
            }
            Err(source) => Err(failed(source)),
        }
    }
}

fn io(what: &str, path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io { what: format!("{what}: {}.", path.display()), source }
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| StoreError::Unavailable(format!("the operating system gives no random bytes: {error}")))?;
    Ok(bytes)
}

/// The key under which references to our records in other systems are made: equal in every process of this installation.
pub(super) fn reference_key(pepper: &Pepper) -> [u8; 32] {
    blake3::derive_key("bellhop 2026 references in other systems v1", &pepper.0)
}

/// The key that links to sent files are signed with: equal in every process of this installation.
pub fn link_key(pepper: &Pepper) -> [u8; 32] {
    blake3::derive_key("bellhop 2026 links to sent files v1", &pepper.0)
}

/// How the secret in a webhook's path is looked up: without the installation's own secret it tells nothing.
pub fn hash_webhook(pepper: &Pepper, secret: &str) -> [u8; 32] {
    let derived = blake3::derive_key("bellhop 2026 webhook secrets v1", &pepper.0);
    *blake3::keyed_hash(&derived, secret.as_bytes()).as_bytes()
}

/// A secret for a webhook's path: 256 random bits, as a path may carry them.
pub(super) fn new_webhook_secret() -> Result<String, StoreError> {
    Ok(data_encoding::BASE32_NOPAD.encode(&random::<32>()?).to_lowercase())
}

pub fn hash_key(pepper: &Pepper, key: &str) -> KeyHash {
    let derived = blake3::derive_key("bellhop 2026 api keys v1", &pepper.0);
    KeyHash(*blake3::keyed_hash(&derived, key.as_bytes()).as_bytes())
}

/// A new key: `bh_live_`, 43 random letters and digits (256 bits), 6 of checksum. Needs random bytes of the operating system;
/// without them it answers the empty text, which no door accepts.
pub fn new_key() -> String {
    try_new_key().unwrap_or_default()
}

pub(super) fn try_new_key() -> Result<String, StoreError> {
    let mut key = String::from(PREFIX);
    while key.len() < PREFIX.len() + SECRET_LETTERS {
        // 248 = 4 * 62: what is above would make some letters likelier than others.
        let drawn = random::<64>()?;
        let wanted = PREFIX.len() + SECRET_LETTERS - key.len();
        key.extend(
            drawn.into_iter().filter(|byte| *byte < 248).take(wanted).map(|byte| char::from(LETTERS[usize::from(byte % 62)])),
        );
    }
    key.push_str(&checksum(&key));
    Ok(key)
}

/// Whether a text can be a key at all: spares a look-up, and tells a typing error from a revoked key.
pub fn checksum_ok(key: &str) -> bool {
    let length = PREFIX.len() + SECRET_LETTERS + CHECK_LETTERS;
    key.len() == length
        && key.is_ascii()
        && key.starts_with(PREFIX)
        && key.as_bytes()[PREFIX.len()..].iter().all(u8::is_ascii_alphanumeric)
        && checksum(&key[..length - CHECK_LETTERS]) == key[length - CHECK_LETTERS..]
}

fn checksum(text: &str) -> String {
    let mut rest = crc32(text.as_bytes());
    let mut letters = [b'0'; CHECK_LETTERS];
    for letter in letters.iter_mut().rev() {
        *letter = LETTERS[(rest % 62) as usize];
        rest /= 62;
    }
    letters.iter().copied().map(char::from).collect()
}

/// CRC-32 as in zip and Ethernet.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_check_themselves() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        let key = new_key();
        assert_eq!(key.len(), 57);
        assert!(checksum_ok(&key));
        assert_ne!(key, new_key());
        let mut typo = key.clone().into_bytes();
        typo[20] = if typo[20] == b'a' { b'b' } else { b'a' };
        assert!(!checksum_ok(std::str::from_utf8(&typo).unwrap()));
        assert!(!checksum_ok("") && !checksum_ok(&key[1..]) && !checksum_ok("bh_live_é"));
        let (one, two) = (Pepper([1; 32]), Pepper([2; 32]));
        assert_ne!(hash_key(&one, &key), hash_key(&two, &key));
        assert_eq!(hash_key(&one, &key), hash_key(&one.clone(), &key));
        assert!(!format!("{one:?}").contains('1'));
    }

    #[test]
    fn the_secret_is_made_once_and_guarded() {
        let folder = tempfile::tempdir().unwrap();
        let made = Pepper::load_or_make(None, &folder.path().join("deep")).unwrap();
        let path = folder.path().join("deep").join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(Pepper::load_or_make(None, &folder.path().join("deep")).unwrap().0, made.0);
        assert_eq!(Pepper::load_or_make(Some(&path), Path::new("/nowhere")).unwrap().0, made.0);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Pepper::load_or_make(None, &folder.path().join("deep")), Err(StoreError::BadSecret(_))));
        assert!(Pepper::load_or_make(Some(Path::new("/nowhere/x")), folder.path()).is_err());
    }
}
