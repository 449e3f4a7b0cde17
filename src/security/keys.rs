//! The installation's key: one random secret in a private file, from which every other key is derived.
//!
//! It encrypts the second factors' secrets and makes pseudonyms of addresses. Losing it means enrolling
//! every second factor anew; a database stolen without it yields neither.

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::kernel::clock::Chance;

use super::tokens;

/// Where the key lies inside the data folder.
pub const KEY_FILE: &str = "keys/install.key";

/// Bytes of the nonce of XChaCha20-Poly1305: long enough to be drawn at random.
const NONCE_BYTES: usize = 24;

/// Bytes that sealing adds: the nonce, and the tag of Poly1305.
pub const SEAL_BYTES: usize = NONCE_BYTES + 16;

/// Why the key cannot be used; the text tells the administrator what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot read or make the key file {path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("the key file {0} is damaged: put the one from your backup in its place")]
    Damaged(PathBuf),
    #[error("the key file {0} can be read by other users: set its mode to 0600")]
    Open(PathBuf),
}

/// The installation's key. `Debug` hides it.
#[derive(Clone)]
pub struct InstallKey {
    secret: [u8; 32],
}

impl fmt::Debug for InstallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstallKey(…)")
    }
}

impl InstallKey {
    /// A key that is already known; for tests and restores.
    #[must_use]
    pub const fn from_bytes(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// Reads `DIR/keys/install.key`, or makes it (mode 0600, folder 0700) when there is none.
    ///
    /// # Errors
    /// When the file cannot be read or made, is damaged, or is readable by others.
    pub fn load_or_create(dir: &Path, chance: &Chance) -> Result<Self, KeyError> {
        let path = dir.join(KEY_FILE);
        let failed = |source| KeyError::File { path: path.clone(), source };
        if !path.try_exists().map_err(failed)? {
            create(&path, &chance.bytes::<32>()).map_err(failed)?;
        }
        if fs::metadata(&path).map_err(failed)?.permissions().mode() & 0o077 != 0 {
            return Err(KeyError::Open(path));
        }
        let text = fs::read_to_string(&path).map_err(failed)?;
        let secret = URL_SAFE_NO_PAD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        secret.map(Self::from_bytes).ok_or(KeyError::Damaged(path))
    }

    /// A stable pseudonym of `value`: a keyed hash, different for each `purpose`.
    #[must_use]
    pub fn pseudonym(&self, purpose: &str, value: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(&tokens::mac(&self.secret, &[b"pseudonym", purpose.as_bytes(), value])[..16])
    }

    /// Encrypts `plain` for `place` (purpose and owner): it opens at the same place only.
    ///
    /// `None` only when the cipher refuses, which it does for texts beyond 256 GiB.
    #[must_use]
    pub fn seal(&self, chance: &Chance, place: &str, plain: &[u8]) -> Option<String> {
        Some(URL_SAFE_NO_PAD.encode(self.seal_bytes(chance, place, plain)?))
    }

    /// As [`Self::seal`], for what is not kept as text: [`SEAL_BYTES`] longer than `plain`.
    #[must_use]
    pub fn seal_bytes(&self, chance: &Chance, place: &str, plain: &[u8]) -> Option<Vec<u8>> {
        let nonce = chance.bytes::<NONCE_BYTES>();
        let payload = Payload { msg: plain, aad: place.as_bytes() };
        let sealed = self.cipher().encrypt(XNonce::from_slice(&nonce), payload).ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts what [`Self::seal`] made for `place`; `None` when it was altered, moved, or made under
    /// another key.
    #[must_use]
    pub fn open(&self, place: &str, sealed: &str) -> Option<Vec<u8>> {
        self.open_bytes(place, &URL_SAFE_NO_PAD.decode(sealed).ok()?)
    }

    /// As [`Self::open`], for what [`Self::seal_bytes`] made.
    #[must_use]
    pub fn open_bytes(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        self.cipher().decrypt(XNonce::from_slice(nonce), payload).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&tokens::mac(&self.secret, &[b"seal"]).into())
    }
}

/// Writes the key beside its place and links it in: it is either whole or absent, and of two programs that
/// start together one wins and both read the winner's.
fn create(path: &Path, secret: &[u8; 32]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let draft = folder.join(format!("install.key.{}", std::process::id()));
    let _ = fs::remove_file(&draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    writeln!(file, "{}", URL_SAFE_NO_PAD.encode(secret))?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    fs::File::open(folder)?.sync_all()?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let chance = Chance::seeded(1);
        let first = InstallKey::load_or_create(dir.path(), &chance).unwrap();
        let again = InstallKey::load_or_create(dir.path(), &chance).unwrap();
        assert_eq!(first.secret, again.secret);
        let path = dir.path().join(KEY_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left behind");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(InstallKey::load_or_create(dir.path(), &chance), Err(KeyError::Open(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short").unwrap();
        assert!(matches!(InstallKey::load_or_create(dir.path(), &chance), Err(KeyError::Damaged(_))));
    }

    #[test]
    fn what_is_sealed_opens_at_its_place_only() {
        let (key, chance) = (InstallKey::from_bytes([1; 32]), Chance::seeded(2));
        let sealed = key.seal(&chance, "totp:a", b"secret").unwrap();
        assert_eq!(key.open("totp:a", &sealed).unwrap(), b"secret");
        assert_ne!(sealed, key.seal(&chance, "totp:a", b"secret").unwrap());
        let bytes = key.seal_bytes(&chance, "totp:a", b"secret").unwrap();
        assert_eq!(
            (bytes.len(), key.open_bytes("totp:a", &bytes).unwrap()),
            (6 + SEAL_BYTES, b"secret".into())
        );
        assert!(key.open("totp:b", &sealed).is_none());
        assert!(InstallKey::from_bytes([2; 32]).open("totp:a", &sealed).is_none());
        let mut altered = sealed.clone().into_bytes();
        altered[40] = if altered[40] == b'A' { b'B' } else { b'A' };
        assert!(key.open("totp:a", &String::from_utf8(altered).unwrap()).is_none());
        assert!(
            key.open_bytes("totp:b", &bytes).is_none() && key.open_bytes("totp:a", &bytes[1..]).is_none()
        );
        for bad in ["", "AAAA", "not base64 !"] {
            assert!(key.open("totp:a", bad).is_none(), "{bad}");
        }
    }
}
