//! The text of a token.

use std::fmt;
use std::fmt::Write;
use std::str::FromStr;

/// So that people and scanners know what it is.
const PREFIX: &str = "awd_";

/// Random bytes: nobody guesses one of 2¹⁹².
const BYTES: usize = 24;

/// `awd_`, 48 hexadecimal digits that nobody can guess, and 8 that are their CRC-32: a token that was cut or
/// mistyped is known as such without a look at any table, and one in a place where it does not belong is
/// found by a search.
///
/// It is shown to nobody by accident: neither `Debug` nor `Display` tell it.
pub struct Secret(String);

/// What is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSecret;

impl Secret {
    /// A new one.
    #[expect(clippy::new_without_default, reason = "no two are alike")]
    pub fn new() -> Self {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).expect("the system has random bytes");
        let mut digits = String::with_capacity(2 * BYTES);
        for byte in bytes {
            write!(digits, "{byte:02x}").expect("a text can be longer");
        }
        let sum = crc32fast::hash(digits.as_bytes());
        Self(format!("{PREFIX}{digits}{sum:08x}"))
    }

    /// The text, for whoever is to have it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it. The text has more than enough randomness for a plain hash.
    pub fn hash(&self) -> blake3::Hash {
        blake3::hash(self.0.as_bytes())
    }
}

impl FromStr for Secret {
    type Err = BadSecret;

    fn from_str(text: &str) -> Result<Self, BadSecret> {
        let rest = text.strip_prefix(PREFIX).ok_or(BadSecret)?;
        let hex = |letter: u8| letter.is_ascii_digit() || (b'a'..=b'f').contains(&letter);
        if rest.len() != 2 * BYTES + 8 || !rest.bytes().all(hex) {
            return Err(BadSecret);
        }
        let (digits, sum) = rest.split_at(2 * BYTES);
        if u32::from_str_radix(sum, 16) != Ok(crc32fast::hash(digits.as_bytes())) {
            return Err(BadSecret);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

impl fmt::Display for BadSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a token is {PREFIX} and {} digits: this was cut or mistyped", 2 * BYTES + 8)
    }
}

impl std::error::Error for BadSecret {}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was cut or mistyped is no token, and no token is shown by accident.
    #[test]
    fn a_mistyped_token_is_none() {
        let secret = Secret::new();
        let text = secret.reveal();
        assert_eq!(text.parse::<Secret>().unwrap().hash(), secret.hash());
        assert_ne!(Secret::new().hash(), secret.hash());
        for place in 0..text.len() {
            let mut other = text.to_owned();
            let letter = if &text[place..=place] == "0" { "1" } else { "0" };
            other.replace_range(place..=place, letter);
            assert!(other.parse::<Secret>().is_err(), "changed at {place}");
            assert!(text[..place].parse::<Secret>().is_err(), "cut at {place}");
        }
        assert!(text.to_uppercase().parse::<Secret>().is_err());
        assert!(!format!("{secret:?}").contains(&text[4..]));
    }
}
