//! Where recordings lie: one file each, of chunks that are sealed one by one.
//!
//! A file is a row of chunks, each its length (32 bits, little endian) and then what
//! [`InstallKey::seal_bytes`] made of one byte of flags and G.711 μ-law of two channels, left and right in
//! turn. The place that a chunk is sealed for names the recording and its number: chunks open in their order
//! and in their file only. Each chunk is on disk before the next is begun, so a file that was cut in the
//! middle of one plays as far as the one before.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::kernel::clock::Chance;
use crate::kernel::ids::RecordingId;
use crate::media::RATE;
use crate::security::keys::{InstallKey, SEAL_BYTES};

/// Where recordings lie inside the data folder.
pub const FOLDER: &str = "vault/recordings";

/// Bytes of sound in a full chunk, 3 seconds: what is lost when the program is killed.
pub const CHUNK_BYTES: usize = 3 * SECOND_BYTES;

/// Bytes of sound of one second, both channels.
pub const SECOND_BYTES: usize = 2 * RATE as usize;

/// Bytes of a chunk's length before it.
const LENGTH_BYTES: u64 = 4;

/// The recording was paused before this chunk.
const AFTER_PAUSE: u8 = 1;

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("the vault: {0}")]
    File(#[from] io::Error),
    #[error("chunk {0} was altered, moved, or sealed under another key")]
    Damaged(usize),
}

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Vault {
    folder: Arc<Path>,
    key: InstallKey,
    chance: Chance,
}

fn place(id: RecordingId, number: usize) -> String {
    format!("recording:{id}:{number}")
}

impl Vault {
    /// The vault inside the data folder `dir`, which need not hold one yet.
    #[must_use]
    pub fn new(dir: &Path, key: InstallKey, chance: Chance) -> Self {
        Self { folder: dir.join(FOLDER).into(), key, chance }
    }

    fn path(&self, id: RecordingId) -> PathBuf {
        self.folder.join(id.to_string())
    }

    /// Begins the file of a new recording (folder 0700, file 0600). Blocks.
    ///
    /// # Errors
    /// When the folder or the file cannot be made.
    pub fn create(&self, id: RecordingId) -> io::Result<Writer> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.path(id))?;
        File::open(&self.folder)?.sync_all()?;
        Ok(Writer { vault: self.clone(), id, file, number: 0, length: 0 })
    }

    /// Opens a recording as far as it is whole. Blocks.
    ///
    /// # Errors
    /// When there is no such file, or it cannot be read.
    pub fn open(&self, id: RecordingId) -> io::Result<Reader> {
        let mut file = File::open(self.path(id))?;
        let total = file.metadata()?.len();
        let (mut chunks, mut at) = (Vec::new(), 0_u64);
        loop {
            let mut length = [0; 4];
            match file.read_exact(&mut length) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
            let (begin, length) = (at + LENGTH_BYTES, u32::from_le_bytes(length));
            let end = begin + u64::from(length);
            // The last one was being written when the program was killed.
            if end > total || !(SEAL_BYTES..=SEAL_BYTES + 1 + CHUNK_BYTES).contains(&wide(length)) {
                break;
            }
            chunks.push((begin, wide(length)));
            at = end;
            file.seek(SeekFrom::Start(at))?;
        }
        Ok(Reader { vault: self.clone(), id, file, chunks })
    }

    /// Deletes a recording; one that is gone already is no error. Blocks.
    ///
    /// # Errors
    /// When the file cannot be deleted.
    pub fn delete(&self, id: RecordingId) -> io::Result<()> {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}

