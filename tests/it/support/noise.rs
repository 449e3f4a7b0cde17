//! Bytes that somebody has tampered with, repeatable by their seed.

use madoguchi::kernel::clock::Chance;

/// Changes `bytes` in one place: cut, flipped, doubled, stretched, or with one of `words` put in.
pub fn mutate(bytes: &mut Vec<u8>, words: &[&[u8]], chance: &Chance) {
    let pick = |n: usize| usize::try_from(chance.below(n as u64)).unwrap();
    if bytes.is_empty() {
        return;
    }
    let at = pick(bytes.len());
    match chance.below(9) {
        0 => bytes.truncate(at),
        1 => bytes[at] = chance.bytes::<1>()[0],
        2 => {
            bytes.remove(at);
        }
        3 => bytes.insert(at, b"\r\n;:,<>\"@%= \0\xff"[pick(14)]),
        4 => {
            let end = (at + 40).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        5 => {
            let end = (at + 20).min(bytes.len());
            bytes.drain(at..end);
        }
        6 => {
            let long = vec![b'9'; pick(4000)];
            bytes.splice(at..at, long);
        }
        7 => bytes[at] ^= 1 << pick(8),
        _ if words.is_empty() => bytes.push(0),
        _ => {
            let word = words[pick(words.len())];
            bytes.splice(at..at, word.iter().copied());
        }
    }
}