fn wide(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// Writes one recording.
#[derive(Debug)]
pub struct Writer {
    vault: Vault,
    id: RecordingId,
    file: File,
    number: usize,
    length: u64,
}

impl Writer {
    /// Seals a chunk of at most [`CHUNK_BYTES`] and waits until it is on disk. After an error the file ends
    /// with the chunk before. Blocks.
    ///
    /// # Errors
    /// When it cannot be written: the disk is full, or fails.
    pub fn chunk(&mut self, sound: &[u8], after_pause: bool) -> io::Result<()> {
        let mut plain = Vec::with_capacity(1 + sound.len());
        plain.push(if after_pause { AFTER_PAUSE } else { 0 });
        plain.extend(sound);
        let place = place(self.id, self.number);
        let sealed = self.vault.key.seal_bytes(&self.vault.chance, &place, &plain);
        let sealed = sealed.ok_or(io::ErrorKind::InvalidInput)?;
        let length = u32::try_from(sealed.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let whole = [&length.to_le_bytes(), sealed.as_slice()].concat();
        let written = self.file.write_all(&whole).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // Best effort: a reader passes over what is not whole.
            let _ = self.file.set_len(self.length);
        }
        written?;
        self.number += 1;
        self.length += LENGTH_BYTES + u64::from(length);
        Ok(())
    }

    /// Bytes of the file.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }
}

/// Reads one recording.
#[derive(Debug)]
pub struct Reader {
    vault: Vault,
    id: RecordingId,
    file: File,
    /// Where each chunk begins behind its length, and how long it is.
    chunks: Vec<(u64, usize)>,
}

impl Reader {
    /// How many chunks are whole.
    #[must_use]
    pub const fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Bytes of sound in all chunks.
    #[must_use]
    pub fn sound_bytes(&self) -> usize {
        self.chunks.iter().map(|(_, length)| length.saturating_sub(SEAL_BYTES + 1)).sum()
    }

    /// Bytes of all chunks as they lie in the file.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.chunks.last().map_or(0, |(begin, length)| begin + u64::try_from(*length).unwrap_or(0))
    }

    /// The sound of chunk `number`, from 0, and whether the recording was paused before it. Blocks.
    ///
    /// # Errors
    /// When it is damaged or cannot be read.
    pub fn chunk(&mut self, number: usize) -> Result<(Vec<u8>, bool), VaultError> {
        let (begin, length) = *self.chunks.get(number).ok_or(VaultError::Damaged(number))?;
        let mut sealed = vec![0; length];
        self.file.seek(SeekFrom::Start(begin))?;
        self.file.read_exact(&mut sealed)?;
        let plain = self.vault.key.open_bytes(&place(self.id, number), &sealed);
        let plain = plain.ok_or(VaultError::Damaged(number))?;
        let (flags, sound) = plain.split_first().ok_or(VaultError::Damaged(number))?;
        Ok((sound.to_vec(), flags & AFTER_PAUSE != 0))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const ID: RecordingId = RecordingId(5);

    fn vault(dir: &Path, key: u8) -> Vault {
        Vault::new(dir, InstallKey::from_bytes([key; 32]), Chance::seeded(1))
    }

    fn three(dir: &Path) -> Vault {
        let vault = vault(dir, 1);
        let mut writer = vault.create(ID).unwrap();
        for n in 1..=3 {
            writer.chunk(&[n; 320], n == 2).unwrap();
        }
        assert_eq!(fs::metadata(vault.path(ID)).unwrap().len(), writer.length());
        vault
    }

    #[test]
    fn what_was_written_is_read_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let vault = three(dir.path());
        let mut reader = vault.open(ID).unwrap();
        assert_eq!((reader.chunks(), reader.sound_bytes()), (3, 960));
        assert_eq!(reader.chunk(0).unwrap(), (vec![1; 320], false));
        assert_eq!(reader.chunk(1).unwrap(), (vec![2; 320], true));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&vault.folder), mode(&vault.path(ID))), (0o700, 0o600));
        let bytes = fs::read(vault.path(ID)).unwrap();
        assert!(!bytes.windows(8).any(|eight| eight == [1; 8]), "nothing lies open");
        assert!(vault.create(ID).is_err(), "a recording is never written over");
        vault.delete(ID).unwrap();
        vault.delete(ID).unwrap();
        assert_eq!(vault.open(ID).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_that_was_cut_anywhere_plays_as_far_as_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let vault = three(dir.path());
        let whole = fs::read(vault.path(ID)).unwrap();
        let chunk = whole.len() / 3;
        for length in [0, 3, chunk - 1, chunk, chunk + 2, 2 * chunk + 100, 3 * chunk] {
            fs::write(vault.path(ID), &whole[..length]).unwrap();
            let mut reader = vault.open(ID).unwrap();
            assert_eq!(reader.chunks(), length / chunk, "{length}");
            assert!((0..reader.chunks()).all(|n| reader.chunk(n).is_ok()), "{length}");
        }
    }

    #[test]
    fn an_altered_or_moved_chunk_and_a_wrong_key_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let made = three(dir.path());
        let whole = fs::read(made.path(ID)).unwrap();
        let chunk = whole.len() / 3;
        let mut altered = whole.clone();
        altered[chunk + 60] ^= 1;
        fs::write(made.path(ID), &altered).unwrap();
        let mut reader = made.open(ID).unwrap();
        assert!(reader.chunk(0).is_ok() && reader.chunk(2).is_ok());
        assert!(matches!(reader.chunk(1), Err(VaultError::Damaged(1))));

        let swapped = [&whole[chunk..2 * chunk], &whole[..chunk], &whole[2 * chunk..]].concat();
        fs::write(made.path(ID), swapped).unwrap();
        let mut reader = made.open(ID).unwrap();
        assert!(reader.chunk(0).is_err() && reader.chunk(1).is_err() && reader.chunk(2).is_ok());

        fs::write(made.path(RecordingId(6)), &whole).unwrap();
        assert!(made.open(RecordingId(6)).unwrap().chunk(0).is_err(), "another recording's file");
        fs::write(made.path(ID), &whole).unwrap();
        assert!(vault(dir.path(), 2).open(ID).unwrap().chunk(0).is_err(), "another key");
        assert!(made.open(ID).unwrap().chunk(0).is_ok());
    }

    #[test]
    fn a_full_disk_is_an_error_and_the_number_stays() {
        let dir = tempfile::tempdir().unwrap();
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut writer = Writer { vault: vault(dir.path(), 1), id: ID, file, number: 0, length: 0 };
        assert_eq!(writer.chunk(&[0; 320], false).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!((writer.number, writer.length()), (0, 0));
    }
}
